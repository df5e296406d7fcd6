//! What was listed completely: what is absent from a scope does not exist.

use super::Known;
use crate::{Occurrence, OccurrenceKey, TimeWindow};

/// Something listed completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One event, or one instance, by Google's id. An event that was a series before is none any more:
    /// the dates of the series with this id are covered too.
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
            Self::Event(id) => belongs_to(&booking.key, id) || details.event_id == *id,
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

/// The one-off event with this id, or a date of the series with this id: the id stays when the one is
/// made the other.
fn belongs_to(key: &OccurrenceKey, id: &str) -> bool {
    match key {
        OccurrenceKey::Event(event) => event == id,
        OccurrenceKey::Slot { series, .. } => series == id,
    }
}
