//! Instants as the contracts write them.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// An instant in the contract's form.
pub(crate) fn to_proto(at: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp {
        seconds: at.timestamp(),
        nanos,
    }
}

/// An instant from the contract's form; `None` for one that is no instant.
pub(crate) fn from_proto(at: &Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}
