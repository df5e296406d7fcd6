//! What was listed completely: what is absent from a scope does not exist.

use super::Known;
use crate::{Occurrence, OccurrenceKey, TimeWindow};

/// Something listed completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One event, or one instance, by Google's id.
    Event(String),
    /// The occurrences of one series within a window.
    Series {
        /// Google's id of the series.
        series: String,
        /// Where it was listed.
        window: TimeWindow,
    },
    /// Everything within a window.
    Window(TimeWindow),
}

/// A scope and what was seen in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What was listed.
    pub scope: Scope,
    /// All there was.
    pub seen: Vec<Occurrence>,
}

impl Scope {
    /// Whether a listing of this scope would show the booking if its occurrence still existed where
    /// we hold it.
    pub fn covers(&self, booking: &Known) -> bool {
        let details = &booking.details;
        match self {
            Self::Event(id) => is_event(&booking.key, id) || details.event_id == *id,
            Self::Series { series, window } => {
                belongs_to(&booking.key, series) && window.intersects(&details.window)
            }
            Self::Window(window) => window.intersects(&details.window),
        }
    }

    /// Orders scopes from narrow to wide.
    pub(super) fn width(&self) -> u8 {
        match self {
            Self::Event(_) => 0,
            Self::Series { .. } => 1,
            Self::Window(_) => 2,
        }
    }
}

fn is_event(key: &OccurrenceKey, id: &str) -> bool {
    matches!(key, OccurrenceKey::Event(event) if event == id)
}

/// A date of the series, or the one-off event that was made into this series (the id stays).
fn belongs_to(key: &OccurrenceKey, series_id: &str) -> bool {
    match key {
        OccurrenceKey::Event(event) => event == series_id,
        OccurrenceKey::Slot { series, .. } => series == series_id,
    }
}
