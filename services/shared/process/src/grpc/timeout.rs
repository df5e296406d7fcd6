//! The `grpc-timeout` of a call, as the protocol writes it: up to eight digits and a unit.

use std::time::Duration;

/// The header's name, among HTTP headers as in metadata.
pub const TIMEOUT: &str = "grpc-timeout";

/// How long the caller waits; `None` when it does not say, or in a way that nobody can read.
///
/// ```
/// # use std::time::Duration;
/// # use roomsync_process::grpc::timeout;
/// assert_eq!(timeout(Some("1500m")), Some(Duration::from_millis(1500)));
/// assert_eq!(timeout(Some("soon")), None);
/// ```
pub fn timeout(header: Option<&str>) -> Option<Duration> {
    let text = header?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    if !is_number {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(None, None)]
    #[case::seconds(Some("2S"), Some(Duration::from_secs(2)))]
    #[case::milliseconds(Some("1500m"), Some(Duration::from_millis(1500)))]
    #[case::microseconds(Some("9999999u"), Some(Duration::from_micros(9_999_999)))]
    #[case::nanoseconds(Some("5n"), Some(Duration::from_nanos(5)))]
    #[case::minutes(Some("3M"), Some(Duration::from_mins(3)))]
    #[case::hours(Some("99999999H"), Some(Duration::from_hours(99_999_999)))]
    #[case::too_many_digits(Some("123456789S"), None)]
    #[case::signed(Some("+5S"), None)]
    #[case::no_digits(Some("S"), None)]
    #[case::empty(Some(""), None)]
    #[case::another_unit(Some("5x"), None)]
    #[case::a_word(Some("soon"), None)]
    fn a_timeout_is_read_as_grpc_writes_it(
        #[case] header: Option<&str>,
        #[case] expected: Option<Duration>,
    ) {
        assert_eq!(timeout(header), expected);
    }
}
