//! What a refusal means: by status, `errors[].reason` and `details[].reason`, never by the text of a
//! message. A reason that the table does not know falls back to the class of the status.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::{GoogleError, call::Call, reason};

/// The meaning of a refusal of the Calendar or Directory API.
pub(crate) fn classify(
    call: Call,
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> GoogleError {
    let reasons = reasons(body);
    let known = reasons
        .iter()
        .find_map(|word| by_reason(status, word, retry_after));
    known.unwrap_or_else(|| by_status(call, status, reasons.into_iter().next(), retry_after))
}

/// One row for each reason that says more than its status.
fn by_reason(status: StatusCode, word: &str, retry_after: Option<Duration>) -> Option<GoogleError> {
    let forbidden = |reason: &str| GoogleError::Forbidden {
        reason: reason.to_owned(),
    };
    Some(match (status.as_u16(), word) {
        (400, "pushNotSupportedForRequestedResource") => GoogleError::PushRefused,
        (400, "channelIdNotUnique") => GoogleError::ChannelIdTaken,
        (400 | 401 | 403, "push.webhookUrlUnauthorized" | "webhookUrlUnauthorized") => {
            GoogleError::PushAddressRefused
        }
        (403 | 429, "quotaExceeded" | "dailyLimitExceeded") => GoogleError::QuotaExceeded,
        (403 | 429, "userRateLimitExceeded" | "rateLimitExceeded" | "RATE_LIMIT_EXCEEDED") => {
            GoogleError::Throttled { retry_after }
        }
        (403, "notACalendarUser") => GoogleError::NotCalendarUser,
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") => forbidden(reason::MISSING_SCOPE),
        (403, "SERVICE_DISABLED") => forbidden(reason::API_DISABLED),
        (403, reason::MISSING_SCOPE | reason::API_DISABLED | reason::ROLE_TOO_LOW) => {
            forbidden(word)
        }
        (410, "fullSyncRequired" | "updatedMinTooLongAgo") => GoogleError::CursorExpired,
        (410, "deleted") => GoogleError::Gone,
        _ => return None,
    })
}

fn by_status(
    call: Call,
    status: StatusCode,
    word: Option<String>,
    retry_after: Option<Duration>,
) -> GoogleError {
    let reason = word.unwrap_or_else(|| reason::UNKNOWN.to_owned());
    match status.as_u16() {
        401 => GoogleError::Unauthorized,
        403 => GoogleError::Forbidden { reason },
        404 => GoogleError::NotFound,
        409 => GoogleError::Conflict,
        410 if call.has_cursor() => GoogleError::CursorExpired,
        410 => GoogleError::Gone,
        412 => GoogleError::PreconditionFailed,
        429 => GoogleError::Throttled { retry_after },
        408 | 500.. => GoogleError::Unavailable {
            status,
            retry_after,
        },
        _ => GoogleError::Refused { status, reason },
    }
}

/// The reasons in an error envelope, the classic ones first; none for HTML and other garbage. What
/// does not look like a reason is dropped, so that nothing else gets into logs by this way.
fn reasons(body: &[u8]) -> Vec<String> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Vec::new();
    };
    let list = |key: &str| body["error"][key].as_array().cloned().unwrap_or_default();
    list("errors")
        .iter()
        .chain(&list("details"))
        .filter_map(|entry| entry["reason"].as_str())
        .filter(|word| is_word(word))
        .map(ToOwned::to_owned)
        .collect()
}

pub(crate) fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests;
