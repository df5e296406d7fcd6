//! What a listing of a room's calendar means for the bookings we hold: [`decide`].
//!
//! A listing says completely what stands in some [`Scope`]s. [`decide`] compares it with the live
//! bookings and answers the [`Change`]s that make them the same; the transaction that writes them is
//! booking-command's `mirror/apply.rs`. It guarantees that
//!
//! * applying the same listing again changes nothing, and what is unchanged is no change at all;
//! * absence ends only bookings that a scope covers, by window only those that intersect it;
//! * what Google says is never refused for its times: overlaps are imported (see [`crate::flags`]);
//! * an ended booking never comes back: an occurrence that does is a new booking;
//! * a moved occurrence keeps its booking and so its id;
//! * states only go where [`BookingState::may_become`] lets them.
//!
//! Which occurrence is a booking is said in [`standing`], whose it is in [`whose`]. To add a rule:
//! find which of the two questions it answers, and add its row to the table in `tests.rs`.

mod scope;
mod standing;
#[cfg(test)]
mod tests;
mod whose;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

pub use self::{
    scope::{Listing, Scope},
    standing::{Standing, standing},
    whose::responsible_mail,
};
use crate::{
    Booker, BookingId, BookingState, Cause, Occurrence, OccurrenceKey, TimeWindow, UserId,
};

/// What a booking takes from its occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details {
    /// Google's id of the event or instance.
    pub event_id: String,
    /// When.
    pub window: TimeWindow,
    /// Made as an all-day event.
    pub all_day: bool,
    /// Whose it is.
    pub booker: Booker,
    /// The address that says whose it is, lower case. Kept for anonymous bookings too, so that they
    /// find their owner when that user appears later.
    pub organizer_mail: Option<String>,
    /// Who and what are for the owner and administrators only.
    pub private: bool,
    /// The event's title, where the tenant stores titles.
    pub title: Option<String>,
}

/// A booking as we hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Our id.
    pub id: BookingId,
    /// The occurrence it mirrors.
    pub key: OccurrenceKey,
    /// Its state.
    pub state: BookingState,
    /// What it took from the occurrence when it was last seen.
    pub details: Details,
}

/// What has to become of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An occurrence without a booking.
    Create {
        /// The occurrence.
        key: OccurrenceKey,
        /// Pending or confirmed.
        state: BookingState,
        /// What it says.
        details: Details,
    },
    /// The occurrence moved, or something else about it changed.
    Update {
        /// Which booking.
        id: BookingId,
        /// Its state from now on, often the same.
        state: BookingState,
        /// What the occurrence says now.
        details: Details,
    },
    /// The booking ends; its details stay as they were.
    End {
        /// Which booking.
        id: BookingId,
        /// Rejected or removed.
        state: BookingState,
        /// Why.
        cause: Cause,
    },
}

/// What a decision needs to know of the tenant.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Users by mail address and alias, lower case: at least those that the listing names.
    pub users: &'a HashMap<String, UserId>,
    /// The accounts that the connection itself acts as, lower case.
    pub own_subjects: &'a [String],
    /// Whether the tenant stores titles.
    pub store_titles: bool,
    /// Now: the owner of what is past is not looked up again.
    pub now: DateTime<Utc>,
}

/// What has to change in `known` so that it agrees with `listings`. See the module's guarantees.
///
/// `known` holds every live booking that a listing covers or names; ended ones are ignored. The
/// changes come in order: those of known bookings as given, then new ones by start.
pub fn decide(known: &[Known], listings: &[Listing], rules: &Rules<'_>) -> Vec<Change> {
    let seen = Seen::of(listings);
    let mut changes = Vec::new();
    let mut taken = std::collections::HashSet::new();
    for booking in known.iter().filter(|booking| booking.state.blocks()) {
        taken.insert(&booking.key);
        let change = match seen.occurrence_of(booking) {
            Some(occurrence) => seen_again(booking, occurrence, rules),
            None if listings.iter().any(|listing| listing.scope.covers(booking)) => absent(booking),
            None => None,
        };
        changes.extend(change);
    }
    let mut created: Vec<Change> = seen
        .by_key
        .values()
        .filter(|occurrence| !taken.contains(&occurrence.key))
        .filter_map(|occurrence| create(occurrence, rules))
        .collect();
    created.sort_by_key(|change| match change {
        Change::Create { details, .. } => details.window.starts_at(),
        Change::Update { .. } | Change::End { .. } => rules.now,
    });
    changes.extend(created);
    changes
}

/// What the listings show, one occurrence per key.
struct Seen<'a> {
    by_key: BTreeMap<&'a OccurrenceKey, &'a Occurrence>,
}

impl<'a> Seen<'a> {
    /// When two scopes show one occurrence differently, the wider one was listed later (it is listed
    /// because of the narrower one) and wins; within a scope the last one does.
    fn of(listings: &'a [Listing]) -> Self {
        let mut by_width: Vec<&Listing> = listings.iter().collect();
        by_width.sort_by_key(|listing| listing.scope.width());
        let occurrences = by_width.into_iter().flat_map(|listing| &listing.seen);
        Self {
            by_key: occurrences
                .map(|occurrence| (&occurrence.key, occurrence))
                .collect(),
        }
    }

    /// What is shown of a booking. A cancellation may carry nothing but an id: that of the instance,
    /// or of the whole series.
    fn occurrence_of(&self, booking: &Known) -> Option<&'a Occurrence> {
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

fn create(occurrence: &Occurrence, rules: &Rules<'_>) -> Option<Change> {
    let Standing::Blocks { state, window } = standing(occurrence) else {
        return None;
    };
    let details = details(occurrence, window, None, rules);
    Some(Change::Create {
        key: occurrence.key.clone(),
        state,
        details,
    })
}

fn seen_again(booking: &Known, occurrence: &Occurrence, rules: &Rules<'_>) -> Option<Change> {
    let (state, window) = match standing(occurrence) {
        Standing::Blocks { state, window } => (next_state(booking.state, state), window),
        Standing::Free(cause) => return Some(end(booking, cause)),
    };
    let details = details(occurrence, window, Some(&booking.details), rules);
    let unchanged = state == booking.state && details == booking.details;
    (!unchanged).then_some(Change::Update {
        id: booking.id,
        state,
        details,
    })
}

/// A request that Google does not have yet cannot be missed in a listing.
fn absent(booking: &Known) -> Option<Change> {
    (booking.state != BookingState::Requested).then(|| end(booking, Cause::Absent))
}

fn end(booking: &Known, cause: Cause) -> Change {
    Change::End {
        id: booking.id,
        state: booking.state.ended_by(cause),
        cause,
    }
}

/// A booking being declined stays so, whatever the mirror still shows: only Google's answer to the
/// decline settles it. An undecided one stays watched until the room says something.
fn next_state(now: BookingState, shown: BookingState) -> BookingState {
    if now != BookingState::Declining && now.may_become(shown) {
        shown
    } else {
        now
    }
}

fn details(
    occurrence: &Occurrence,
    window: TimeWindow,
    before: Option<&Details>,
    rules: &Rules<'_>,
) -> Details {
    let organizer_mail = responsible_mail(occurrence, rules.own_subjects).map(str::to_owned);
    let booker = match before {
        Some(before) if keeps_booker(before, organizer_mail.as_ref(), window, rules) => {
            before.booker.clone()
        }
        _ => organizer_mail
            .as_ref()
            .and_then(|mail| rules.users.get(mail))
            .map_or(Booker::Anonymous, |user| Booker::User {
                user: user.clone(),
            }),
    };
    Details {
        event_id: occurrence.event_id.clone(),
        window,
        all_day: occurrence.all_day,
        booker,
        organizer_mail,
        private: occurrence.private,
        title: occurrence.title.clone().filter(|_| rules.store_titles),
    }
}

/// A device's booking stays the device's. A user who appears later gets future bookings only, so the
/// same address is not looked up again for what has begun.
fn keeps_booker(
    before: &Details,
    organizer_mail: Option<&String>,
    window: TimeWindow,
    rules: &Rules<'_>,
) -> bool {
    let same_mail = before.organizer_mail.as_ref() == organizer_mail;
    matches!(before.booker, Booker::Device { .. }) || (same_mail && window.starts_at() <= rules.now)
}
