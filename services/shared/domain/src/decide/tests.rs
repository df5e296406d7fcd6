//! A file for each question; here is what they share.

mod ours;
mod properties;
mod scopes;
mod series;
mod standing;
mod states;
mod whose;

use std::collections::{HashMap, HashSet};

use chrono::DateTime;

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
        declined_mails: Vec::new(),
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
    decide_signed(known, listings, &HashMap::new())
}

/// The same where properties of ours were verified.
fn decide_signed(
    known: &[Known],
    listings: &[Listing],
    signed: &HashMap<String, Booker>,
) -> Vec<Change> {
    let users = users();
    let own = ["admin@example.com".to_owned()];
    let rules = Rules {
        users: &users,
        own_subjects: &own,
        signed,
        just_written: &HashSet::new(),
        store_titles: false,
        now: at(NOON),
    };
    decide(known, listings, &rules)
}

/// The same where every booking was written just before.
fn decide_just_written(known: &[Known], listings: &[Listing]) -> Vec<Change> {
    let rules = Rules {
        users: &users(),
        own_subjects: &[],
        signed: &HashMap::new(),
        just_written: &known.iter().map(|booking| booking.id).collect(),
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
                    ours: false,
                });
            }
            Change::Update {
                id,
                key,
                state,
                details,
            } => {
                let booking = bookings.iter_mut().find(|b| b.id == id).unwrap();
                assert!(booking.state == state || booking.state.may_become(state));
                (booking.key, booking.state, booking.details) = (key, state, details);
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

/// One date of a series.
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

fn series(id: &str, seen: Vec<Occurrence>) -> Listing {
    let scope = Scope::Series {
        series: id.to_owned(),
        window: window(0, 10_000),
    };
    Listing { scope, seen }
}
