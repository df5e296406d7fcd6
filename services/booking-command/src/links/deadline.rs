//! When the caller of an rpc stops waiting.

use std::time::Duration;

use roomsync_process::grpc;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// The deadline of a caller that names none.
const DEFAULT: Duration = Duration::from_secs(30);
/// What the way back takes.
const MARGIN: Duration = Duration::from_millis(500);

/// When the answer must be on its way.
pub(super) fn of(metadata: &MetadataMap) -> Instant {
    let named = metadata.get(grpc::TIMEOUT);
    let named = grpc::timeout(named.and_then(|value| value.to_str().ok()));
    let patience = named.unwrap_or(DEFAULT).min(DEFAULT);
    Instant::now() + patience.saturating_sub(MARGIN)
}
