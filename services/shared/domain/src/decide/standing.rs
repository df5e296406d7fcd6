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

/// What the occurrence means for its room. The event's own tentative flag plays no part, only the
/// room's answer does; an event whose times make no window blocks nothing.
pub fn standing(occurrence: &Occurrence) -> Standing {
    if occurrence.cancelled {
        return Standing::Free(Cause::Cancelled);
    }
    let state = match occurrence.room_answer {
        RoomAnswer::Declined => return Standing::Free(Cause::RoomDeclined),
        RoomAnswer::Organizer | RoomAnswer::Accepted => BookingState::Confirmed,
        _ if occurrence.organizer_is_room => BookingState::Confirmed,
        RoomAnswer::Tentative | RoomAnswer::NeedsAction => BookingState::Pending,
        RoomAnswer::None => return Standing::Free(Cause::RoomLeft),
    };
    match occurrence.window {
        Some(window) if !occurrence.transparent => Standing::Blocks { state, window },
        _ => Standing::Free(Cause::NotBlocking),
    }
}
