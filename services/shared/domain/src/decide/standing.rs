//! Which occurrences are bookings (D10).

use crate::{BookingState, Cause, Occurrence, RoomAnswer, TimeWindow};

/// What an occurrence means for its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It occupies the room, or is about to.
    Blocks {
        /// Confirmed, or pending while the room has not answered.
        state: BookingState,
        /// When.
        window: TimeWindow,
    },
    /// It leaves the room free.
    Free(Cause),
}

/// What the occurrence means for its room.
///
/// * Only the room's answer says whether a booking is confirmed; the event's own tentative flag, the
///   answers of guests, and whether there is an organizer, a title or a guest list play no part.
/// * An event whose guest list we are not shown ([`RoomAnswer::Hidden`]) is confirmed: it stands on the
///   room's calendar, and taking it for free would show an occupied room as free.
/// * A private event blocks like any other; only who and what are hidden (D13).
/// * A room that organizes is confirmed without an entry of its own, unless it declined.
/// * An event shown as free (transparent) blocks nothing, nor does one whose times make no window: of
///   no length, or with an end before its start. A known booking ends then.
/// * An event of several days is one booking over all of them.
pub fn standing(occurrence: &Occurrence) -> Standing {
    if occurrence.cancelled {
        return Standing::Free(Cause::Cancelled);
    }
    let state = match occurrence.room_answer {
        RoomAnswer::Declined => return Standing::Free(Cause::RoomDeclined),
        RoomAnswer::Organizer | RoomAnswer::Accepted | RoomAnswer::Hidden => {
            BookingState::Confirmed
        }
        _ if occurrence.organizer_is_room => BookingState::Confirmed,
        RoomAnswer::Tentative | RoomAnswer::NeedsAction => BookingState::Pending,
        RoomAnswer::None => return Standing::Free(Cause::RoomLeft),
    };
    match occurrence.window {
        Some(window) if !occurrence.transparent => Standing::Blocks { state, window },
        _ => Standing::Free(Cause::NotBlocking),
    }
}
