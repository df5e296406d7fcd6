//! How long a call that waits for Google may wait.

use std::time::Duration;

use roomsync_process::grpc;
use tokio::time::Instant;
use tonic::Request;

/// When the caller does not say.
const DEFAULT: Duration = Duration::from_secs(5);
/// However long the caller would wait.
const LONGEST: Duration = Duration::from_mins(1);
/// The answer has to be there before the caller hangs up, also from a busy machine: an eighth of the time, within
/// these.
const LEAST_MARGIN: Duration = Duration::from_millis(200);
const MOST_MARGIN: Duration = Duration::from_millis(500);

/// When the answer has to be on its way, counted from the call's arrival: to be asked before anything is
/// awaited.
pub(super) fn of<T>(request: &Request<T>) -> Instant {
    Instant::now() + patience(request)
}

/// How long the call may wait: until shortly before its caller's deadline.
fn patience<T>(request: &Request<T>) -> Duration {
    let given = request.metadata().get(grpc::TIMEOUT);
    let given = given.and_then(|text| text.to_str().ok());
    grpc::timeout(given).map_or(DEFAULT, |given| {
        let margin = (given / 8).clamp(LEAST_MARGIN, MOST_MARGIN);
        given.saturating_sub(margin).min(LONGEST)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(None, DEFAULT)]
    #[case::a_second(Some("1S"), Duration::from_millis(800))]
    #[case::seconds(Some("3S"), Duration::from_millis(2_625))]
    #[case::microseconds(Some("9999999u"), Duration::from_micros(9_499_999))]
    #[case::hours(Some("2H"), LONGEST)]
    #[case::too_short(Some("100m"), Duration::ZERO)]
    #[case::garbage(Some("soon"), DEFAULT)]
    fn a_call_waits_until_shortly_before_its_deadline(
        #[case] given: Option<&'static str>,
        #[case] expected: Duration,
    ) {
        let mut request = Request::new(());
        if let Some(given) = given {
            let given = given.parse().unwrap();
            request.metadata_mut().insert("grpc-timeout", given);
        }
        assert_eq!(patience(&request), expected);
    }
}
