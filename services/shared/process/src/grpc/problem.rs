//! Errors that say what to do: `google.rpc.ErrorInfo` and `RetryInfo` in a `tonic::Status`.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of our reasons.
pub const DOMAIN: &str = "roomsync";

/// A status with an `ErrorInfo`. `reason` is `UPPER_SNAKE` and listed in the rpc's comment; the
/// message is for developers and names no person.
pub fn problem(
    code: Code,
    reason: &'static str,
    message: impl Into<String>,
    metadata: &[(&str, &str)],
) -> Status {
    Status::with_error_details(code, message, details(reason, metadata))
}

/// The same, and when to try again.
pub fn problem_later(
    code: Code,
    reason: &'static str,
    message: impl Into<String>,
    metadata: &[(&str, &str)],
    after: Duration,
) -> Status {
    let mut details = details(reason, metadata);
    details.set_retry_info(Some(after));
    Status::with_error_details(code, message, details)
}

/// The reason of a status that [`problem`] made.
pub fn reason(status: &Status) -> Option<String> {
    status
        .get_details_error_info()
        .filter(|info| info.domain == DOMAIN)
        .map(|info| info.reason)
}

/// One of its metadata.
pub fn metadata(status: &Status, key: &str) -> Option<String> {
    let info = status
        .get_details_error_info()
        .filter(|info| info.domain == DOMAIN);
    info.and_then(|mut info| info.metadata.remove(key))
}

/// When to try again, if the status says.
pub fn retry_after(status: &Status) -> Option<Duration> {
    status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay)
}

fn details(reason: &'static str, metadata: &[(&str, &str)]) -> ErrorDetails {
    let metadata: HashMap<String, String> = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    ErrorDetails::with_error_info(reason, DOMAIN, metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_problem_says_can_be_read_again() {
        let after = Duration::from_secs(3);
        let known = [("object", "o-1")];
        let status = problem_later(
            Code::ResourceExhausted,
            "SLOW_DOWN",
            "too fast",
            &known,
            after,
        );
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "too fast");
        assert_eq!(reason(&status).as_deref(), Some("SLOW_DOWN"));
        assert_eq!(metadata(&status, "object").as_deref(), Some("o-1"));
        assert_eq!(metadata(&status, "else"), None);
        assert_eq!(retry_after(&status), Some(after));
    }

    #[test]
    fn a_bare_status_has_no_reason() {
        let status = Status::not_found("gone");
        assert_eq!((reason(&status), retry_after(&status)), (None, None));
    }
}
