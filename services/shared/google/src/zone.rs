//! Time zones as Google writes them: names of the tz database, and now and then `GMT+01:00`.

use chrono::{DateTime, FixedOffset, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A zone that can be calculated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

impl Zone {
    pub(crate) const UTC: Self = Self::Named(Tz::UTC);

    /// The zone that `text` names, if we know it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse()
            .map(Self::Named)
            .ok()
            .or_else(|| fixed(text).map(Self::Fixed))
    }

    /// The instant of a time on the wall. Of two (an hour is repeated) the first; for none (an hour
    /// is skipped) the first instant after the gap.
    pub(crate) fn instant(self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self {
            Self::Named(zone) => at(&zone, wall),
            Self::Fixed(zone) => at(&zone, wall),
        }
    }

    /// Whether a day begins at `instant` here.
    pub(crate) fn is_midnight(self, instant: DateTime<Utc>) -> bool {
        let offset = match self {
            Self::Named(zone) => zone.offset_from_utc_datetime(&instant.naive_utc()).fix(),
            Self::Fixed(offset) => offset,
        };
        instant.with_timezone(&offset).time() == NaiveTime::MIN
    }
}

fn at<Z: TimeZone>(zone: &Z, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    // No gap of the tz database is longer than a day (a few islands skipped a whole one).
    (0..=96)
        .find_map(|quarters| {
            zone.from_local_datetime(&(wall + TimeDelta::minutes(15 * quarters)))
                .earliest()
        })
        .map(|instant| instant.with_timezone(&Utc))
}

/// `GMT+01:00`, `UTC-5:30`: east of Greenwich is plus, unlike in the names `Etc/GMT+1`.
fn fixed(text: &str) -> Option<FixedOffset> {
    let offset = text
        .strip_prefix("GMT")
        .or_else(|| text.strip_prefix("UTC"))?;
    let (east, digits) = match offset.strip_prefix('+') {
        Some(digits) => (true, digits),
        None => (false, offset.strip_prefix('-')?),
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let hours: i32 = hours.parse().ok().filter(|hours| (0..24).contains(hours))?;
    let minutes: i32 = minutes
        .parse()
        .ok()
        .filter(|minutes| (0..60).contains(minutes))?;
    let seconds = (hours * 60 + minutes) * 60;
    FixedOffset::east_opt(if east { seconds } else { -seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Europe/Berlin", "2026-11-25T00:00:00", "2026-11-24T23:00:00Z")]
    #[case("Europe/Berlin", "2026-07-01T00:00:00", "2026-06-30T22:00:00Z")]
    #[case::gap("Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:00:00Z")]
    #[case::twice("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z")]
    #[case::no_midnight("Africa/Cairo", "2026-04-24T00:00:00", "2026-04-23T22:00:00Z")]
    #[case("GMT+01:00", "2026-11-25T00:00:00", "2026-11-24T23:00:00Z")]
    #[case("UTC-5:30", "2026-11-25T00:00:00", "2026-11-25T05:30:00Z")]
    #[case("UTC", "2026-11-25T00:00:00", "2026-11-25T00:00:00Z")]
    fn a_wall_time_is_an_instant(#[case] zone: &str, #[case] wall: &str, #[case] instant: &str) {
        let got = Zone::parse(zone)
            .unwrap()
            .instant(wall.parse().unwrap())
            .unwrap();
        assert_eq!(got, instant.parse::<DateTime<Utc>>().unwrap());
    }

    #[rstest::rstest]
    #[case("")]
    #[case("Mars/Olympus")]
    #[case("GMT+25:00")]
    #[case("GMT+1:99")]
    #[case("GMT01:00")]
    fn an_unknown_zone_is_none(#[case] text: &str) {
        assert_eq!(Zone::parse(text), None);
    }
}
