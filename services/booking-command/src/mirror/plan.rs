//! From decided changes to rows: pure. Besides the changed bookings it finds the neighbours whose
//! flags change with them: both of an overlap carry the conflict, and lose it together. What follows at
//! Google for bookings that were made in Flexopus is in `ours.rs`.

use std::collections::{BTreeMap, HashMap, HashSet};

use roomsync_domain::{
    BookingId, Flags, GoogleWrite, TimeWindow,
    decide::Change,
    flags::{awaits_approval, flag},
};

use super::ours::{self, Slots};
use crate::{bookings::Booking, changes::LockedObject};

/// What flags depend on besides the bookings themselves.
#[derive(Debug)]
pub(super) struct Circumstances {
    /// The times for which the main app blocked the object.
    pub(super) blocked: Vec<TimeWindow>,
    /// Whether the room answers by itself; `None`: Google has not told.
    pub(super) answers_by_itself: Option<bool>,
}

/// A booking as it will be.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) booking: Booking,
    /// It has no row yet.
    pub(super) new: bool,
    /// Its event is taken back at Google: somebody has to be told.
    pub(super) undo: bool,
}

/// Where flags may change: the smallest window around everything that changes, before and after.
pub(super) fn affected(known: &[Booking], changes: &[Change]) -> Option<TimeWindow> {
    let before: HashMap<BookingId, TimeWindow> = known
        .iter()
        .map(|booking| (booking.id, booking.details.window))
        .collect();
    let windows = changes.iter().flat_map(|change| match change {
        Change::Create { details, .. } => [Some(details.window), None],
        Change::Update { id, details, .. } => [Some(details.window), before.get(id).copied()],
        Change::End { id, .. } => [before.get(id).copied(), None],
    });
    TimeWindow::hull(windows.flatten())
}

/// The bookings to write and to publish, in the order of the changes, then neighbours.
///
/// `around` holds every live booking that overlaps `affected`, and all that overlap those.
pub(super) fn plan(
    object: &LockedObject,
    known: Vec<Booking>,
    around: Vec<Booking>,
    circumstances: &Circumstances,
    affected: TimeWindow,
    changes: Vec<Change>,
) -> Vec<Planned> {
    let mut bookings: BTreeMap<BookingId, Booking> = around
        .into_iter()
        .chain(known)
        .map(|booking| (booking.id, booking))
        .collect();
    let mut new = HashSet::new();
    let mut touched = Vec::with_capacity(changes.len());
    let before = Slots::of(bookings.values());
    let settled = ours::settled(&bookings, &changes);
    for change in changes {
        let (id, is_new) = make(object, &mut bookings, change);
        touched.push(id);
        if is_new {
            new.insert(id);
        }
    }
    let slots = before.and(Slots::of(bookings.values()));
    for settled in &settled {
        if let Some(booking) = bookings.get_mut(&settled.id) {
            settled.note(booking, &slots);
        }
    }
    let mut is_touched: HashSet<BookingId> = touched.iter().copied().collect();
    for id in reflag(&mut bookings, circumstances, affected) {
        if is_touched.insert(id) {
            touched.push(id);
        }
    }
    let planned = touched.into_iter().filter_map(|id| bookings.remove(&id));
    planned
        .map(|booking| Planned {
            new: new.contains(&booking.id),
            undo: booking.google_write == Some(GoogleWrite::Undo)
                && settled.iter().any(|settled| settled.id == booking.id),
            booking,
        })
        .collect()
}

/// Makes one change; answers which booking it was, and whether it is a new one.
fn make(
    object: &LockedObject,
    bookings: &mut BTreeMap<BookingId, Booking>,
    change: Change,
) -> (BookingId, bool) {
    match change {
        Change::Create {
            key,
            state,
            details,
        } => {
            let id = BookingId::new();
            let booking = Booking {
                id,
                object: object.object().clone(),
                key,
                state,
                details,
                flags: Flags::default(),
                cause: None,
                placement: None,
                at_google: true,
                event_kept: false,
                google_write: None,
                object_version: object.version(),
                created_at: object.now(),
                updated_at: object.now(),
            };
            bookings.insert(id, booking);
            (id, true)
        }
        Change::Update {
            id,
            key,
            state,
            details,
        } => {
            if let Some(booking) = bookings.get_mut(&id) {
                (booking.key, booking.state, booking.details) = (key, state, details);
                booking.at_google = true;
            }
            (id, false)
        }
        Change::End { id, state, cause } => {
            if let Some(booking) = bookings.get_mut(&id) {
                (booking.state, booking.cause) = (state, Some(cause));
                booking.flags = Flags::default();
                // A request that Google does not have is never missed: its end was seen there.
                booking.at_google = true;
            }
            (id, false)
        }
    }
}

/// Sets the flags of the live bookings that overlap the window; answers those that changed.
fn reflag(
    bookings: &mut BTreeMap<BookingId, Booking>,
    circumstances: &Circumstances,
    affected: TimeWindow,
) -> Vec<BookingId> {
    let live: Vec<(BookingId, TimeWindow)> = bookings
        .values()
        .filter(|booking| booking.state.blocks())
        .map(|booking| (booking.id, booking.details.window))
        .collect();
    let by_times = flag(&live, &circumstances.blocked);
    let mut changed = Vec::new();
    for (id, window) in live {
        let (Some(booking), Some(by_times)) = (bookings.get_mut(&id), by_times.get(&id)) else {
            continue;
        };
        let flags = Flags {
            awaiting_approval: awaits_approval(booking.state, circumstances.answers_by_itself),
            ..*by_times
        };
        if window.intersects(&affected) && booking.flags != flags {
            booking.flags = flags;
            changed.push(id);
        }
    }
    changed
}
