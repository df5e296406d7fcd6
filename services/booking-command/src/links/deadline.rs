//! When the caller of an rpc stops waiting.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// The deadline of a caller that names none.
const DEFAULT: Duration = Duration::from_secs(30);
/// What the way back takes.
const MARGIN: Duration = Duration::from_millis(500);

/// When the answer must be on its way.
pub(super) fn of(metadata: &MetadataMap) -> Instant {
    let named = metadata
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok())
        .and_then(read);
    let patience = named.unwrap_or(DEFAULT).min(DEFAULT);
    Instant::now() + patience.saturating_sub(MARGIN)
}

/// A header such as `1500m`: digits and a unit.
fn read(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        "M" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("2S", Some(Duration::from_secs(2)))]
    #[case("1500m", Some(Duration::from_millis(1500)))]
    #[case("250000u", Some(Duration::from_millis(250)))]
    #[case("1H", Some(Duration::from_hours(1)))]
    #[case("S", None)]
    #[case("", None)]
    #[case("5x", None)]
    fn a_deadline_is_read_as_grpc_writes_it(
        #[case] text: &str,
        #[case] expected: Option<Duration>,
    ) {
        assert_eq!(read(text), expected);
    }
}
