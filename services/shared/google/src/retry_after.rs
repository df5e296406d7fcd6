//! The header `Retry-After`: seconds, or a date. Google promises it nowhere; it is honoured where it
//! comes. A date is compared with the answer's own `Date`, so that our clock does not matter.

use std::time::Duration;

use chrono::DateTime;

/// A longer wait than this is not believed.
const LONGEST: Duration = Duration::from_hours(24);

/// How long to wait; `None` for what cannot be read.
pub(crate) fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = DateTime::parse_from_rfc2822(value).ok()?;
        let now = DateTime::parse_from_rfc2822(date?).ok()?;
        (until - now).to_std().unwrap_or_default()
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Option<&str> = Some("Sun, 22 Nov 2026 08:00:00 GMT");

    #[rstest::rstest]
    #[case("7", None, Some(7))]
    #[case(" 0 ", None, Some(0))]
    #[case("Sun, 22 Nov 2026 08:01:30 GMT", DATE, Some(90))]
    #[case::past("Sun, 22 Nov 2026 07:00:00 GMT", DATE, Some(0))]
    #[case::no_date("Sun, 22 Nov 2026 08:01:30 GMT", None, None)]
    #[case::far("999999999", None, Some(24 * 3600))]
    #[case("-3", None, None)]
    #[case("soon", DATE, None)]
    fn both_forms_are_read(
        #[case] value: &str,
        #[case] date: Option<&str>,
        #[case] s: Option<u64>,
    ) {
        assert_eq!(retry_after(value, date), s.map(Duration::from_secs));
    }
}
