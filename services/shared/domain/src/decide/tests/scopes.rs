//! What a listing covers, and which of two counts.

use rstest::rstest;

use super::*;

#[rstest]
#[case::inside(window(0, 24), true)]
#[case::cut(window(14, 24), true)]
#[case::touching(window(15, 24), false)]
#[case::elsewhere(window(20, 24), false)]
fn absence_ends_only_what_intersects_the_listed_window(
    #[case] listed: TimeWindow,
    #[case] ends: bool,
) {
    let known = in_state(BookingState::Confirmed);
    let changes = decide_at_noon(
        &[known],
        &[Listing {
            scope: Scope::Window(listed),
            seen: vec![],
        }],
    );
    assert_eq!(changes.len(), usize::from(ends));
}

#[test]
fn an_event_that_is_not_there_any_more_ends_its_booking() {
    let known = in_state(BookingState::Confirmed);
    let changes = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![])]);
    let (state, cause) = (BookingState::Removed, Cause::Absent);
    assert_eq!(
        changes,
        [Change::End {
            id: known.id,
            state,
            cause
        }]
    );
}

#[test]
fn a_request_google_does_not_have_yet_is_not_missed() {
    let known = in_state(BookingState::Requested);
    let all = Scope::Window(window(0, 100));
    assert_eq!(
        decide_at_noon(
            &[known],
            &[Listing {
                scope: all,
                seen: vec![]
            }]
        ),
        []
    );
}

#[test]
fn an_occurrence_that_comes_back_is_a_new_booking() {
    let known = in_state(BookingState::Removed);
    let changes = decide_at_noon(&[known], &[event("a", vec![accepted("a")])]);
    assert!(
        matches!(&changes[..], [Change::Create { .. }]),
        "{changes:?}"
    );
}

#[rstest]
#[case::one_date("s_38", &["s_14", "s_62"])]
#[case::the_whole_series("s", &[])]
fn a_cancellation_with_nothing_but_an_id_finds_its_dates(
    #[case] cancelled: &str,
    #[case] left: &[&str],
) {
    let known: Vec<Known> = [14, 38, 62]
        .map(|start| imported(&slot("s", start)))
        .to_vec();
    let gone = Occurrence {
        cancelled: true,
        window: None,
        ..accepted(cancelled)
    };
    let changes = decide_at_noon(&known, &[event(cancelled, vec![gone])]);
    let known = after(&known, &changes);
    let live = known.iter().filter(|booking| booking.state.blocks());
    assert_eq!(
        live.map(|booking| booking.details.event_id.as_str())
            .collect::<Vec<_>>(),
        left
    );
}

#[test]
fn a_series_that_was_listed_says_nothing_of_others() {
    let known = vec![
        imported(&slot("s", 14)),
        imported(&slot("t", 14)),
        in_state(BookingState::Confirmed),
    ];
    let scope = Scope::Series {
        series: "s".to_owned(),
        window: window(0, 100),
    };
    let changes = decide_at_noon(
        &known,
        &[Listing {
            scope,
            seen: vec![],
        }],
    );
    let (id, state, cause) = (known[0].id, BookingState::Removed, Cause::Absent);
    assert_eq!(changes, [Change::End { id, state, cause }]);
}

#[test]
fn the_wider_scope_was_listed_later_and_wins() {
    let moved = Occurrence {
        window: Some(window(18, 19)),
        ..accepted("a")
    };
    let narrow = event("a", vec![accepted("a")]);
    let wide = Listing {
        scope: Scope::Window(window(0, 24)),
        seen: vec![moved.clone()],
    };
    for listings in [[narrow.clone(), wide.clone()], [wide, narrow]] {
        let changes = decide_at_noon(&[], &listings);
        let Change::Create { details, .. } = &changes[0] else {
            panic!("expected a booking")
        };
        assert_eq!(Some(details.window), moved.window);
    }
}
