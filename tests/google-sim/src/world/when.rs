//! Start and end of an event: an instant with an optional zone, or a whole day.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiError;

/// A point in time in Google's JSON: `{"dateTime", "timeZone"?}` or `{"date"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct When {
    /// RFC 3339; without an offset only if `time_zone` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_time: Option<String>,
    /// A whole day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<NaiveDate>,
    /// The zone in which it was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

impl When {
    /// An instant.
    pub fn at(instant: DateTime<Utc>) -> Self {
        Self {
            date_time: Some(instant.to_rfc3339_opts(SecondsFormat::Secs, true)),
            date: None,
            time_zone: None,
        }
    }

    /// A whole day.
    pub fn on(date: NaiveDate) -> Self {
        Self {
            date_time: None,
            date: Some(date),
            time_zone: None,
        }
    }

    /// Entered in this zone.
    #[must_use]
    pub fn in_zone(mut self, zone: &str) -> Self {
        self.time_zone = Some(zone.to_owned());
        self
    }

    /// Refuses what Google refuses: neither or both forms, or a time without any offset.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        match (&self.date_time, self.date) {
            (Some(_), None) => self
                .parse()
                .map(|_| ())
                .ok_or_else(|| ApiError::invalid("Invalid value for dateTime.")),
            (None, Some(_)) => Ok(()),
            _ => Err(ApiError::required("time: either date or dateTime")),
        }
    }

    /// The instant, a whole day beginning at midnight of the calendar's zone.
    pub(crate) fn instant(&self, calendar: Tz) -> DateTime<Utc> {
        match self.date {
            Some(date) => midnight(date, calendar),
            // `check` ran when it was stored, so a time can always be parsed.
            None => self.parse().unwrap_or_default(),
        }
    }

    pub(crate) fn is_day(&self) -> bool {
        self.date.is_some()
    }

    /// As Google writes it: times with the offset of the answer's zone, and on a resource's
    /// calendar also whole days as times, from midnight to midnight.
    pub(crate) fn show(&self, calendar: Tz, answer: Tz, on_resource: bool) -> Value {
        if let (Some(date), false) = (self.date, on_resource) {
            return json!({"date": date});
        }
        let local = self.instant(calendar).with_timezone(&answer);
        let zone = self
            .time_zone
            .clone()
            .unwrap_or_else(|| calendar.name().to_owned());
        json!({"dateTime": local.to_rfc3339_opts(SecondsFormat::Secs, true), "timeZone": zone})
    }

    fn parse(&self) -> Option<DateTime<Utc>> {
        let text = self.date_time.as_deref()?;
        if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
            return Some(instant.to_utc());
        }
        let zone: Tz = self.time_zone.as_deref()?.parse().ok()?;
        let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
        Some(resolve(local, zone))
    }
}

fn midnight(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    resolve(date.and_time(NaiveTime::MIN), zone)
}

/// A local time as an instant. A time that a clock change skips lies an hour later; of a time that
/// happens twice, the first is meant.
pub(crate) fn resolve(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    zone.from_local_datetime(&local)
        .earliest()
        .or_else(|| {
            zone.from_local_datetime(&(local + chrono::Duration::hours(1)))
                .earliest()
        })
        .map_or_else(|| local.and_utc(), |instant| instant.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_day_of_a_room_is_shown_from_midnight_to_midnight_of_its_zone() {
        let berlin = chrono_tz::Europe::Berlin;
        let day = When::on(NaiveDate::from_ymd_opt(2026, 7, 1).unwrap());
        assert_eq!(
            day.show(berlin, berlin, false),
            json!({"date": "2026-07-01"})
        );
        assert_eq!(
            day.show(berlin, berlin, true),
            json!({"dateTime": "2026-07-01T00:00:00+02:00", "timeZone": "Europe/Berlin"})
        );
    }

    #[test]
    fn a_time_without_offset_needs_a_zone() {
        let mut when = When {
            date_time: Some("2026-03-29T02:30:00".to_owned()),
            date: None,
            time_zone: None,
        };
        assert!(when.check().is_err());
        when.time_zone = Some("Europe/Berlin".to_owned());
        assert!(when.check().is_ok());
        let instant = when.instant(chrono_tz::UTC);
        assert_eq!(instant.to_rfc3339(), "2026-03-29T01:30:00+00:00");
    }
}
