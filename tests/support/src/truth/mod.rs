//! What should be booked, read from the simulator itself: the rules of which events are bookings,
//! whose and when, written a second time and as short as possible, so that they can contradict the
//! product.

mod event;
mod occupied;
mod whose;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::Control;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::Booking;
use serde_json::Value;

pub use self::occupied::{Occupied, difference};
use self::{
    event::{instant_of, took_place},
    occupied::booked,
};

/// Whose bookings can be told apart.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Ids of the main app's users by address, lower case.
    pub users: BTreeMap<String, String>,
    /// The accounts that the connection acts as: what they created is nobody's.
    pub own_subjects: Vec<String>,
}

/// What is compared, and how far.
#[derive(Debug, Clone)]
pub struct Truth {
    /// `None` leaves out whose a booking is: for tests in which users come and go.
    people: Option<People>,
    horizon: TimeDelta,
}

impl Default for Truth {
    /// Everything but people, as far as a tenant is mirrored by default.
    fn default() -> Self {
        Self {
            people: None,
            horizon: TimeDelta::days(400),
        }
    }
}

impl Truth {
    /// Also whose a booking is.
    #[must_use]
    pub fn of(mut self, people: People) -> Self {
        self.people = Some(people);
        self
    }

    /// As far as a tenant with this setting is mirrored.
    #[must_use]
    pub fn within_days(mut self, horizon: i64) -> Self {
        self.horizon = TimeDelta::days(horizon);
        self
    }

    /// What a room's calendar says is booked, series expanded, sorted.
    pub fn at_google(&self, google: &Control, room: &str) -> Vec<Occupied> {
        let now = SystemClock.now();
        let mut occupied: Vec<_> = self
            .occurrences(google, room)
            .iter()
            .filter_map(|event| {
                let took_place = || took_place(event, room, self.people.as_ref(), now);
                self.occupied(event, room).or_else(took_place)
            })
            .collect();
        occupied.sort();
        occupied
    }

    /// What is on a room's calendar, booked or not, as far as it is compared.
    pub fn occurrences(&self, google: &Control, room: &str) -> Vec<Value> {
        let now = SystemClock.now();
        let mut events = google
            .occurrences(room, now - TimeDelta::days(30), now + self.horizon)
            .unwrap_or_else(|error| panic!("no calendar {room}: {error}"));
        events.retain(|event| {
            instant_of(&event["start"]).is_some_and(|start| self.reaches(start.to_utc()))
        });
        events
    }

    /// The booking that one of them is.
    pub fn occupied(&self, event: &Value, room: &str) -> Option<Occupied> {
        event::occupied(event, room, self.people.as_ref())
    }

    /// The same of what roomsync says.
    pub fn at_roomsync<'a>(
        &self,
        bookings: impl IntoIterator<Item = &'a Booking>,
    ) -> Vec<Occupied> {
        let with_people = self.people.is_some();
        let mut occupied: Vec<_> = bookings
            .into_iter()
            .filter_map(|booking| booked(booking, with_people))
            .collect();
        occupied.retain(|occupied| self.reaches(occupied.start));
        occupied.sort();
        occupied
    }

    /// Within the window of a full sync whatever its edges are exactly: an import begins 31 days
    /// back, and the horizon rolls by the day.
    pub fn reaches(&self, start: DateTime<Utc>) -> bool {
        let now = SystemClock.now();
        (now - TimeDelta::days(29)..now + self.horizon - TimeDelta::days(5)).contains(&start)
    }
}
