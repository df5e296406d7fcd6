//! What should be booked, read from the simulator itself: the rules of which events are bookings,
//! written a second time and as short as possible, so that they can contradict the product.

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use google_sim::Control;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, BookingState};
use serde_json::Value;

use crate::app::instant;

/// A booking as both sides can say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occupied {
    when: When,
    confirmed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Timed(DateTime<Utc>, DateTime<Utc>),
    /// First day and first day after: which instants these are depends on the room's time zone.
    Days(NaiveDate, NaiveDate),
}

impl fmt::Display for Occupied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.confirmed {
            "confirmed"
        } else {
            "pending"
        };
        match &self.when {
            When::Timed(start, end) => write!(f, "{state} {start} to {end}"),
            When::Days(start, end) => write!(f, "{state} {start} to {end}, all day"),
        }
    }
}

/// What a room's calendar says is booked, series expanded, sorted.
pub fn at_google(google: &Control, room: &str) -> Vec<Occupied> {
    let now = SystemClock.now();
    let events = google
        .occurrences(room, now - TimeDelta::days(30), now + TimeDelta::days(396))
        .unwrap_or_else(|error| panic!("no calendar {room}: {error}"));
    let mut occupied: Vec<_> = events
        .iter()
        .filter_map(|event| occupied(event, room))
        .collect();
    occupied.retain(in_reach);
    occupied.sort();
    occupied
}

/// The same of what roomsync says.
pub fn at_roomsync<'a>(bookings: impl IntoIterator<Item = &'a Booking>) -> Vec<Occupied> {
    let mut occupied: Vec<_> = bookings.into_iter().filter_map(booked).collect();
    occupied.retain(in_reach);
    occupied.sort();
    occupied
}

fn occupied(event: &Value, room: &str) -> Option<Occupied> {
    if event["status"] == "cancelled" || event["transparency"] == "transparent" {
        return None;
    }
    let is_room = |person: &Value| {
        person["email"]
            .as_str()
            .is_some_and(|mail| mail.eq_ignore_ascii_case(room))
    };
    let own = event["attendees"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|guest| is_room(guest));
    let confirmed = match own.and_then(|guest| guest["responseStatus"].as_str()) {
        Some("declined") => return None,
        Some("accepted") => true,
        _ if is_room(&event["organizer"]) => true,
        Some(_) => false,
        None => return None,
    };
    Some(Occupied {
        when: when(&event["start"], &event["end"])?,
        confirmed,
    })
}

fn when(start: &Value, end: &Value) -> Option<When> {
    let day = |at: &Value| at["date"].as_str()?.parse().ok();
    let time = |at: &Value| {
        let at = DateTime::parse_from_rfc3339(at["dateTime"].as_str()?).ok()?;
        Some(at.with_timezone(&Utc))
    };
    match (day(start), day(end)) {
        (Some(start), Some(end)) => Some(When::Days(start, end)),
        _ => Some(When::Timed(time(start)?, time(end)?)),
    }
}

fn booked(booking: &Booking) -> Option<Occupied> {
    let window = booking.window.as_ref()?;
    let start = instant(window.starts_at.as_ref())?;
    let end = instant(window.ends_at.as_ref())?;
    let confirmed = match booking.state() {
        BookingState::Confirmed => true,
        BookingState::Pending | BookingState::Undecided => false,
        _ => return None,
    };
    // Midnight of a zone between -12 and +12 hours is within half a day of the one of UTC.
    let day = |at: DateTime<Utc>| (at + TimeDelta::hours(12)).date_naive();
    let when = if booking.all_day {
        When::Days(day(start), day(end))
    } else {
        When::Timed(start, end)
    };
    Some(Occupied { when, confirmed })
}

/// Within the window of a full sync whatever its edges are exactly.
fn in_reach(occupied: &Occupied) -> bool {
    let now = SystemClock.now();
    let start = match occupied.when {
        When::Timed(start, _) => start,
        When::Days(start, _) => start.and_time(chrono::NaiveTime::MIN).and_utc(),
    };
    (now - TimeDelta::days(29)..now + TimeDelta::days(395)).contains(&start)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROOM: &str = "room@resource.calendar.google.com";

    fn event(answer: Option<&str>, more: &Value) -> Value {
        let mut event = json!({
            "status": "confirmed",
            "organizer": { "email": "ana@acme.example" },
            "start": { "dateTime": "2026-03-01T10:00:00+01:00" },
            "end": { "dateTime": "2026-03-01T11:00:00+01:00" },
        });
        if let Some(answer) = answer {
            event["attendees"] = json!([{ "email": ROOM, "responseStatus": answer }]);
        }
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            event[key] = value;
        }
        event
    }

    fn is(answer: Option<&str>, more: &Value) -> Option<bool> {
        occupied(&event(answer, more), ROOM).map(|occupied| occupied.confirmed)
    }

    #[test]
    fn an_event_is_a_booking_by_the_rooms_own_answer() {
        assert_eq!(is(Some("accepted"), &json!({})), Some(true));
        assert_eq!(is(Some("needsAction"), &json!({})), Some(false));
        assert_eq!(is(Some("declined"), &json!({})), None);
        assert_eq!(is(None, &json!({})), None);
        assert_eq!(
            is(None, &json!({ "organizer": { "email": ROOM } })),
            Some(true)
        );
        assert_eq!(
            is(Some("accepted"), &json!({ "status": "cancelled" })),
            None
        );
        assert_eq!(
            is(Some("accepted"), &json!({ "transparency": "transparent" })),
            None
        );
    }

    #[test]
    fn whole_days_are_the_same_days_in_every_usual_zone() {
        let days = when(
            &json!({ "date": "2026-03-01" }),
            &json!({ "date": "2026-03-02" }),
        );
        for start in [
            "2026-02-28T13:00:00Z",
            "2026-03-01T00:00:00Z",
            "2026-03-01T11:00:00Z",
        ] {
            let start: DateTime<Utc> = start.parse().unwrap();
            let window = crate::app::window(start, start + TimeDelta::days(1));
            let booking = Booking {
                window: Some(window),
                all_day: true,
                state: BookingState::Confirmed.into(),
                ..Booking::default()
            };
            assert_eq!(booked(&booking).map(|occupied| occupied.when), days);
        }
    }
}
