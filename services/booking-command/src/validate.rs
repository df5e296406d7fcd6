//! Checks of request fields, each naming the field and what was expected of it.

use std::{fmt::Display, str::FromStr};

use chrono::{DateTime, SubsecRound as _, Utc};
use chrono_tz::Tz;
use prost_types::Timestamp;
use roomsync_domain::{MailAddress, ResourceEmail, TimeWindow};

use crate::status::CommandError;

const ID: &str = "1 to 64 characters of `A-Z a-z 0-9 . _ : -`";
const MAIL: &str = "a mail address such as `name@example.com`, at most 254 characters";

/// An id of the main app.
pub fn id<T: FromStr>(field: impl Display, text: &str) -> Result<T, CommandError> {
    text.parse()
        .map_err(|_| CommandError::invalid(field.to_string(), ID))
}

/// A person's mail address, in lower case.
pub fn mail(field: impl Display, text: &str) -> Result<MailAddress, CommandError> {
    text.parse()
        .map_err(|_| CommandError::invalid(field.to_string(), MAIL))
}

/// The address of a resource calendar.
pub fn resource_email(field: impl Display, text: &str) -> Result<ResourceEmail, CommandError> {
    text.parse().map_err(|_| {
        let expected = "the resource's mail address as the Google Admin console shows it";
        CommandError::invalid(field.to_string(), expected)
    })
}

/// An IANA time zone.
pub fn time_zone(field: impl Display, text: &str) -> Result<Tz, CommandError> {
    text.parse().map_err(|_| {
        CommandError::invalid(
            field.to_string(),
            "an IANA time zone such as `Europe/Berlin`",
        )
    })
}

/// A text whose number of characters lies in a range, without control characters.
pub fn text<'a>(
    field: impl Display,
    text: &'a str,
    characters: std::ops::RangeInclusive<usize>,
    expected: &'static str,
) -> Result<&'a str, CommandError> {
    let fits = characters.contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        Ok(text)
    } else {
        Err(CommandError::invalid(field.to_string(), expected))
    }
}

/// An instant that PostgreSQL and every client can hold, cut to the microseconds that PostgreSQL keeps.
pub fn instant(
    field: impl Display,
    stamp: Option<&Timestamp>,
) -> Result<DateTime<Utc>, CommandError> {
    stamp
        .and_then(|s| DateTime::from_timestamp(s.seconds, u32::try_from(s.nanos).ok()?))
        .filter(|at| (1970..=9999).contains(&chrono::Datelike::year(at)))
        .map(|at| at.trunc_subsecs(6))
        .ok_or_else(|| CommandError::invalid(field.to_string(), "a time between 1970 and 9999"))
}

/// A window of the API.
pub fn window(
    field: impl Display,
    window: Option<&roomsync_proto::booking::v1::TimeWindow>,
) -> Result<TimeWindow, CommandError> {
    let Some(window) = window else {
        return Err(CommandError::invalid(field.to_string(), "a time window"));
    };
    let starts_at = instant(format_args!("{field}.starts_at"), window.starts_at.as_ref())?;
    let ends_at = instant(format_args!("{field}.ends_at"), window.ends_at.as_ref())?;
    TimeWindow::new(starts_at, ends_at).map_err(|_| {
        CommandError::invalid(format!("{field}.ends_at"), "an end later than the start")
    })
}

/// The wanted page size; 0 means the default.
pub fn page_size(wanted: i32, default: i64, most: i64) -> Result<i64, CommandError> {
    match i64::from(wanted) {
        0 => Ok(default),
        wanted if (1..=most).contains(&wanted) => Ok(wanted),
        _ => Err(CommandError::invalid(
            "page_size",
            "0 for the default, or a size within the limit",
        )),
    }
}

/// At most so many elements in a repeated field.
pub fn at_most<T>(
    field: &str,
    items: &[T],
    most: usize,
    expected: &'static str,
) -> Result<(), CommandError> {
    if items.len() <= most {
        Ok(())
    } else {
        Err(CommandError::invalid(field, expected))
    }
}

/// An instant as the API says it.
pub fn stamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: at.timestamp(),
        // Cannot truncate: a chrono instant has less than 2e9 nanoseconds.
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(999_999_999),
    }
}

#[cfg(test)]
mod tests {
    use roomsync_domain::ObjectId;

    use super::*;

    #[test]
    fn a_bad_id_is_named_by_its_path() {
        let error = id::<ObjectId>(format_args!("objects[{}].object_id", 3), "a b").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("objects[3].object_id: expected {ID}")
        );
    }

    #[rstest::rstest]
    #[case(0, Some(100))]
    #[case(1, Some(1))]
    #[case(500, Some(500))]
    #[case(501, None)]
    #[case(-1, None)]
    fn page_sizes_have_a_default_and_a_limit(#[case] wanted: i32, #[case] size: Option<i64>) {
        assert_eq!(page_size(wanted, 100, 500).ok(), size);
    }

    #[rstest::rstest]
    #[case("", false)]
    #[case("a", true)]
    #[case("äöü", true)]
    #[case("äöüß", false)]
    #[case("a\u{0}", false)]
    fn texts_are_counted_in_characters(#[case] value: &str, #[case] ok: bool) {
        assert_eq!(text("name", value, 1..=3, "1 to 3 characters").is_ok(), ok);
    }

    #[test]
    fn a_window_must_end_after_it_starts() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let bad = roomsync_proto::booking::v1::TimeWindow {
            starts_at: at(10),
            ends_at: at(10),
        };
        let error = window("window", Some(&bad)).unwrap_err();
        assert!(error.to_string().starts_with("window.ends_at"));
        assert!(window("window", None).is_err());
    }

    #[test]
    fn a_window_shorter_than_postgresql_can_keep_is_refused() {
        let at = |nanos| Some(Timestamp { seconds: 10, nanos });
        let tiny = roomsync_proto::booking::v1::TimeWindow {
            starts_at: at(1),
            ends_at: at(2),
        };
        let error = window("window", Some(&tiny)).unwrap_err();
        assert!(error.to_string().starts_with("window.ends_at"));
    }

    #[test]
    fn impossible_instants_are_refused() {
        assert!(
            instant(
                "at",
                Some(&Timestamp {
                    seconds: i64::MAX,
                    nanos: 0
                })
            )
            .is_err()
        );
        assert!(
            instant(
                "at",
                Some(&Timestamp {
                    seconds: 0,
                    nanos: -1
                })
            )
            .is_err()
        );
        assert!(instant("at", None).is_err());
    }
}
