//! Who has left a booking does not come back with Google's next listing. Pure.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use roomsync_domain::{Booker, BookingId, decide::Change};

use crate::bookings::Booking;

/// The changes without those that only bring persons back to bookings that have ended and are nobody's, and
/// without the persons in the others. An event that has ended keeps its organizer at Google, and listings
/// reach back.
pub(super) fn stay_forgotten(
    known: &[Booking],
    changes: Vec<Change>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let nobodys: HashMap<BookingId, &Booking> = known
        .iter()
        .filter(|booking| is_nobodys(booking, now))
        .map(|booking| (booking.id, booking))
        .collect();
    changes
        .into_iter()
        .filter_map(|change| match change {
            Change::Update {
                id,
                key,
                state,
                mut details,
            } if details.window.ends_at() <= now && nobodys.contains_key(&id) => {
                details.booker = Booker::Anonymous;
                details.organizer_mail = None;
                details.title = None;
                let before = nobodys[&id];
                let same = (&before.key, before.state, &before.details) == (&key, state, &details);
                (!same).then_some(Change::Update {
                    id,
                    key,
                    state,
                    details,
                })
            }
            other => Some(other),
        })
        .collect()
}

fn is_nobodys(booking: &Booking, now: DateTime<Utc>) -> bool {
    let details = &booking.details;
    details.window.ends_at() <= now
        && details.booker == Booker::Anonymous
        && details.organizer_mail.is_none()
        && details.title.is_none()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use roomsync_domain::{
        BookingState, Flags, ObjectId, OccurrenceKey, TimeWindow, UserId, decide::Details,
    };

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn details(ended: bool, person: bool) -> Details {
        let start = now() + TimeDelta::hours(if ended { -2 } else { 2 });
        let ana: UserId = "u-ana".parse().unwrap();
        Details {
            event_id: "e".to_owned(),
            window: TimeWindow::new(start, start + TimeDelta::hours(1)).unwrap(),
            all_day: false,
            booker: if person {
                Booker::User { user: ana }
            } else {
                Booker::Anonymous
            },
            organizer_mail: person.then(|| "ana@example.com".to_owned()),
            private: false,
            title: person.then(|| "Salary talk".to_owned()),
        }
    }

    fn known(details: Details) -> Booking {
        Booking {
            id: BookingId::new(),
            object: "o1".parse::<ObjectId>().unwrap(),
            key: OccurrenceKey::Event("e".to_owned()),
            state: BookingState::Confirmed,
            details,
            flags: Flags::default(),
            cause: None,
            placement: None,
            at_google: true,
            event_kept: false,
            google_write: None,
            object_version: 1,
            created_at: now(),
            updated_at: now(),
        }
    }

    fn update(booking: &Booking, details: Details) -> Change {
        Change::Update {
            id: booking.id,
            key: booking.key.clone(),
            state: booking.state,
            details,
        }
    }

    #[rstest::rstest]
    #[case::forgotten(details(true, false), 0)]
    #[case::its_title_alone_was(Details { title: None, ..details(true, true) }, 1)]
    #[case::not_over_yet(details(false, false), 1)]
    fn an_ended_booking_of_nobody_stays_nobodys(#[case] before: Details, #[case] changes: usize) {
        let booking = known(before);
        let seen = Details {
            window: booking.details.window,
            ..details(true, true)
        };
        let changed = vec![update(&booking, seen)];
        let left = stay_forgotten(std::slice::from_ref(&booking), changed, now());
        assert_eq!(left.len(), changes);
    }

    #[test]
    fn what_else_changed_about_it_is_taken_without_the_person() {
        let booking = known(details(true, false));
        let mut seen = details(true, true);
        seen.all_day = true;
        let changed = vec![update(&booking, seen)];
        let left = stay_forgotten(std::slice::from_ref(&booking), changed, now());
        let expected = Details {
            all_day: true,
            ..details(true, false)
        };
        assert_eq!(left, [update(&booking, expected)]);
    }
}
