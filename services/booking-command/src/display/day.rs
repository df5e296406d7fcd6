//! The day of a zone's clock that an instant lies in.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Clocks are put forward by quarters of an hour, or by multiples of them.
const STEP: TimeDelta = TimeDelta::minutes(15);
/// A whole date was left out once (Samoa, 2011), never two.
const STEPS: i32 = 2 * 24 * 4;

/// When the day began that `at` lies in, and when it ends.
pub(super) fn around(at: DateTime<Utc>, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let date = at.with_timezone(&zone).date_naive();
    let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
    (begin(date, zone), begin(next, zone))
}

/// The first instant of a date; midnight does not occur everywhere on every date.
fn begin(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    (0..STEPS)
        .find_map(|steps| {
            let local = midnight.checked_add_signed(STEP * steps)?;
            zone.from_local_datetime(&local).earliest()
        })
        .map_or(midnight.and_utc(), |first| first.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::ordinary("2026-11-23T08:00:00Z", Tz::Europe__Berlin, "2026-11-22T23:00:00Z", 24 * 60)]
    #[case::of_23_hours("2026-03-29T08:00:00Z", Tz::Europe__Berlin, "2026-03-28T23:00:00Z", 23 * 60)]
    #[case::of_25_hours("2026-10-25T08:00:00Z", Tz::Europe__Berlin, "2026-10-24T22:00:00Z", 25 * 60)]
    #[case::no_midnight("2026-04-24T08:00:00Z", Tz::Africa__Cairo, "2026-04-23T22:00:00Z", 23 * 60)]
    #[case::half_hour("2026-11-23T08:00:00Z", Tz::Asia__Kolkata, "2026-11-22T18:30:00Z", 24 * 60)]
    #[case::before_a_date_that_is_missing(
        "2011-12-29T20:00:00Z", Tz::Pacific__Apia, "2011-12-29T10:00:00Z", 24 * 60
    )]
    fn a_day_begins_and_ends_by_the_clock(
        #[case] at: &str,
        #[case] zone: Tz,
        #[case] begins: &str,
        #[case] minutes: i64,
    ) {
        let (begin, end) = around(at.parse().unwrap(), zone);
        assert_eq!(begin, begins.parse::<DateTime<Utc>>().unwrap());
        assert_eq!((end - begin).num_minutes(), minutes);
    }
}
