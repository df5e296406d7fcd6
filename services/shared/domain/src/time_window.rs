//! A half-open interval of time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why two instants make no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an end later than the start")]
pub struct InvalidWindow;

/// From `starts_at` (inclusive) to `ends_at` (exclusive), never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeWindow {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl TimeWindow {
    /// A window; the end must be later than the start.
    pub fn new(starts_at: DateTime<Utc>, ends_at: DateTime<Utc>) -> Result<Self, InvalidWindow> {
        if ends_at > starts_at { Ok(Self { starts_at, ends_at }) } else { Err(InvalidWindow) }
    }

    /// The first instant within.
    pub fn starts_at(&self) -> DateTime<Utc> {
        self.starts_at
    }

    /// The first instant after.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.ends_at
    }

    /// Whether the two have an instant in common. Windows that only touch do not.
    pub fn intersects(&self, other: &Self) -> bool {
        self.starts_at < other.ends_at && other.starts_at < self.ends_at
    }
}
