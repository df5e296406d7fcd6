//! The ids of the dates of a series: `<series>_<YYYYMMDDTHHMMSSZ>` for timed ones (UTC), `<series>_
//! <YYYYMMDD>` for all-day ones.
//!
//! Cancelled dates often arrive as bare `{id, status}`, so the series must be found in the id. Ids of
//! imported events hold further underscores, hence only the last one counts, and what follows it must
//! have the shape: the id of a series that was split off (`<id>_R20261202T080000`) has not.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

use crate::zone::Zone;

/// The series and the original start in an instance's id; `None` if it is not one.
pub(crate) fn split(id: &str, calendar: Zone) -> Option<(&str, DateTime<Utc>)> {
    let (series, suffix) = id.rsplit_once('_')?;
    if series.is_empty() || !suffix.is_ascii() {
        return None;
    }
    let start = match suffix.len() {
        16 => NaiveDateTime::parse_from_str(suffix, "%Y%m%dT%H%M%SZ")
            .ok()?
            .and_utc(),
        8 if suffix.bytes().all(|b| b.is_ascii_digit()) => {
            let date = NaiveDate::parse_from_str(suffix, "%Y%m%d").ok()?;
            calendar.instant(date.and_time(NaiveTime::MIN))?
        }
        _ => return None,
    };
    Some((series, start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("7fcg_20261202T080000Z", Some(("7fcg", "2026-12-02T08:00:00Z")))]
    #[case("7fcg_20261202", Some(("7fcg", "2026-12-01T23:00:00Z")))]
    #[case::imported("_6co_3gd_20261202T080000Z", Some(("_6co_3gd", "2026-12-02T08:00:00Z")))]
    #[case::split_instance("7f_R20261001T080000_20261202T080000Z", Some(("7f_R20261001T080000", "2026-12-02T08:00:00Z")))]
    #[case::split_series("7fcg_R20261202T080000", None)]
    #[case::plain("7fcgjubjph0n3bf1kpqv4n0fcu", None)]
    #[case::imported_plain("_6co3gd1o60o3ge1g", None)]
    #[case::no_such_day("7fcg_20261302", None)]
    #[case::no_series("_20261202T080000Z", None)]
    #[case::letters("7fcg_2026120x", None)]
    fn the_series_is_in_the_id(#[case] id: &str, #[case] expected: Option<(&str, &str)>) {
        let expected = expected.map(|(series, start)| (series, start.parse().unwrap()));
        assert_eq!(split(id, Zone::parse("Europe/Berlin").unwrap()), expected);
    }
}
