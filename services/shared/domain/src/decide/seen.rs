//! What listings show, one occurrence per key.

use std::collections::BTreeMap;

use super::{Known, Listing};
use crate::{Occurrence, OccurrenceKey};

/// What the listings show.
pub(super) struct Seen<'a> {
    by_key: BTreeMap<&'a OccurrenceKey, &'a Occurrence>,
}

impl<'a> Seen<'a> {
    /// When two scopes show one occurrence differently, the wider one was listed later (it is listed
    /// because of the narrower one) and wins; within a scope the last one does.
    pub(super) fn of(listings: &'a [Listing]) -> Self {
        let mut by_width: Vec<&Listing> = listings.iter().collect();
        by_width.sort_by_key(|listing| listing.scope.width());
        let occurrences = by_width.into_iter().flat_map(|listing| &listing.seen);
        Self {
            by_key: occurrences
                .map(|occurrence| (&occurrence.key, occurrence))
                .collect(),
        }
    }

    /// Everything, by key.
    pub(super) fn occurrences(&self) -> impl Iterator<Item = &'a Occurrence> {
        self.by_key.values().copied()
    }

    /// What is shown of a booking. A cancellation may carry nothing but an id: that of the instance,
    /// or of the whole series.
    pub(super) fn occurrence_of(&self, booking: &Known) -> Option<&'a Occurrence> {
        let cancelled = |id: &str| {
            let key = OccurrenceKey::Event(id.to_owned());
            self.by_key
                .get(&key)
                .filter(|occurrence| occurrence.cancelled)
        };
        let by_series = || match &booking.key {
            OccurrenceKey::Slot { series, .. } => cancelled(series),
            OccurrenceKey::Event(_) => None,
        };
        self.by_key
            .get(&booking.key)
            .or_else(|| cancelled(&booking.details.event_id))
            .or_else(by_series)
            .copied()
    }
}
