//! What the mirror has done at Google about bookings that were made in Flexopus. Pure.
//!
//! * A room that says no before it ever said yes: the event is taken back, and the cause says whether
//!   somebody else stood in the slot, or the booker may lack the right to book this room (D1). What was
//!   confirmed before is never taken back.
//! * An event of the shared calendar whose room left it, or whose last guest did: nobody attends it any
//!   more, or somebody does who took another room. The writer looks at the event itself, and deletes it
//!   only in the former case: on the room's copy both look alike.
//!
//! To add a reason: a [`Settled`], or a rule in [`is_deserted`].

use std::collections::BTreeMap;

use roomsync_domain::{
    BookingId, BookingState, Cause, GoogleWrite, OccurrenceKey, Placement, TimeWindow,
    decide::{self, Change, Listing},
};

use crate::bookings::Booking;

/// A booking of ours that ended in a way that has consequences at Google.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) id: BookingId,
    /// As it was before.
    state: BookingState,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The room answered a request with no.
    Refused,
    /// The room is not on the event of the shared calendar any more, or the event is gone.
    RoomLeft,
}

/// Which of the changes have consequences, given the bookings as they are before them.
pub(super) fn settled(bookings: &BTreeMap<BookingId, Booking>, changes: &[Change]) -> Vec<Settled> {
    let settled = changes.iter().filter_map(|change| {
        let Change::End { id, cause, .. } = change else {
            return None;
        };
        let booking = bookings.get(id)?;
        let state = booking.state;
        how(state, booking.placement?, *cause).map(|how| Settled {
            id: *id,
            state,
            how,
        })
    });
    settled.collect()
}

fn how(state: BookingState, placement: Placement, cause: Cause) -> Option<How> {
    use BookingState::{Pending, Requested, Undecided};
    match (state, placement, cause) {
        (Requested | Pending | Undecided, _, Cause::RoomDeclined) => Some(How::Refused),
        (_, Placement::SharedCalendar, Cause::Cancelled | Cause::RoomLeft | Cause::Absent) => {
            Some(How::RoomLeft)
        }
        _ => None,
    }
}

impl Settled {
    /// Writes the consequences into the booking, which has ended.
    pub(super) fn note(&self, booking: &mut Booking, slots: &Slots) {
        match self.how {
            How::Refused => {
                let cause = if slots.hold_another(booking) {
                    Cause::RoomDeclined
                } else {
                    Cause::RoomDeclinedWhileFree
                };
                booking.state = self.state.ended_by(cause);
                booking.cause = Some(cause);
                booking.google_write = Some(GoogleWrite::Undo);
            }
            How::RoomLeft => {
                booking.google_write = booking.google_write.or(Some(GoogleWrite::Undo));
            }
        }
    }
}

/// Which slots live bookings block.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<(BookingId, TimeWindow)>);

impl Slots {
    pub(super) fn of<'a>(bookings: impl Iterator<Item = &'a Booking>) -> Self {
        let live = bookings.filter(|booking| booking.state.blocks());
        Self(live.map(|it| (it.id, it.details.window)).collect())
    }

    /// Those of both.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn hold_another(&self, booking: &Booking) -> bool {
        let window = &booking.details.window;
        let mut slots = self.0.iter();
        slots.any(|(id, slot)| *id != booking.id && slot.intersects(window))
    }
}

/// The live bookings in the shared calendar whose event is shown without anybody who attends.
pub(super) fn deserted(known: &[Booking], listings: &[Listing]) -> Vec<BookingId> {
    let is_deserted = |booking: &&Booking| {
        let waits = booking.google_write.is_none()
            && booking.placement == Some(Placement::SharedCalendar)
            && booking.state.blocks();
        waits && shown_deserted(&booking.key, listings)
    };
    known.iter().filter(is_deserted).map(|it| it.id).collect()
}

/// An event of which several scopes tell is deserted if all of them say so.
fn shown_deserted(key: &OccurrenceKey, listings: &[Listing]) -> bool {
    let seen = listings.iter().flat_map(|listing| &listing.seen);
    let mut shown = seen.filter(|seen| seen.key == *key).peekable();
    shown.peek().is_some() && shown.all(decide::is_deserted)
}
