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
//! * a moved occurrence keeps its booking and so its id, and so do the dates of a moved series (D26);
//! * states only go where [`BookingState::may_become`] lets them;
//! * what we wrote ourselves is believed as far as we wrote it: a request that no listing shows yet stays,
//!   also shortly after it was written ([`Rules::just_written`]), and so does whose booking it is, whatever
//!   a copy of the event says (`details`).
//!
//! Which occurrence is a booking is said in [`standing`], what a booking takes from it in `details`,
//! whose it is in [`whose`], and which new date is an old one moved in `pair`. To add a rule: find
//! which of these questions it answers, and add its row to that question's table in `tests/`.

mod details;
mod pair;
mod scope;
mod seen;
mod standing;
#[cfg(test)]
mod tests;
mod whose;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use self::{details::details, pair::Date, seen::Seen};
pub use self::{
    scope::{Listing, Scope},
    standing::{Standing, standing},
    whose::{is_deserted, responsible_mail},
};
use crate::{
    Booker, BookingId, BookingState, Cause, Occurrence, OccurrenceKey, RoomAnswer, TimeWindow,
    UserId,
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
    /// It was made in Flexopus: we wrote its event, and know whose it is.
    pub ours: bool,
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
        /// The occurrence it mirrors from now on; another one only when its series was moved.
        key: OccurrenceKey,
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
    /// Whose an event is according to our signed property, by Google's id of the event: only of those
    /// whose property was verified, and belongs to the event that carries it.
    pub signed: &'a HashMap<String, Booker>,
    /// Our requests that Google took so shortly before the listing that the room's calendar may not have
    /// shown them yet: that everything was listed without them does not end them.
    pub just_written: &'a HashSet<BookingId>,
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
    let live: Vec<&Known> = known
        .iter()
        .filter(|booking| booking.state.blocks())
        .collect();
    let mut changes: Vec<Option<Change>> = live
        .iter()
        .map(|booking| match seen.occurrence_of(booking) {
            Some(occurrence) => seen_again(booking, occurrence, rules),
            None if listings.iter().any(|listing| listing.scope.covers(booking)) => absent(booking),
            None => None,
        })
        .collect();
    let mut new: Vec<Option<New<'_>>> = new_ones(&seen, &live).map(Some).collect();
    for (gone, come) in moved(&live, &changes, &new) {
        if let (Some(booking), Some(change), Some(new)) =
            (live.get(gone), changes.get_mut(gone), new.get_mut(come))
            && let Some(new) = new.take()
        {
            *change = Some(new.takes_over(booking, rules));
        }
    }
    for (booking, change) in live.iter().zip(&mut changes) {
        if not_shown_yet(booking, listings, rules) {
            change.take_if(|change| {
                matches!(
                    change,
                    Change::End {
                        cause: Cause::Absent,
                        ..
                    }
                )
            });
        }
    }
    let created = new.into_iter().flatten().map(|new| new.create(rules));
    changes.into_iter().flatten().chain(created).collect()
}

/// An occurrence that occupies the room and is no live booking's.
struct New<'a> {
    occurrence: &'a Occurrence,
    state: BookingState,
    window: TimeWindow,
}

/// The new ones by start.
fn new_ones<'a>(seen: &Seen<'a>, live: &[&Known]) -> impl Iterator<Item = New<'a>> {
    let taken: HashSet<&OccurrenceKey> = live.iter().map(|booking| &booking.key).collect();
    let mut new: Vec<New<'a>> = seen
        .occurrences()
        .filter(|occurrence| !taken.contains(&occurrence.key))
        .filter_map(|occurrence| match standing(occurrence) {
            Standing::Blocks { state, window } => Some(New {
                occurrence,
                state,
                window,
            }),
            Standing::Free(_) => None,
        })
        .collect();
    new.sort_by_key(|new| new.window.starts_at());
    new.into_iter()
}

/// Which of the live bookings go on as which of the new occurrences, by their places in the lists.
fn moved(
    live: &[&Known],
    changes: &[Option<Change>],
    new: &[Option<New<'_>>],
) -> Vec<(usize, usize)> {
    let (mut gone, mut stay) = (Vec::new(), Vec::new());
    for (index, (booking, change)) in live.iter().zip(changes).enumerate() {
        let date = Date::new(index, &booking.key, booking.details.window.starts_at());
        if change
            .as_ref()
            .is_some_and(|change| pair::may_go_on(booking.state, change))
        {
            gone.push(date);
        } else {
            stay.push(date);
        }
    }
    let come = new.iter().enumerate().filter_map(|(index, new)| {
        let new = new.as_ref()?;
        Some(Date::new(
            index,
            &new.occurrence.key,
            new.window.starts_at(),
        ))
    });
    pair::pair(gone, come.collect(), &stay)
}

impl New<'_> {
    fn create(self, rules: &Rules<'_>) -> Change {
        Change::Create {
            key: self.occurrence.key.clone(),
            state: self.state,
            details: details(self.occurrence, self.window, None, rules),
        }
    }

    /// The booking that goes on as this occurrence.
    fn takes_over(self, booking: &Known, rules: &Rules<'_>) -> Change {
        Change::Update {
            id: booking.id,
            key: self.occurrence.key.clone(),
            state: next_state(booking, self.occurrence, self.state),
            details: details(self.occurrence, self.window, Some(booking), rules),
        }
    }
}

fn seen_again(booking: &Known, occurrence: &Occurrence, rules: &Rules<'_>) -> Option<Change> {
    let (state, window) = match standing(occurrence) {
        Standing::Blocks { state, window } => (next_state(booking, occurrence, state), window),
        Standing::Free(Cause::RoomDeclined) if took_place(booking, rules) => return None,
        Standing::Free(cause) => return Some(end(booking, cause)),
    };
    let details = details(occurrence, window, Some(booking), rules);
    let unchanged = state == booking.state && details == booking.details;
    (!unchanged).then(|| Change::Update {
        id: booking.id,
        key: booking.key.clone(),
        state,
        details,
    })
}

/// A confirmed booking that is over is a fact: a room that declines afterwards, say because the whole
/// series is declined, does not undo it (D25).
fn took_place(booking: &Known, rules: &Rules<'_>) -> bool {
    booking.state == BookingState::Confirmed && booking.details.window.ends_at() <= rules.now
}

/// A request that Google does not have yet cannot be missed in a listing.
fn absent(booking: &Known) -> Option<Change> {
    (booking.state != BookingState::Requested).then(|| end(booking, Cause::Absent))
}

/// Whether a listing may lack a booking only because it came too early. What a delta says of its event
/// itself is no matter of chance.
fn not_shown_yet(booking: &Known, listings: &[Listing], rules: &Rules<'_>) -> bool {
    let waits = matches!(
        booking.state,
        BookingState::Pending | BookingState::Undecided
    );
    let says_of_it = |listing: &Listing| {
        !matches!(listing.scope, Scope::Window(_)) && listing.scope.covers(booking)
    };
    waits && rules.just_written.contains(&booking.id) && !listings.iter().any(says_of_it)
}

/// However the end of a booking that is being declined shows itself, it is the one that was asked for.
fn end(booking: &Known, cause: Cause) -> Change {
    let cause = match booking.state {
        BookingState::Declining => Cause::Declined,
        _ => cause,
    };
    Change::End {
        id: booking.id,
        state: booking.state.ended_by(cause),
        cause,
    }
}

/// A booking being declined stays so, whatever the mirror still shows: only Google's answer to the
/// decline settles it. An undecided one stays watched until the room says something.
///
/// Without the guest list nobody has seen the room's answer. What was made in Google counts as confirmed
/// then; a request of ours that waits for the answer goes on waiting.
fn next_state(booking: &Known, occurrence: &Occurrence, shown: BookingState) -> BookingState {
    let now = booking.state;
    let unanswered = booking.ours && occurrence.room_answer == RoomAnswer::Hidden;
    let shown = if unanswered {
        BookingState::Pending
    } else {
        shown
    };
    let keeps = now == BookingState::Declining || (unanswered && now == BookingState::Confirmed);
    if !keeps && now.may_become(shown) {
        shown
    } else {
        now
    }
}
