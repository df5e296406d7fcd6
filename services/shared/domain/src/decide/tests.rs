use std::collections::HashMap;

use chrono::DateTime;
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::RoomAnswer;

const NOON: i64 = 12;

fn at(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(hour * 3600, 0).unwrap()
}

fn window(start: i64, end: i64) -> TimeWindow {
    TimeWindow::new(at(start), at(end)).unwrap()
}

fn accepted(id: &str) -> Occurrence {
    Occurrence {
        key: OccurrenceKey::Event(id.to_owned()),
        event_id: id.to_owned(),
        cancelled: false,
        room_answer: RoomAnswer::Accepted,
        transparent: false,
        private: false,
        window: Some(window(14, 15)),
        all_day: false,
        organizer_mail: Some("anna@example.com".to_owned()),
        organizer_is_room: false,
        creator_mail: None,
        attendee_mails: Vec::new(),
        title: Some("Planning".to_owned()),
        flexopus_property: None,
    }
}

fn users() -> HashMap<String, UserId> {
    HashMap::from([
        ("anna@example.com".to_owned(), "anna".parse().unwrap()),
        ("ben@example.com".to_owned(), "ben".parse().unwrap()),
    ])
}

fn decide_at_noon(known: &[Known], listings: &[Listing]) -> Vec<Change> {
    let users = users();
    let own = ["admin@example.com".to_owned()];
    let rules = Rules {
        users: &users,
        own_subjects: &own,
        store_titles: false,
        now: at(NOON),
    };
    decide(known, listings, &rules)
}

/// What the bookings are after the changes.
fn after(known: &[Known], changes: &[Change]) -> Vec<Known> {
    let mut bookings = known.to_vec();
    for change in changes {
        match change.clone() {
            Change::Create {
                key,
                state,
                details,
            } => {
                bookings.push(Known {
                    id: BookingId::new(),
                    key,
                    state,
                    details,
                });
            }
            Change::Update { id, state, details } => {
                let booking = bookings.iter_mut().find(|b| b.id == id).unwrap();
                assert!(booking.state == state || booking.state.may_become(state));
                (booking.state, booking.details) = (state, details);
            }
            Change::End { id, state, .. } => {
                let booking = bookings.iter_mut().find(|b| b.id == id).unwrap();
                assert!(booking.state.may_become(state) && !state.blocks());
                booking.state = state;
            }
        }
    }
    bookings
}

fn event(id: &str, seen: Vec<Occurrence>) -> Listing {
    Listing {
        scope: Scope::Event(id.to_owned()),
        seen,
    }
}

fn imported(occurrence: &Occurrence) -> Known {
    let changes = decide_at_noon(
        &[],
        &[event(&occurrence.event_id, vec![occurrence.clone()])],
    );
    after(&[], &changes).remove(0)
}

fn in_state(state: BookingState) -> Known {
    Known {
        state,
        ..imported(&accepted("a"))
    }
}

#[rstest]
#[case::accepted(RoomAnswer::Accepted, false, Some(BookingState::Confirmed))]
#[case::organizer(RoomAnswer::Organizer, true, Some(BookingState::Confirmed))]
#[case::organizer_without_an_entry(RoomAnswer::None, true, Some(BookingState::Confirmed))]
#[case::organizer_that_declined(RoomAnswer::Declined, true, None)]
#[case::not_answered(RoomAnswer::NeedsAction, false, Some(BookingState::Pending))]
#[case::maybe(RoomAnswer::Tentative, false, Some(BookingState::Pending))]
#[case::declined(RoomAnswer::Declined, false, None)]
#[case::not_invited(RoomAnswer::None, false, None)]
fn the_rooms_answer_decides_what_is_a_booking(
    #[case] room_answer: RoomAnswer,
    #[case] organizer_is_room: bool,
    #[case] expected: Option<BookingState>,
) {
    let seen = Occurrence {
        room_answer,
        organizer_is_room,
        ..accepted("a")
    };
    let changes = decide_at_noon(&[], &[event("a", vec![seen])]);
    let state = changes.first().map(|change| match change {
        Change::Create { state, .. } => *state,
        other => panic!("expected a new booking, got {other:?}"),
    });
    assert_eq!(state, expected);
}

#[rstest]
#[case::cancelled(Occurrence { cancelled: true, window: None, ..accepted("a") }, Cause::Cancelled)]
#[case::declined(Occurrence { room_answer: RoomAnswer::Declined, ..accepted("a") }, Cause::RoomDeclined)]
#[case::uninvited(Occurrence { room_answer: RoomAnswer::None, ..accepted("a") }, Cause::RoomLeft)]
#[case::shown_as_free(Occurrence { transparent: true, ..accepted("a") }, Cause::NotBlocking)]
#[case::without_duration(Occurrence { window: None, ..accepted("a") }, Cause::NotBlocking)]
fn what_no_longer_occupies_the_room_ends_its_booking(
    #[case] seen: Occurrence,
    #[case] cause: Cause,
) {
    let known = in_state(BookingState::Confirmed);
    let changes = decide_at_noon(
        std::slice::from_ref(&known),
        &[event("a", vec![seen.clone()])],
    );
    assert_eq!(
        changes,
        [Change::End {
            id: known.id,
            state: BookingState::Removed,
            cause
        }]
    );
    assert_eq!(
        decide_at_noon(&[], &[event("a", vec![seen])]),
        [],
        "and none is made for it"
    );
}

#[rstest]
#[case::organizer(Some("anna@example.com"), &["ben@example.com"], None, Some("anna"))]
#[case::unknown_organizer(Some("x@other.org"), &["ben@example.com"], Some("ben@example.com"), None)]
#[case::shared_calendar(Some("c_1@group.calendar.google.com"), &["ben@example.com"], None, Some("ben"))]
#[case::only_guest_before_creator(None, &["ben@example.com"], Some("anna@example.com"), Some("ben"))]
#[case::several_guests(None, &["ben@example.com", "c@example.com"], Some("anna@example.com"), Some("anna"))]
#[case::only_guest_unknown(None, &["x@other.org"], Some("anna@example.com"), None)]
#[case::rooms_are_no_guests(None, &["c_2@resource.calendar.google.com"], Some("anna@example.com"), Some("anna"))]
#[case::creator_is_the_connection(None, &[], Some("admin@example.com"), None)]
#[case::nobody(None, &[], None, None)]
fn a_booking_belongs_to(
    #[case] organizer: Option<&str>,
    #[case] guests: &[&str],
    #[case] creator: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let seen = Occurrence {
        organizer_mail: organizer.map(str::to_owned),
        attendee_mails: guests.iter().map(|&mail| mail.to_owned()).collect(),
        creator_mail: creator.map(str::to_owned),
        ..accepted("a")
    };
    let booker = imported(&seen).details.booker;
    let user = expected.map(|user| Booker::User {
        user: user.parse().unwrap(),
    });
    assert_eq!(booker, user.unwrap_or(Booker::Anonymous));
}

#[test]
fn a_room_that_organizes_is_not_whose_booking_it_is() {
    let seen = Occurrence {
        organizer_mail: Some("ben@example.com".to_owned()),
        organizer_is_room: true,
        creator_mail: Some("anna@example.com".to_owned()),
        ..accepted("a")
    };
    assert_eq!(
        imported(&seen).details.organizer_mail.as_deref(),
        Some("anna@example.com")
    );
}

#[rstest]
#[case::future(14, true)]
#[case::past(10, false)]
fn a_user_who_appears_later_gets_future_bookings_only(#[case] start: i64, #[case] found: bool) {
    let seen = Occurrence {
        window: Some(window(start, start + 1)),
        ..accepted("a")
    };
    let mut known = imported(&seen);
    known.details.booker = Booker::Anonymous;
    let changes = decide_at_noon(&[known], &[event("a", vec![seen])]);
    assert_eq!(changes.len(), usize::from(found));
}

#[test]
fn a_devices_booking_stays_the_devices() {
    let mut known = in_state(BookingState::Confirmed);
    known.details.booker = Booker::Device {
        device: "door-1".parse().unwrap(),
    };
    assert_eq!(
        decide_at_noon(&[known], &[event("a", vec![accepted("a")])]),
        []
    );
}

#[test]
fn titles_are_kept_only_where_the_tenant_stores_them() {
    assert_eq!(imported(&accepted("a")).details.title, None);
    let users = users();
    let rules = Rules {
        users: &users,
        own_subjects: &[],
        store_titles: true,
        now: at(NOON),
    };
    let changes = decide(&[], &[event("a", vec![accepted("a")])], &rules);
    let Change::Create { details, .. } = &changes[0] else {
        panic!("expected a new booking")
    };
    assert_eq!(details.title.as_deref(), Some("Planning"));
}

#[test]
fn a_moved_event_moves_its_booking() {
    let known = in_state(BookingState::Confirmed);
    let moved = Occurrence {
        window: Some(window(16, 18)),
        ..accepted("a")
    };
    let changes = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![moved])]);
    let details = Details {
        window: window(16, 18),
        ..known.details.clone()
    };
    let state = BookingState::Confirmed;
    assert_eq!(
        changes,
        [Change::Update {
            id: known.id,
            state,
            details
        }]
    );
}

#[rstest]
#[case::room_asks_anew(
    BookingState::Confirmed,
    RoomAnswer::NeedsAction,
    Some(BookingState::Pending)
)]
#[case::room_accepts(
    BookingState::Pending,
    RoomAnswer::Accepted,
    Some(BookingState::Confirmed)
)]
#[case::google_has_a_request(
    BookingState::Requested,
    RoomAnswer::NeedsAction,
    Some(BookingState::Pending)
)]
#[case::request_accepted(
    BookingState::Requested,
    RoomAnswer::Accepted,
    Some(BookingState::Confirmed)
)]
#[case::late_answer(
    BookingState::Undecided,
    RoomAnswer::Accepted,
    Some(BookingState::Confirmed)
)]
#[case::still_undecided(BookingState::Undecided, RoomAnswer::NeedsAction, None)]
#[case::declining_survives(BookingState::Declining, RoomAnswer::Accepted, None)]
#[case::request_declined(
    BookingState::Requested,
    RoomAnswer::Declined,
    Some(BookingState::Rejected)
)]
#[case::pending_declined(
    BookingState::Pending,
    RoomAnswer::Declined,
    Some(BookingState::Rejected)
)]
#[case::confirmed_declined(
    BookingState::Confirmed,
    RoomAnswer::Declined,
    Some(BookingState::Removed)
)]
#[case::decline_arrived(
    BookingState::Declining,
    RoomAnswer::Declined,
    Some(BookingState::Removed)
)]
fn the_rooms_answer_moves_the_state(
    #[case] from: BookingState,
    #[case] room_answer: RoomAnswer,
    #[case] to: Option<BookingState>,
) {
    let known = in_state(from);
    let seen = Occurrence {
        room_answer,
        ..accepted("a")
    };
    let changes = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![seen])]);
    assert_eq!(changes.len(), usize::from(to.is_some()));
    assert_eq!(after(&[known], &changes)[0].state, to.unwrap_or(from));
}

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

fn slot(series: &str, start: i64) -> Occurrence {
    Occurrence {
        key: OccurrenceKey::Slot {
            series: series.to_owned(),
            original_start: at(start),
        },
        window: Some(window(start, start + 1)),
        ..accepted(&format!("{series}_{start}"))
    }
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

fn answers() -> impl Strategy<Value = RoomAnswer> {
    prop::sample::select(vec![
        RoomAnswer::Organizer,
        RoomAnswer::Accepted,
        RoomAnswer::Tentative,
        RoomAnswer::NeedsAction,
        RoomAnswer::Declined,
        RoomAnswer::None,
    ])
}

fn mails() -> impl Strategy<Value = Option<String>> {
    let mails = [
        "anna@example.com",
        "ben@example.com",
        "admin@example.com",
        "x@other.org",
    ];
    prop::option::of(prop::sample::select(mails.map(str::to_owned).to_vec()))
}

/// One of a few events and dates, so that worlds share some.
fn occurrences() -> impl Strategy<Value = Occurrence> {
    let times = (0_i64..40, 0_i64..5);
    (
        0_usize..8,
        answers(),
        any::<[bool; 3]>(),
        times,
        mails(),
        mails(),
    )
        .prop_map(
            |(which, room_answer, [cancelled, transparent, private], times, organizer, creator)| {
                let base = match which {
                    0..5 => accepted(&format!("e{which}")),
                    _ => slot("s", i64::try_from(which).unwrap()),
                };
                Occurrence {
                    cancelled: cancelled && transparent,
                    room_answer,
                    transparent: transparent && private,
                    private,
                    window: TimeWindow::new(at(times.0), at(times.0 + times.1)).ok(),
                    organizer_mail: organizer,
                    creator_mail: creator,
                    ..base
                }
            },
        )
}

/// A calendar: one occurrence per key.
fn calendars() -> impl Strategy<Value = Vec<Occurrence>> {
    prop::collection::vec(occurrences(), 0..12).prop_map(|occurrences| {
        let by_key: BTreeMap<_, _> = occurrences
            .into_iter()
            .map(|occurrence| (occurrence.key.clone(), occurrence))
            .collect();
        by_key.into_values().collect()
    })
}

/// Bookings as an earlier calendar left them, some in states only Flexopus makes.
fn bookings() -> impl Strategy<Value = Vec<Known>> {
    let states = prop::collection::vec(prop::option::of(0_usize..7), 12);
    (calendars(), states).prop_map(|(calendar, states)| {
        let all = Listing {
            scope: Scope::Window(window(0, 100)),
            seen: calendar,
        };
        let mut known = after(&[], &decide_at_noon(&[], &[all]));
        for (booking, state) in known.iter_mut().zip(states) {
            booking.state = state.map_or(booking.state, |state| BookingState::ALL[state]);
        }
        known
    })
}

/// Complete listings of some scopes of a calendar.
fn listings() -> impl Strategy<Value = (Vec<Occurrence>, Vec<Listing>)> {
    let scope = prop_oneof![
        (0_usize..5).prop_map(|event| Scope::Event(format!("e{event}"))),
        (0_i64..40, 1_i64..40).prop_map(|(from, hours)| Scope::Series {
            series: "s".to_owned(),
            window: window(from, from + hours),
        }),
        (0_i64..40, 1_i64..40).prop_map(|(from, hours)| Scope::Window(window(from, from + hours))),
    ];
    (calendars(), prop::collection::vec(scope, 0..6)).prop_map(|(calendar, scopes)| {
        let listings = scopes
            .into_iter()
            .map(|scope| list(&calendar, scope))
            .collect();
        (calendar, listings)
    })
}

fn list(calendar: &[Occurrence], scope: Scope) -> Listing {
    let within = |occurrence: &&Occurrence, listed: &TimeWindow| {
        occurrence
            .window
            .is_some_and(|window| window.intersects(listed))
    };
    let seen = calendar
        .iter()
        .filter(|occurrence| match (&scope, &occurrence.key) {
            (Scope::Event(id), OccurrenceKey::Event(event)) => event == id,
            (Scope::Series { window, .. }, OccurrenceKey::Slot { .. })
            | (Scope::Window(window), _) => within(occurrence, window),
            _ => false,
        });
    Listing {
        seen: seen.cloned().collect(),
        scope,
    }
}

proptest! {
    #[test]
    fn applying_twice_changes_nothing(known in bookings(), (_, listings) in listings()) {
        let known = after(&known, &decide_at_noon(&known, &listings));
        prop_assert_eq!(decide_at_noon(&known, &listings), []);
    }

    #[test]
    fn the_order_of_scopes_does_not_matter(
        known in bookings(),
        ((_, given), shuffled) in listings().prop_flat_map(|listings| {
            let shuffled = Just(listings.1.clone()).prop_shuffle();
            (Just(listings), shuffled)
        }),
    ) {
        prop_assert_eq!(decide_at_noon(&known, &given), decide_at_noon(&known, &shuffled));
    }

    #[test]
    fn absence_never_ends_what_lies_outside_the_window(
        known in bookings(),
        calendar in calendars(),
        (from, hours) in (0_i64..40, 1_i64..40),
    ) {
        let listed = window(from, from + hours);
        let listing = list(&calendar, Scope::Window(listed));
        for change in decide_at_noon(&known, std::slice::from_ref(&listing)) {
            if let Change::End { id, .. } = change {
                let booking = known.iter().find(|booking| booking.id == id).unwrap();
                let shown = listing.seen.iter().any(|o| o.key == booking.key || o.cancelled);
                prop_assert!(shown || booking.details.window.intersects(&listed));
            }
        }
    }

    #[test]
    fn after_a_listing_of_everything_the_two_sides_are_the_same(
        known in bookings(),
        calendar in calendars(),
    ) {
        let all = list(&calendar, Scope::Window(window(0, 100)));
        let known = after(&known, &decide_at_noon(&known, std::slice::from_ref(&all)));
        let ours: BTreeMap<_, _> = known
            .iter()
            .filter(|booking| booking.state.blocks() && booking.state != BookingState::Requested)
            .map(|booking| (&booking.key, booking.details.window))
            .collect();
        let theirs: BTreeMap<_, _> = all
            .seen
            .iter()
            .filter_map(|occurrence| match standing(occurrence) {
                Standing::Blocks { window, .. } => Some((&occurrence.key, window)),
                Standing::Free(_) => None,
            })
            .collect();
        prop_assert_eq!(ours, theirs);
    }
}
