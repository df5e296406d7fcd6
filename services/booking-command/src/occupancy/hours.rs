//! Cuts a window into the hours of a zone's clock. Instants are microseconds since 1970, as PostgreSQL keeps
//! them, so that sums are exact.

use chrono::{DateTime, Offset as _, TimeZone as _};
use chrono_tz::Tz;
use roomsync_domain::TimeWindow;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// 1970-01-01 was a Thursday; weekdays count from Monday.
const THURSDAY: i64 = 3;

/// A part of a window within one hour of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalHour {
    /// Days of the zone's calendar since 1970-01-01.
    pub(super) day: i64,
    /// Its place among the hours of a week, from Monday 0:00.
    pub(super) of_week: usize,
    /// How much of the hour, in microseconds.
    pub(super) length: i64,
}

/// The parts of a window, in their order. Where the clock is put forward an hour is missing, where it is put
/// back one comes twice.
pub(super) fn hours(window: TimeWindow, zone: Tz) -> impl Iterator<Item = LocalHour> {
    let end = window.ends_at().timestamp_micros();
    let mut at = window.starts_at().timestamp_micros();
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let local = at + offset(at, zone);
        let full_hour = at + HOUR - local.rem_euclid(HOUR);
        let next = same_offset_until(at, full_hour, zone).min(end);
        let length = next - at;
        at = next;
        Some(LocalHour {
            day: local.div_euclid(DAY),
            of_week: of_week(local),
            length,
        })
    })
}

/// The day of the zone's calendar that an instant lies in, since 1970-01-01.
pub(super) fn day(at: i64, zone: Tz) -> i64 {
    (at + offset(at, zone)).div_euclid(DAY)
}

fn of_week(local: i64) -> usize {
    let weekday = (local.div_euclid(DAY) + THURSDAY).rem_euclid(7);
    let hour = local.rem_euclid(DAY) / HOUR;
    // Cannot fail: 0 to 167.
    usize::try_from(weekday * 24 + hour).unwrap_or_default()
}

/// The first instant after `from` at which the clock is put forward or back, if that is before `until`, which
/// is at most an hour later. Most clocks are changed at full hours, but not all: Lord Howe's by half an
/// hour.
fn same_offset_until(from: i64, until: i64, zone: Tz) -> i64 {
    let before = offset(from, zone);
    if offset(until - 1, zone) == before {
        return until;
    }
    let (mut same, mut other) = (from, until - 1);
    while other - same > 1 {
        let middle = same + (other - same) / 2;
        if offset(middle, zone) == before {
            same = middle;
        } else {
            other = middle;
        }
    }
    other
}

/// How far the clock is ahead of UTC, in microseconds.
fn offset(at: i64, zone: Tz) -> i64 {
    let at = DateTime::from_timestamp_micros(at).unwrap_or_default();
    let offset = zone.offset_from_utc_datetime(&at.naive_utc());
    i64::from(offset.fix().local_minus_utc()) * 1_000_000
}
