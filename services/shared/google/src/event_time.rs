//! Start and end of an event: a date, or a time with an offset or a zone.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::Deserialize;

use crate::{lenient::filled, zone::Zone};

/// A date (all-day events) or a date-time. Its instant is what counts; texts are never compared,
/// since the offset of an answer depends on the zone it was asked in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventTime {
    /// `2026-11-25`.
    #[serde(default, deserialize_with = "filled")]
    pub date: Option<String>,
    /// `2026-11-25T10:00:00+01:00`; without an offset it is in `time_zone`.
    #[serde(default, deserialize_with = "filled")]
    pub date_time: Option<String>,
    /// A zone's name.
    #[serde(default, deserialize_with = "filled")]
    pub time_zone: Option<String>,
}

impl EventTime {
    /// Whether it is a date without a time.
    pub fn is_date(&self) -> bool {
        self.date_time.is_none() && self.date.is_some()
    }

    /// The instant; a date begins at midnight in the calendar's zone. `None` when it cannot be read
    /// or lies outside the years 1 to 9999, which nothing behind us can store.
    pub(crate) fn instant(&self, calendar: Zone) -> Option<DateTime<Utc>> {
        let instant = if let Some(text) = &self.date_time {
            match DateTime::parse_from_rfc3339(text) {
                Ok(instant) => instant.with_timezone(&Utc),
                Err(_) => self
                    .zone()
                    .unwrap_or(calendar)
                    .instant(text.parse::<NaiveDateTime>().ok()?)?,
            }
        } else {
            let date: NaiveDate = self.date.as_deref()?.parse().ok()?;
            calendar.instant(date.and_time(NaiveTime::MIN))?
        };
        (1..=9999).contains(&instant.year()).then_some(instant)
    }

    pub(crate) fn zone(&self) -> Option<Zone> {
        self.time_zone.as_deref().and_then(Zone::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::offset(
        None,
        Some("2026-11-25T10:00:00+01:00"),
        None,
        Some("2026-11-25T09:00:00Z")
    )]
    #[case::utc(
        None,
        Some("2026-11-25T10:00:00Z"),
        Some("Europe/Berlin"),
        Some("2026-11-25T10:00:00Z")
    )]
    #[case::by_zone(
        None,
        Some("2026-11-25T10:00:00"),
        Some("Asia/Tokyo"),
        Some("2026-11-25T01:00:00Z")
    )]
    #[case::unknown_zone(
        None,
        Some("2026-11-25T10:00:00"),
        Some("Mars/Olympus"),
        Some("2026-11-25T09:00:00Z")
    )]
    #[case::date(Some("2026-11-25"), None, None, Some("2026-11-24T23:00:00Z"))]
    #[case::date_ignores_its_zone(
        Some("2026-11-25"),
        None,
        Some("Asia/Tokyo"),
        Some("2026-11-24T23:00:00Z")
    )]
    #[case::time_wins(
        Some("2026-11-25"),
        Some("2026-11-26T00:00:00Z"),
        None,
        Some("2026-11-26T00:00:00Z")
    )]
    #[case::garbage(None, Some("tomorrow"), None, None)]
    #[case::no_such_day(Some("2026-02-30"), None, None, None)]
    #[case::too_far(Some("10000-01-01"), None, None, None)]
    #[case::nothing(None, None, None, None)]
    fn times_become_instants(
        #[case] date: Option<&str>,
        #[case] date_time: Option<&str>,
        #[case] time_zone: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
        let time = EventTime {
            date: owned(date),
            date_time: owned(date_time),
            time_zone: owned(time_zone),
        };
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(
            time.instant(berlin),
            expected.map(|text| text.parse().unwrap())
        );
    }
}
