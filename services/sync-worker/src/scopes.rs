//! From what Google listed to the complete scopes of one Apply. Pure.
//!
//! A delta by cursor says, for each touched one-off event, everything there is about it: a scope of
//! that event. It does not say so for a series; when one is touched, everything within the window is
//! listed after the delta, and inside the window that later listing counts.

use std::collections::{BTreeMap, HashSet};

use roomsync_domain::{
    Occurrence, OccurrenceKey, ResourceEmail, TimeWindow,
    decide::{Listing, Scope},
};
use roomsync_google::{Event, OddWhy};

/// The most scopes of a delta, and of a window: booking-command takes both together in one Apply, with
/// its header. A delta with more is better served by a full sync.
pub(crate) const MOST_SCOPES: usize = 4_900;

/// What a delta touched.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// One-off events as they are now, the last word about each.
    pub(crate) one_offs: BTreeMap<String, Occurrence>,
    /// At least one series, or a date of one.
    pub(crate) series_touched: bool,
    /// What made no sense; what is known under it stays as it is.
    pub(crate) odd: Vec<OddWhy>,
}

/// Sorts the events of a delta.
pub(crate) fn sort(events: &[Event], room: &ResourceEmail) -> Delta {
    let mut delta = Delta::default();
    for event in events {
        delta.series_touched |= event.is_series() || event.recurring_event_id.is_some();
        match event.occurrence(room) {
            Ok(Occurrence {
                key: OccurrenceKey::Slot { .. },
                ..
            }) => delta.series_touched = true,
            Ok(seen) => {
                delta.one_offs.insert(seen.event_id.clone(), seen);
            }
            Err(odd) if odd.why == OddWhy::WholeSeries => {}
            Err(odd) => delta.odd.push(odd.why),
        }
    }
    delta
}

/// The occurrences of a window listing, and what made no sense in it.
pub(crate) fn occurrences(
    events: &[Event],
    room: &ResourceEmail,
) -> (Vec<Occurrence>, Vec<OddWhy>) {
    let (mut seen, mut odd) = (Vec::with_capacity(events.len()), Vec::new());
    for event in events {
        match event.occurrence(room) {
            Ok(occurrence) => seen.push(occurrence),
            Err(why) => odd.push(why.why),
        }
    }
    (seen, odd)
}

/// One scope per touched one-off event.
pub(crate) fn of_one_offs(one_offs: BTreeMap<String, Occurrence>) -> Vec<Listing> {
    one_offs
        .into_iter()
        .map(|(id, occurrence)| Listing {
            scope: Scope::Event(id),
            seen: vec![occurrence],
        })
        .collect()
}

/// The scope of a window. When something in it could not be read, nothing may count as absent: then
/// each occurrence is its own scope, and only what was seen is applied.
pub(crate) fn of_window(seen: Vec<Occurrence>, window: TimeWindow, complete: bool) -> Vec<Listing> {
    if complete {
        return vec![Listing {
            scope: Scope::Window(window),
            seen,
        }];
    }
    // Also a date of a series by its own id: a scope of the series would cover its other dates.
    let alone = |occurrence: Occurrence| Listing {
        scope: Scope::Event(occurrence.event_id.clone()),
        seen: vec![occurrence],
    };
    seen.into_iter().map(alone).take(MOST_SCOPES).collect()
}

/// Touched one-off events together with a window listing made after them. The window is newer: a
/// one-off that it shows, or would show, is left to it.
pub(crate) fn combined(
    mut one_offs: BTreeMap<String, Occurrence>,
    seen: Vec<Occurrence>,
    window: TimeWindow,
    complete: bool,
) -> Vec<Listing> {
    let shown: HashSet<&str> = seen
        .iter()
        .map(|occurrence| occurrence.event_id.as_str())
        .collect();
    one_offs.retain(|id, occurrence| {
        let would_show = occurrence
            .window
            .is_some_and(|times| times.intersects(&window));
        !shown.contains(id.as_str()) && (occurrence.cancelled || !complete || !would_show)
    });
    let mut listings = of_one_offs(one_offs);
    listings.extend(of_window(seen, window, complete));
    listings
}

#[cfg(test)]
mod tests;
