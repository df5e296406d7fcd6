//! `If-Match` and `If-None-Match`.

use axum::http::{
    HeaderMap,
    header::{IF_MATCH, IF_NONE_MATCH},
};

use crate::world::ApiError;

/// Refuses a change whose `If-Match` is not this etag.
pub(super) fn if_match(headers: &HeaderMap, etag: &str) -> Result<(), ApiError> {
    match headers.get(IF_MATCH) {
        Some(wanted) if !fits(wanted.as_bytes(), etag) => Err(ApiError::condition_not_met()),
        _ => Ok(()),
    }
}

/// Whether the caller already has what this etag stands for.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(IF_NONE_MATCH)
        .is_some_and(|known| fits(known.as_bytes(), etag))
}

fn fits(header: &[u8], etag: &str) -> bool {
    header == b"*" || header == etag.as_bytes()
}
