//! What holds for every calendar, every state of our bookings and every choice of scopes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn answers() -> impl Strategy<Value = RoomAnswer> {
    prop::sample::select(vec![
        RoomAnswer::Organizer,
        RoomAnswer::Accepted,
        RoomAnswer::Tentative,
        RoomAnswer::NeedsAction,
        RoomAnswer::Declined,
        RoomAnswer::None,
        RoomAnswer::Hidden,
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

/// A series, what was split off it, and another one; the first also as a one-off event.
const SERIES: [&str; 3] = ["s", "s_R19700102T020000", "t"];

/// One of a few events and dates, so that worlds share some.
fn occurrences() -> impl Strategy<Value = Occurrence> {
    let times = (0_i64..40, 0_i64..5);
    (
        0_usize..5,
        0_i64..6,
        answers(),
        any::<[bool; 3]>(),
        times,
        mails(),
        mails(),
    )
        .prop_map(
            |(
                which,
                day,
                room_answer,
                [cancelled, transparent, private],
                times,
                organizer,
                creator,
            )| {
                let base = match which {
                    0 => accepted(&format!("e{day}")),
                    1 => accepted("s"),
                    _ => slot(SERIES[which - 2], 5 * day),
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
    prop::collection::vec(occurrences(), 0..16).prop_map(|occurrences| {
        let by_key: BTreeMap<_, _> = occurrences
            .into_iter()
            .map(|occurrence| (occurrence.key.clone(), occurrence))
            .collect();
        by_key.into_values().collect()
    })
}

/// Bookings as an earlier calendar left them, some in states only Flexopus makes.
fn bookings() -> impl Strategy<Value = Vec<Known>> {
    let states = prop::collection::vec((prop::option::of(0_usize..7), any::<bool>()), 16);
    (calendars(), states).prop_map(|(calendar, states)| {
        let all = Listing {
            scope: Scope::Window(window(0, 100)),
            seen: calendar,
        };
        let mut known = after(&[], &decide_at_noon(&[], &[all]));
        for (booking, (state, ours)) in known.iter_mut().zip(states) {
            booking.state = state.map_or(booking.state, |state| BookingState::ALL[state]);
            booking.ours = ours;
        }
        known
    })
}

/// Complete listings of some scopes of a calendar.
fn listings() -> impl Strategy<Value = (Vec<Occurrence>, Vec<Listing>)> {
    let scope = prop_oneof![
        (0_usize..6).prop_map(|event| Scope::Event(format!("e{event}"))),
        Just(Scope::Event("s".to_owned())),
        (0_usize..3, 0_i64..40, 1_i64..40).prop_map(|(series, from, hours)| Scope::Series {
            series: SERIES[series].to_owned(),
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
            (Scope::Series { series, window }, OccurrenceKey::Slot { series: of, .. }) => {
                series == of && within(occurrence, window)
            }
            (Scope::Window(window), _) => within(occurrence, window),
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
        let before = known;
        let known = after(&before, &decide_at_noon(&before, std::slice::from_ref(&all)));
        // What took place stays, though its room declined afterwards.
        let declined: HashSet<&OccurrenceKey> = all
            .seen
            .iter()
            .filter(|occurrence| standing(occurrence) == Standing::Free(Cause::RoomDeclined))
            .map(|occurrence| &occurrence.key)
            .collect();
        let took_place = |booking: &Known| {
            declined.contains(&booking.key)
                && booking.state == BookingState::Confirmed
                && booking.details.window.ends_at() <= at(NOON)
                && before.contains(booking)
        };
        let ours: BTreeMap<_, _> = known
            .iter()
            .filter(|booking| booking.state.blocks() && booking.state != BookingState::Requested)
            .filter(|booking| !took_place(booking))
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

    #[test]
    fn one_occurrence_is_one_booking_whatever_is_listed(
        known in bookings(),
        (_, listings) in listings(),
    ) {
        let changes = decide_at_noon(&known, &listings);
        let changed: Vec<BookingId> = changes.iter().filter_map(|change| match change {
            Change::Create { .. } => None,
            Change::Update { id, .. } | Change::End { id, .. } => Some(*id),
        }).collect();
        let once: HashSet<&BookingId> = changed.iter().collect();
        prop_assert_eq!(once.len(), changed.len());
        let known = after(&known, &changes);
        let live = known.iter().filter(|booking| booking.state.blocks());
        let keys: Vec<&OccurrenceKey> = live.map(|booking| &booking.key).collect();
        let distinct: HashSet<&OccurrenceKey> = keys.iter().copied().collect();
        prop_assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn the_order_of_bookings_does_not_matter(
        (known, shuffled) in bookings().prop_flat_map(|known| {
            let shuffled = Just(known.clone()).prop_shuffle();
            (Just(known), shuffled)
        }),
        (_, listings) in listings(),
    ) {
        let by_id = |known: &[Known]| {
            let mut changes = decide_at_noon(known, &listings);
            changes.sort_by_key(|change| match change {
                Change::Create { .. } => None,
                Change::Update { id, .. } | Change::End { id, .. } => Some(*id),
            });
            changes
        };
        prop_assert_eq!(by_id(&known), by_id(&shuffled));
    }

    #[test]
    fn a_date_goes_on_only_within_its_family(
        known in bookings(),
        (_, listings) in listings(),
    ) {
        let family = |key: &OccurrenceKey| match key {
            OccurrenceKey::Event(id) => id.clone(),
            OccurrenceKey::Slot { series, .. } => series[..1].to_owned(),
        };
        for change in decide_at_noon(&known, &listings) {
            if let Change::Update { id, key, .. } = change {
                let booking = known.iter().find(|booking| booking.id == id).unwrap();
                prop_assert_eq!(family(&booking.key), family(&key));
            }
        }
    }

    #[test]
    fn a_series_that_moves_as_a_whole_keeps_every_booking(
        days in prop::collection::btree_set(0_i64..60, 1..20),
        shift in (-500_i64..500).prop_filter("no date stays", |shift| shift % 24 != 0),
        split_off in any::<bool>(),
    ) {
        let dates = |id: &str, shift| -> Vec<Occurrence> {
            days.iter().map(|day| slot(id, 1000 + 24 * day + shift)).collect()
        };
        let before: Vec<Known> = dates("s", 0).iter().map(imported).collect();
        let id = if split_off { "s_R19700102T020000" } else { "s" };
        let all = Listing { scope: Scope::Window(window(0, 4000)), seen: dates(id, shift) };
        let changes = decide_at_noon(&before, &[all]);
        let after = after(&before, &changes);
        prop_assert!(after.len() == before.len() && after.iter().all(|b| b.state.blocks()));
        for (before, after) in before.iter().zip(&after) {
            let moved = after.details.window.starts_at() - before.details.window.starts_at();
            prop_assert_eq!(moved, chrono::TimeDelta::hours(shift));
        }
    }
}
