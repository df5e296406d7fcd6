//! Counts how much one object is occupied within a window. Pure.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use roomsync_domain::TimeWindow;

use super::hours::{LocalHour, day, hours};

/// The hours of a week, from Monday 0:00.
pub const HOURS_OF_WEEK: usize = 168;
const MICROS_OF_MINUTE: f64 = 60_000_000.0;

/// A length of time in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Length(i64);

impl Length {
    /// In minutes.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to 285 years; windows have at most 400 days"
    )]
    pub fn minutes(self) -> f64 {
        self.0 as f64 / MICROS_OF_MINUTE
    }

    /// Its share of a whole; 0 of nothing.
    pub fn share_of(self, whole: Self) -> f64 {
        if whole.0 == 0 {
            0.0
        } else {
            self.minutes() / whole.minutes()
        }
    }
}

/// The days of a window, before anything is counted. Objects of one zone share them.
#[derive(Debug, Clone)]
pub struct Days(BTreeMap<i64, Day>);

impl Days {
    /// Every day of the zone's calendar that the window touches.
    pub fn of(window: TimeWindow, zone: Tz) -> Self {
        let mut days = BTreeMap::new();
        for hour in hours(window, zone) {
            let day: &mut Day = days.entry(hour.day).or_default();
            day.length.0 += hour.length;
        }
        Self(days)
    }
}

/// A day, as far as it lies in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// How long it is.
    pub length: Length,
    /// How much of it is occupied.
    pub booked: Length,
    /// Bookings that intersect it.
    pub bookings: i32,
}

/// Counts the bookings of one object, of which every one is given once, by start.
#[derive(Debug, Clone)]
pub struct Tally {
    window: TimeWindow,
    zone: Tz,
    days: BTreeMap<i64, Day>,
    heat_map: [Length; HOURS_OF_WEEK],
    bookings: i32,
    /// Up to here everything that is occupied is counted.
    counted_until: i64,
}

impl Tally {
    /// Nothing is booked yet. `days` are those of the window in the zone.
    pub fn new(window: TimeWindow, zone: Tz, days: &Days) -> Self {
        Self {
            window,
            zone,
            days: days.0.clone(),
            heat_map: [Length::default(); HOURS_OF_WEEK],
            bookings: 0,
            counted_until: i64::MIN,
        }
    }

    /// Counts a booking, which begins no earlier than the one before.
    pub fn add(&mut self, booking: TimeWindow) {
        let Some(booking) = booking.clipped_to(&self.window) else {
            return;
        };
        self.bookings += 1;
        let starts_at = booking.starts_at().timestamp_micros();
        let ends_at = booking.ends_at().timestamp_micros();
        let (one, other) = (day(starts_at, self.zone), day(ends_at - 1, self.zone));
        // A clock that is put back across midnight may end a booking on the day before its start's.
        for (_, day) in self.days.range_mut(one.min(other)..=one.max(other)) {
            day.bookings += 1;
        }
        self.occupy(starts_at.max(self.counted_until), ends_at);
    }

    /// Counts what is occupied anew: all that earlier bookings occupy lies before it.
    fn occupy(&mut self, starts_at: i64, ends_at: i64) {
        let from = chrono::DateTime::from_timestamp_micros(starts_at).unwrap_or_default();
        let until = chrono::DateTime::from_timestamp_micros(ends_at).unwrap_or_default();
        let Ok(new) = TimeWindow::new(from, until) else {
            return;
        };
        for LocalHour {
            day,
            of_week,
            length,
        } in hours(new, self.zone)
        {
            self.days.entry(day).or_default().booked.0 += length;
            self.heat_map[of_week].0 += length;
        }
        self.counted_until = ends_at;
    }

    /// The days in their order.
    pub fn days(&self) -> impl Iterator<Item = (NaiveDate, Day)> {
        self.days
            .iter()
            .map(|(since_1970, day)| (NaiveDate::default() + TimeDelta::days(*since_1970), *day))
    }

    /// What is occupied, by hour of the week.
    pub fn heat_map(&self) -> &[Length; HOURS_OF_WEEK] {
        &self.heat_map
    }

    /// How much is occupied in all, and of how much.
    pub fn booked(&self) -> (Length, Length) {
        let sum = |of: fn(&Day) -> Length| Length(self.days.values().map(|day| of(day).0).sum());
        (sum(|day| day.booked), sum(|day| day.length))
    }

    /// Bookings within the window.
    pub fn bookings(&self) -> i32 {
        self.bookings
    }
}
