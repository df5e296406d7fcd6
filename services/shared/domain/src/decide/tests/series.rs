//! Which dates of a series go on as which (D26). Days are 24 hours, a series is weekly and starts at
//! hour 14 of its days.

use rstest::rstest;

use super::*;

const DAY: i64 = 24;
const WEEK: i64 = 7 * DAY;

/// The hours of so many weekly dates from a week on.
fn weeks(from: i64, count: i64) -> Vec<i64> {
    (from..from + count).map(|week| 14 + week * WEEK).collect()
}

fn dates(id: &str, starts: &[i64]) -> Vec<Occurrence> {
    starts.iter().map(|start| slot(id, *start)).collect()
}

fn known(occurrences: &[Occurrence]) -> Vec<Known> {
    occurrences.iter().map(imported).collect()
}

fn everything(seen: Vec<Occurrence>) -> Listing {
    Listing {
        scope: Scope::Window(window(0, 10_000)),
        seen,
    }
}

/// Where each of `before` is afterwards, in hours (`None`: ended), then where new ones are.
fn after_listing(before: &[Known], listings: &[Listing]) -> (Vec<Option<i64>>, Vec<i64>) {
    let changes = decide_at_noon(before, listings);
    let bookings = after(before, &changes);
    assert_eq!(decide_at_noon(&bookings, listings), [], "the second time");
    let hour = |booking: &Known| booking.details.window.starts_at().timestamp() / 3600;
    let (old, new) = bookings.split_at(before.len());
    let place = |booking: &Known| booking.state.blocks().then(|| hour(booking));
    (
        old.iter().map(place).collect(),
        new.iter().map(hour).collect(),
    )
}

fn all(starts: &[i64]) -> Vec<Option<i64>> {
    starts.iter().copied().map(Some).collect()
}

fn shifted(starts: &[i64], hours: i64) -> Vec<i64> {
    starts.iter().map(|start| start + hours).collect()
}

#[rstest]
#[case::an_hour_later(1)]
#[case::an_hour_earlier(-1)]
#[case::to_the_next_day(DAY)]
#[case::to_the_day_before(-DAY)]
#[case::to_another_day_and_hour(3 * DAY + 5)]
#[case::by_almost_a_week(6 * DAY)]
fn a_whole_series_that_moves_keeps_its_bookings(#[case] shift: i64) {
    let starts = weeks(1, 8);
    let before = known(&dates("s", &starts));
    let moved = shifted(&starts, shift);
    let listing = series("s", dates("s", &moved));
    assert_eq!(after_listing(&before, &[listing]), (all(&moved), vec![]));
}

#[test]
fn a_date_that_goes_on_has_the_new_key_and_event_and_the_old_id() {
    let before = known(&dates("s", &[14]));
    let changes = decide_at_noon(&before, &[series("s", dates("s", &[15]))]);
    let seen = slot("s", 15);
    assert_eq!(
        changes,
        [Change::Update {
            id: before[0].id,
            key: seen.key,
            state: BookingState::Confirmed,
            details: Details {
                event_id: "s_15".to_owned(),
                window: window(15, 16),
                ..before[0].details.clone()
            },
        }]
    );
}

#[test]
fn a_series_of_every_day_that_moves_by_a_day_changes_only_at_its_ends() {
    let days: Vec<i64> = (1..9).map(|day| 14 + day * DAY).collect();
    let before = known(&dates("s", &days));
    let listing = series("s", dates("s", &shifted(&days, DAY)));
    let (old, new) = after_listing(&before, &[listing]);
    // The dates in between are the same slots; the first and the last are not one date that jumped.
    assert_eq!(
        (old[0], &old[1..], new),
        (None, &all(&days[1..])[..], vec![14 + 9 * DAY])
    );
}

#[rstest]
#[case::same_times(0)]
#[case::an_hour_later(1)]
#[case::another_weekday(2 * DAY)]
fn this_and_following_keeps_the_bookings_of_both_parts(#[case] shift: i64) {
    let starts = weeks(1, 8);
    let before = known(&dates("s", &starts));
    let following = shifted(&starts[3..], shift);
    let split = "s_R19700123T140000";
    let listings = [
        series("s", dates("s", &starts[..3])),
        series(split, dates(split, &following)),
    ];
    let expected: Vec<i64> = starts[..3].iter().chain(&following).copied().collect();
    assert_eq!(after_listing(&before, &listings), (all(&expected), vec![]));
    let window = everything([dates("s", &starts[..3]), dates(split, &following)].concat());
    assert_eq!(after_listing(&before, &[window]), (all(&expected), vec![]));
}

#[test]
fn a_later_part_that_moves_before_dates_of_the_earlier_one_keeps_its_bookings() {
    let starts = weeks(5, 5);
    let split = "s_R19700123T140000";
    let (earlier, later) = starts.split_at(3);
    let before = known(&[dates("s", earlier), dates(split, later)].concat());
    let moved = shifted(later, -4 * WEEK - DAY);
    let listing = everything([dates("s", earlier), dates(split, &moved)].concat());
    let (places, new) = after_listing(&before, &[listing]);
    assert_eq!(places, all(&[earlier, &moved].concat()));
    assert_eq!(new, Vec::<i64>::new());
}

#[rstest]
#[case::the_first(0)]
#[case::one_in_the_middle(2)]
#[case::the_last(4)]
fn one_date_fewer_after_a_split_ends_the_one_that_is_missing(
    #[case] missing: usize,
    #[values(0, 1, DAY)] shift: i64,
) {
    let starts = weeks(1, 8);
    let before = known(&dates("s", &starts));
    let mut following = shifted(&starts[3..], shift);
    following.remove(missing);
    let split = "s_R19700123";
    let listing = everything([dates("s", &starts[..3]), dates(split, &following)].concat());
    let mut expected = all(&[&starts[..3], &shifted(&starts[3..], shift)[..]].concat());
    expected[3 + missing] = None;
    assert_eq!(after_listing(&before, &[listing]), (expected, vec![]));
}

#[test]
fn one_date_more_is_a_new_booking() {
    let starts = weeks(1, 4);
    let before = known(&dates("s", &starts));
    let moved = shifted(&weeks(1, 5), 1);
    let (old, new) = after_listing(&before, &[series("s", dates("s", &moved))]);
    assert_eq!((old, new), (all(&moved[..4]), vec![moved[4]]));
}

#[test]
fn what_was_split_twice_is_still_one_family() {
    let starts = weeks(1, 4);
    let before = known(&dates("s_R19700102T140000Z", &starts));
    let id = "s_R19700102T140000Z_R19700109T140000";
    let seen = everything(dates(id, &shifted(&starts, 2)));
    assert_eq!(
        after_listing(&before, &[seen]),
        (all(&shifted(&starts, 2)), vec![])
    );
}

#[test]
fn a_one_off_that_is_made_a_series_goes_on_as_the_date_at_its_time() {
    let before = vec![in_state(BookingState::Confirmed)];
    let starts = weeks(0, 3);
    let (old, new) = after_listing(&before, &[series("a", dates("a", &starts))]);
    assert_eq!((old, new), (all(&starts[..1]), starts[1..].to_vec()));
}

#[rstest]
#[case::at_a_date_of_it(14 + WEEK, [None, Some(14 + WEEK), None])]
#[case::at_another_time(20 + WEEK, [None, Some(20 + WEEK), None])]
fn a_series_that_is_made_a_single_event_goes_on_as_it_and_ends_its_other_dates(
    #[case] start: i64,
    #[case] expected: [Option<i64>; 3],
) {
    let before = known(&dates("s", &weeks(0, 3)));
    let single = Occurrence {
        window: Some(window(start, start + 1)),
        ..accepted("s")
    };
    let (old, new) = after_listing(&before, &[event("s", vec![single])]);
    assert_eq!((old, new), (expected.to_vec(), vec![]));
}

#[test]
fn a_series_that_is_made_a_single_event_beyond_the_horizon_ends() {
    let before = known(&dates("s", &weeks(0, 3)));
    let (old, new) = after_listing(&before, &[event("s", vec![])]);
    assert_eq!((old, new), (vec![None; 3], vec![]));
}

#[test]
fn a_single_event_and_a_date_of_a_series_are_named_by_their_own_ids_only() {
    let before = [
        known(&dates("s", &[14, 38])),
        vec![in_state(BookingState::Confirmed)],
    ]
    .concat();
    let (old, _) = after_listing(&before, &[event("s_14", vec![])]);
    assert_eq!(old, [None, Some(38), Some(14)]);
}

#[rstest]
#[case::of_another_series(dates("t", &[15]))]
#[case::of_a_series_with_a_longer_name(dates("s_Rx", &[15]))]
#[case::of_an_event(vec![Occurrence { window: Some(window(15, 16)), ..accepted("b") }])]
fn a_cancelled_date_does_not_go_on_as_something_unrelated(#[case] come: Vec<Occurrence>) {
    let before = known(&dates("s", &[14]));
    let (old, new) = after_listing(&before, &[everything(come)]);
    assert_eq!((old, new), (vec![None], vec![15]));
}

#[test]
fn a_cancelled_date_does_not_go_on_as_one_that_the_horizon_newly_reached() {
    let starts = weeks(1, 5);
    let before = known(&dates("s", &starts[..4]));
    let left = [&starts[..1], &starts[2..]].concat();
    let (old, new) = after_listing(&before, &[series("s", dates("s", &left))]);
    let expected = [Some(starts[0]), None, Some(starts[2]), Some(starts[3])];
    assert_eq!((old, new), (expected.to_vec(), vec![starts[4]]));
}

#[test]
fn of_several_weekdays_the_one_that_moved_goes_on() {
    let starts = [14, 14 + 2 * DAY, 14 + 4 * DAY];
    let before = known(&dates("s", &starts));
    let changed = [14, 14 + 3 * DAY, 14 + 4 * DAY];
    let (old, new) = after_listing(&before, &[series("s", dates("s", &changed))]);
    assert_eq!((old, new), (all(&changed), vec![]));
}

#[test]
fn a_tombstone_counts_as_being_gone() {
    let before = known(&dates("s", &[14]));
    let tombstone = Occurrence {
        cancelled: true,
        window: None,
        ..slot("s", 14)
    };
    let listing = series("s", vec![tombstone, slot("s", 15)]);
    assert_eq!(after_listing(&before, &[listing]), (all(&[15]), vec![]));
}

#[rstest]
#[case::declined(RoomAnswer::Declined)]
#[case::left(RoomAnswer::None)]
fn a_date_that_the_room_declined_or_left_does_not_go_on(#[case] answer: RoomAnswer) {
    let before = known(&dates("s", &[14]));
    let lost = Occurrence {
        room_answer: answer,
        ..slot("s", 14)
    };
    let (old, new) = after_listing(&before, &[series("s", vec![lost, slot("s", 15)])]);
    assert_eq!((old, new), (vec![None], vec![15]));
}

#[rstest]
#[case::pending(BookingState::Pending, true)]
#[case::confirmed(BookingState::Confirmed, true)]
#[case::undecided(BookingState::Undecided, true)]
#[case::being_declined(BookingState::Declining, false)]
#[case::requested(BookingState::Requested, false)]
fn what_is_asked_for_in_flexopus_does_not_go_on_as_another_date(
    #[case] state: BookingState,
    #[case] goes_on: bool,
) {
    let before = [Known {
        state,
        ..imported(&slot("s", 14))
    }];
    let changes = decide_at_noon(&before, &[series("s", vec![slot("s", 15)])]);
    let created = changes
        .iter()
        .any(|change| matches!(change, Change::Create { .. }));
    assert_eq!(created, !goes_on);
    assert_eq!(
        after(&before, &changes)[0].details.window == window(15, 16),
        goes_on
    );
}

#[rstest]
#[case::asked_anew(
    BookingState::Confirmed,
    RoomAnswer::NeedsAction,
    BookingState::Pending
)]
#[case::accepted(BookingState::Pending, RoomAnswer::Accepted, BookingState::Confirmed)]
#[case::no_answer(
    BookingState::Undecided,
    RoomAnswer::NeedsAction,
    BookingState::Undecided
)]
fn a_date_that_goes_on_takes_the_rooms_answer(
    #[case] from: BookingState,
    #[case] answer: RoomAnswer,
    #[case] to: BookingState,
) {
    let before = [Known {
        state: from,
        ..imported(&slot("s", 14))
    }];
    let seen = Occurrence {
        room_answer: answer,
        ..slot("s", 15)
    };
    let changes = decide_at_noon(&before, &[series("s", vec![seen])]);
    assert_eq!(after(&before, &changes)[0].state, to);
}

#[test]
fn equal_starts_go_before_order() {
    // The series lost its second half to a split and at once got an extra date.
    let starts = weeks(1, 4);
    let before = known(&dates("s", &starts));
    let extra = starts[3] + DAY;
    let split = "s_R19700115T140000";
    let seen = [
        dates("s", &[starts[0], starts[1], extra]),
        dates(split, &starts[2..]),
    ];
    let (old, new) = after_listing(&before, &[everything(seen.concat())]);
    assert_eq!((old, new), (all(&starts), vec![extra]));
}
