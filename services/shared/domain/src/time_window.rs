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
        if ends_at > starts_at {
            Ok(Self { starts_at, ends_at })
        } else {
            Err(InvalidWindow)
        }
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

    /// What the two have in common.
    pub fn clipped_to(&self, other: &Self) -> Option<Self> {
        let starts_at = self.starts_at.max(other.starts_at);
        Self::new(starts_at, self.ends_at.min(other.ends_at)).ok()
    }

    /// The smallest window that holds all of `windows`; `None` of none.
    pub fn hull(windows: impl IntoIterator<Item = Self>) -> Option<Self> {
        windows.into_iter().reduce(|one, other| Self {
            starts_at: one.starts_at.min(other.starts_at),
            ends_at: one.ends_at.max(other.ends_at),
        })
    }

    /// The same instants in as few windows as possible, by start: those that overlap or touch become
    /// one.
    pub fn merge(mut windows: Vec<Self>) -> Vec<Self> {
        windows.sort_by_key(|window| window.starts_at);
        let mut merged: Vec<Self> = Vec::with_capacity(windows.len());
        for window in windows {
            match merged.last_mut() {
                Some(last) if last.ends_at >= window.starts_at => {
                    last.ends_at = last.ends_at.max(window.ends_at);
                }
                _ => merged.push(window),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window((start, end): (i64, i64)) -> TimeWindow {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        TimeWindow::new(at(start), at(end)).unwrap()
    }

    #[rstest::rstest]
    #[case::none(&[], &[])]
    #[case::apart(&[(5, 6), (1, 2)], &[(1, 2), (5, 6)])]
    #[case::touching(&[(1, 2), (2, 3)], &[(1, 3)])]
    #[case::inside(&[(1, 9), (2, 3), (8, 10)], &[(1, 10)])]
    fn overlapping_windows_merge(#[case] given: &[(i64, i64)], #[case] expected: &[(i64, i64)]) {
        let merged = TimeWindow::merge(given.iter().copied().map(window).collect());
        assert_eq!(
            merged,
            expected.iter().copied().map(window).collect::<Vec<_>>()
        );
    }

    #[rstest::rstest]
    #[case::inside((2, 3), Some((2, 3)))]
    #[case::across((0, 3), Some((1, 3)))]
    #[case::outside((5, 6), None)]
    #[case::touching((4, 6), None)]
    fn a_window_is_clipped(#[case] given: (i64, i64), #[case] expected: Option<(i64, i64)>) {
        assert_eq!(
            window(given).clipped_to(&window((1, 4))),
            expected.map(window)
        );
    }
}
