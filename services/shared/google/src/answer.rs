//! Reads an answer, but not more of it than the limit.

use std::time::Duration;

use reqwest::{Response, StatusCode, header};

use crate::{GoogleError, retry_after::retry_after};

/// An answer as it arrived.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the whole body. A good answer beyond the limit cannot be used; of a refusal, what fits is
    /// enough to find its reason or to give up on it.
    pub(crate) async fn read(mut response: Response, limit: usize) -> Result<Self, GoogleError> {
        let status = response.status();
        let text = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let retry_after =
            text(header::RETRY_AFTER).and_then(|value| retry_after(value, text(header::DATE)));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(GoogleError::unreachable)? {
            if body.len() + chunk.len() > limit {
                if status.is_success() {
                    return Err(GoogleError::Unreadable("the answer is too large"));
                }
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status,
            retry_after,
            body,
        })
    }
}
