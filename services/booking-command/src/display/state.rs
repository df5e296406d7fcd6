//! What a display shows of an object at a time, and when time alone changes that. Pure.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use chrono_tz::Tz;
use roomsync_domain::{TenantId, TimeWindow};
use roomsync_proto::booking::v1 as pb;

use super::day;
use crate::{
    bookings::{Booking, Viewer},
    validate::stamp,
};

/// How far a display looks ahead.
pub const AHEAD: TimeDelta = TimeDelta::days(7);
/// The lengths that are offered at the door, in minutes.
const LENGTHS: [i32; 4] = [15, 30, 45, 60];

/// What is known of an object.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its version.
    pub version: i64,
    /// Its clock.
    pub zone: Tz,
    /// Its live bookings by start, then id: those of the day that were over before, and everything within
    /// [`AHEAD`] at least.
    pub bookings: Vec<Booking>,
    /// For which times the main app blocked it, within the same bounds.
    pub blocked: Vec<TimeWindow>,
    /// It does not wait for an import, nor for the acknowledgement of one.
    pub open: bool,
    /// Why a device cannot book it, whatever the time.
    pub refused: Option<&'static str>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct State<'a> {
    /// The booking that runs; of several the one that began first.
    pub current: Option<&'a Booking>,
    /// The one that begins next.
    pub next: Option<&'a Booking>,
    /// Until when it is free; `None`: it is not.
    pub free_until: Option<DateTime<Utc>>,
    /// From when it is free again, if that can be told.
    pub free_from: Option<DateTime<Utc>>,
    /// Minutes that fit.
    pub book_now: Vec<i32>,
    /// Why none do although it is free.
    pub refused: Option<&'static str>,
    /// The day's bookings.
    pub today: Vec<&'a Booking>,
}

/// Until when something counts as seen ahead. In steps of an hour: a state that only says "free for a week"
/// must not be another one at every instant.
pub fn horizon(now: DateTime<Utc>) -> DateTime<Utc> {
    full_hour(now) + AHEAD
}

fn full_hour(now: DateTime<Utc>) -> DateTime<Utc> {
    now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now)
}

impl Facts {
    /// What is shown at a time.
    pub fn at(&self, now: DateTime<Utc>) -> State<'_> {
        let (begin, end) = day::around(now, self.zone);
        let horizon = horizon(now);
        let bookings = || self.bookings.iter();
        let window = |booking: &Booking| booking.details.window;
        let busy = self.busy();
        let running = busy.iter().find(|window| holds(window, now));
        let free_until = (self.open && running.is_none()).then(|| {
            let starts = busy.iter().map(TimeWindow::starts_at);
            starts
                .filter(|start| *start > now)
                .fold(horizon, DateTime::min)
        });
        let fits = |minutes: &i32| free_until.is_some_and(|until| now + length(*minutes) <= until);
        let book_now: Vec<_> = match self.refused {
            None => LENGTHS.into_iter().filter(fits).collect(),
            Some(_) => Vec::new(),
        };
        State {
            current: bookings().find(|booking| holds(&window(booking), now)),
            next: bookings().find(|it| {
                (now + TimeDelta::nanoseconds(1)..horizon).contains(&window(it).starts_at())
            }),
            free_until,
            free_from: running.filter(|_| self.open).map(TimeWindow::ends_at),
            // Free, but the next one begins too soon: what CreateBooking would say.
            refused: (free_until.is_some() && book_now.is_empty())
                .then(|| self.refused.unwrap_or("SLOT_TAKEN")),
            book_now,
            today: bookings()
                .filter(|it| window(it).starts_at() < end && window(it).ends_at() > begin)
                .collect(),
        }
    }

    /// When what is shown changes next, if nothing happens but time. Not later than the next full hour.
    pub fn changes_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let windows = self.bookings.iter().map(|booking| booking.details.window);
        let windows = windows.chain(self.blocked.iter().copied());
        let edges = windows.flat_map(|window| [window.starts_at(), window.ends_at()]);
        let (_, midnight) = day::around(now, self.zone);
        let full_hour = full_hour(now) + TimeDelta::hours(1);
        let fits_until = self.at(now).free_until.into_iter().flat_map(|until| {
            // A length fits up to and with this instant.
            LENGTHS.map(|minutes| until - length(minutes) + TimeDelta::milliseconds(1))
        });
        edges
            .chain(fits_until)
            .chain([midnight])
            .filter(|at| *at > now)
            .fold(full_hour, DateTime::min)
    }

    fn busy(&self) -> Vec<TimeWindow> {
        let windows = self.bookings.iter().map(|booking| booking.details.window);
        TimeWindow::merge(windows.chain(self.blocked.iter().copied()).collect())
    }
}

impl State<'_> {
    /// The state as the API says it: to whoever stands before the display.
    pub fn to_api(
        &self,
        tenant: &TenantId,
        version: i64,
        now: DateTime<Utc>,
    ) -> pb::WatchObjectResponse {
        let booking = |booking: &Booking| booking.to_api(tenant, &Viewer::Anybody);
        let options = self.book_now.iter().map(|minutes| pb::BookNowOption {
            minutes: *minutes,
            ends_at: Some(stamp(now + length(*minutes))),
        });
        pb::WatchObjectResponse {
            now: Some(stamp(now)),
            object_version: version,
            current: self.current.map(booking),
            next: self.next.map(booking),
            free: self.free_until.is_some(),
            free_until: self.free_until.map(stamp),
            free_from: self.free_from.map(stamp),
            book_now: options.collect(),
            book_now_reason: self.refused.unwrap_or_default().to_owned(),
            today: self.today.iter().map(|it| booking(it)).collect(),
        }
    }
}

fn holds(window: &TimeWindow, now: DateTime<Utc>) -> bool {
    window.starts_at() <= now && now < window.ends_at()
}

fn length(minutes: i32) -> TimeDelta {
    TimeDelta::minutes(minutes.into())
}
