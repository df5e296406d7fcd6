//! From what Google listed to the complete scopes of one Apply. Pure.
//!
//! A delta by cursor says, for each touched one-off event, everything there is about it: a scope of
//! that event. It does not say so for a series: a touched one is expanded by Google after the delta
//! (a scope of the series), or, when many were touched, everything within the window is listed (a
//! scope of the window). What was listed later counts where the two disagree.
//!
//! Where a series could not be expanded, or not completely, nothing counts as absent from it: what
//! was seen of it is applied date by date, each a scope of its own instance. Only a cancelled master,
//! which is a cancelled event like any other, ends all its dates.
//!
//! What begins at or after the end of the window is not mirrored (D14): a touched event that lies
//! there now is a scope with nothing in it, unless it is one that we made.

use std::collections::{BTreeMap, HashSet};

use roomsync_domain::{
    Occurrence, OccurrenceKey, ResourceEmail, TimeWindow,
    decide::{Listing, Scope},
};
use roomsync_google::{Event, OddWhy};

/// The most scopes of a delta: half of what goes into one Apply, which the listings that follow it share.
/// A delta with more is better served by a full sync.
pub(crate) const MOST_SCOPES: usize = 4_900;

/// What a delta touched.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// By id, the last word about each: one-off events, and whatever was cancelled as a whole.
    pub(crate) whole: BTreeMap<String, Occurrence>,
    /// Touched series by id, each with those of its dates that the delta shows.
    pub(crate) series: BTreeMap<String, Vec<Occurrence>>,
    /// What made no sense; what is known under it stays as it is.
    pub(crate) odd: Vec<OddWhy>,
}

/// What Google's expansion of a touched series said. Without one: there is no such series on the
/// calendar, which says nothing about its dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expanded {
    /// Its dates within the window.
    pub(crate) seen: Vec<Occurrence>,
    /// All of it could be read, and was of this series.
    pub(crate) complete: bool,
}

impl Delta {
    /// The series to expand. One that is known as a whole is none any more: cancelled, or made a
    /// single event under the same id.
    pub(crate) fn to_expand(&self) -> Vec<String> {
        let series = self.series.keys();
        series
            .filter(|id| !self.whole.contains_key(*id))
            .cloned()
            .collect()
    }

    /// How many scopes it makes by itself, at most.
    pub(crate) fn scopes(&self) -> usize {
        let dates = self.series.values().map(|dates| dates.len() + 1);
        self.whole.len() + dates.sum::<usize>()
    }
}

/// Sorts the events of a delta.
pub(crate) fn sort(events: &[Event], room: &ResourceEmail) -> Delta {
    let last: BTreeMap<&str, &Event> = events
        .iter()
        .map(|event| (event.id.as_str(), event))
        .collect();
    let mut delta = Delta::default();
    for event in last.into_values() {
        match event.occurrence(room) {
            Ok(seen) => match &seen.key {
                OccurrenceKey::Slot { series, .. } => {
                    delta.series.entry(series.clone()).or_default().push(seen);
                }
                OccurrenceKey::Event(_) => {
                    delta.whole.insert(seen.event_id.clone(), seen);
                }
            },
            Err(odd) => {
                if let Some(series) = series_of(event) {
                    delta.series.entry(series.to_owned()).or_default();
                }
                if odd.why != OddWhy::WholeSeries {
                    delta.odd.push(odd.why);
                }
            }
        }
    }
    delta
}

/// The series that an event is, or is a date of.
fn series_of(event: &Event) -> Option<&str> {
    let of = event.recurring_event_id.as_deref();
    of.or(event.is_series().then_some(event.id.as_str()))
        .filter(|id| !id.is_empty())
}

/// The occurrences of a listing, and what made no sense in it.
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

/// The scopes of a delta whose touched series were expanded, those that Google has.
pub(crate) fn of_delta(
    delta: Delta,
    mut expanded: BTreeMap<String, Expanded>,
    window: TimeWindow,
) -> Vec<Listing> {
    let whole = delta.whole.into_values();
    let mut listings: Vec<Listing> = whole.map(|seen| alone(seen, window)).collect();
    for (series, dates) in delta.series {
        let found = expanded.remove(&series);
        let shown = ids(found.as_ref().map_or(&[][..], |found| &found.seen));
        let complete = found.as_ref().is_some_and(|found| found.complete);
        listings.extend(told_by_delta(dates, &shown, complete, window));
        match found {
            Some(Expanded {
                seen,
                complete: true,
            }) => {
                listings.push(Listing {
                    scope: Scope::Series { series, window },
                    seen,
                });
            }
            Some(Expanded { seen, .. }) => listings.extend(each_alone(seen, window)),
            None => {}
        }
    }
    listings
}

/// The scope of a window. When something in it could not be read, nothing may count as absent: then
/// each occurrence is its own scope, and only what was seen is applied: all of it, or the listing does
/// not fit one Apply and is trouble.
pub(crate) fn of_window(seen: Vec<Occurrence>, window: TimeWindow, complete: bool) -> Vec<Listing> {
    if complete {
        return vec![Listing {
            scope: Scope::Window(window),
            seen,
        }];
    }
    each_alone(seen, window).collect()
}

/// A delta together with a window listing made after it. The window is newer: a one-off that it
/// shows, or would show, is left to it.
pub(crate) fn with_window(
    mut delta: Delta,
    seen: Vec<Occurrence>,
    window: TimeWindow,
    complete: bool,
) -> Vec<Listing> {
    let shown = ids(&seen);
    delta.whole.retain(|id, occurrence| {
        let would_show = occurrence
            .window
            .is_some_and(|times| times.intersects(&window));
        !shown.contains(id) && (occurrence.cancelled || !complete || !would_show)
    });
    let whole = delta.whole.into_values();
    let mut listings: Vec<Listing> = whole.map(|seen| alone(seen, window)).collect();
    for dates in delta.series.into_values() {
        listings.extend(told_by_delta(dates, &shown, complete, window));
    }
    listings.extend(of_window(seen, window, complete));
    listings
}

/// The dates of a series that a delta shows and the listing after it does not: the cancelled ones, so
/// that they end as such; the others only where the listing is not complete.
fn told_by_delta(
    dates: Vec<Occurrence>,
    shown: &HashSet<String>,
    complete: bool,
    window: TimeWindow,
) -> impl Iterator<Item = Listing> {
    dates
        .into_iter()
        .filter(move |date| !shown.contains(&date.event_id) && (date.cancelled || !complete))
        .map(move |date| alone(date, window))
}

/// Also a date of a series by its own id: a scope of the series would cover its other dates.
fn each_alone(seen: Vec<Occurrence>, window: TimeWindow) -> impl Iterator<Item = Listing> {
    seen.into_iter()
        .map(move |occurrence| alone(occurrence, window))
}

/// The scope of one event. Beyond the horizon nothing of it is mirrored, unless it carries our note: a booking
/// made in Flexopus reaches farther, and must not be taken for one that is gone.
fn alone(occurrence: Occurrence, window: TimeWindow) -> Listing {
    let beyond = occurrence.flexopus_property.is_none()
        && occurrence
            .window
            .is_some_and(|times| times.starts_at() >= window.ends_at());
    let scope = Scope::Event(occurrence.event_id.clone());
    let seen = if beyond && !occurrence.cancelled {
        Vec::new()
    } else {
        vec![occurrence]
    };
    Listing { scope, seen }
}

fn ids(seen: &[Occurrence]) -> HashSet<String> {
    seen.iter()
        .map(|occurrence| occurrence.event_id.clone())
        .collect()
}

#[cfg(test)]
mod tests;
