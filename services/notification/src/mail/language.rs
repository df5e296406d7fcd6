//! The languages mails are written in, and how each of them says a time.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;

/// A language that every mail is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// German.
    German,
    /// English, also for everybody else.
    English,
}

impl Language {
    /// The language for a BCP 47 tag.
    pub fn of(locale: &str) -> Self {
        let language = locale.split(['-', '_']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("de") {
            Self::German
        } else {
            Self::English
        }
    }

    /// A time span by a zone's clock: `Mi., 25.11.2026, 10:00–11:00 Uhr`, `Wed, 25 Nov 2026, 10:00–11:00`.
    pub fn span(self, starts_at: DateTime<Utc>, ends_at: DateTime<Utc>, zone: Tz) -> String {
        let (start, end) = (starts_at.with_timezone(&zone), ends_at.with_timezone(&zone));
        let (from, to) = (start.format("%H:%M"), end.format("%H:%M"));
        let (day, last) = (start.date_naive(), end.date_naive());
        match (self, day == last) {
            (Self::German, true) => format!("{}, {from}–{to} Uhr", self.day(day)),
            (Self::German, false) => {
                let (day, last) = (self.day(day), self.day(last));
                format!("{day}, {from} Uhr bis {last}, {to} Uhr")
            }
            (Self::English, true) => format!("{}, {from}–{to}", self.day(day)),
            (Self::English, false) => {
                let (day, last) = (self.day(day), self.day(last));
                format!("{day}, {from} to {last}, {to}")
            }
        }
    }

    fn day(self, day: NaiveDate) -> String {
        match self {
            Self::German => format!("{}, {}", german(day.weekday()), day.format("%d.%m.%Y")),
            Self::English => day.format("%a, %-d %b %Y").to_string(),
        }
    }
}

fn german(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Mo.",
        Weekday::Tue => "Di.",
        Weekday::Wed => "Mi.",
        Weekday::Thu => "Do.",
        Weekday::Fri => "Fr.",
        Weekday::Sat => "Sa.",
        Weekday::Sun => "So.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("de", Language::German)]
    #[case("de-CH", Language::German)]
    #[case("DE_at", Language::German)]
    #[case("en-GB", Language::English)]
    #[case("den", Language::English)]
    #[case("fr", Language::English)]
    #[case("", Language::English)]
    fn german_is_for_those_who_read_it(#[case] locale: &str, #[case] expected: Language) {
        assert_eq!(Language::of(locale), expected);
    }

    #[rstest::rstest]
    #[case(
        "2026-11-25T09:00:00Z",
        "2026-11-25T10:00:00Z",
        "Mi., 25.11.2026, 10:00–11:00 Uhr",
        "Wed, 25 Nov 2026, 10:00–11:00"
    )]
    // In summer the clock is an hour further.
    #[case(
        "2026-07-05T08:00:00Z",
        "2026-07-05T08:45:00Z",
        "So., 05.07.2026, 10:00–10:45 Uhr",
        "Sun, 5 Jul 2026, 10:00–10:45"
    )]
    // Past midnight there, not in UTC.
    #[case(
        "2026-11-25T22:00:00Z",
        "2026-11-25T23:30:00Z",
        "Mi., 25.11.2026, 23:00 Uhr bis Do., 26.11.2026, 00:30 Uhr",
        "Wed, 25 Nov 2026, 23:00 to Thu, 26 Nov 2026, 00:30"
    )]
    fn times_go_by_the_objects_clock(
        #[case] starts_at: &str,
        #[case] ends_at: &str,
        #[case] german: &str,
        #[case] english: &str,
    ) {
        let (from, to) = (starts_at.parse().unwrap(), ends_at.parse().unwrap());
        let zone = Tz::Europe__Berlin;
        assert_eq!(Language::German.span(from, to, zone), german);
        assert_eq!(Language::English.span(from, to, zone), english);
    }
}
