//! The words of a booking: its states, whose it is, and why it ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeviceId, UserId};

/// The life of a booking; see the transition table in [`BookingState::may_become`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingState {
    /// Asked for in Flexopus; Google does not have the event yet.
    Requested,
    /// Google has the event, the room has not answered.
    Pending,
    /// The room accepted, or is the organizer.
    Confirmed,
    /// No answer of the room in time; still watched.
    Undecided,
    /// Declined in Flexopus; Google is being told.
    Declining,
    /// Ended before it was confirmed.
    Rejected,
    /// Ended after it blocked the slot.
    Removed,
}

impl BookingState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Requested,
        Self::Pending,
        Self::Confirmed,
        Self::Undecided,
        Self::Declining,
        Self::Rejected,
        Self::Removed,
    ];

    /// The state's name in SQL, messages and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Undecided => "undecided",
            Self::Declining => "declining",
            Self::Rejected => "rejected",
            Self::Removed => "removed",
        }
    }

    /// Whether a booking in this state blocks its slot.
    pub fn blocks(self) -> bool {
        !matches!(self, Self::Rejected | Self::Removed)
    }

    /// Whether a booking may go from this state to `next`. Nothing leaves `rejected` and `removed`:
    /// the rows stay as tombstones.
    pub fn may_become(self, next: Self) -> bool {
        use BookingState::{
            Confirmed, Declining, Pending, Rejected, Removed, Requested, Undecided,
        };
        match self {
            Requested => matches!(next, Pending | Confirmed | Rejected),
            Pending => matches!(next, Confirmed | Undecided | Rejected | Removed),
            Confirmed => matches!(next, Pending | Declining | Removed),
            Undecided => matches!(next, Confirmed | Rejected | Removed),
            Declining => matches!(next, Removed | Confirmed),
            Rejected | Removed => false,
        }
    }

    /// What a live booking in this state becomes when it ends for `cause`: a request, and what the
    /// room declines before it was confirmed, was rejected; everything else is removed.
    #[must_use]
    pub fn ended_by(self, cause: Cause) -> Self {
        match (self, cause) {
            (Self::Requested, _)
            | (
                Self::Pending | Self::Undecided,
                Cause::RoomDeclined
                | Cause::RoomDeclinedWhileFree
                | Cause::SlotTaken
                | Cause::Withdrawn
                | Cause::BookerUnknown
                | Cause::Refused
                | Cause::GoogleUnavailable,
            ) => Self::Rejected,
            _ => Self::Removed,
        }
    }
}

impl fmt::Display for BookingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for BookingState {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or(UnknownWord)
    }
}

/// A stored word this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a word that this version does not know")]
pub struct UnknownWord;

/// Whose booking it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Booker {
    /// A user of the main app.
    User {
        /// The main app's id.
        user: UserId,
    },
    /// A door display of the main app.
    Device {
        /// The main app's id.
        device: DeviceId,
    },
    /// Nobody the main app knows.
    Anonymous,
}

/// Why a booking is `removed` or `rejected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The event is cancelled, or the room was taken off it: on the room's calendar both look alike.
    Cancelled,
    /// The room declined.
    RoomDeclined,
    /// The room is no longer on the guest list.
    RoomLeft,
    /// The event no longer blocks time (shown as free).
    NotBlocking,
    /// A listing that should have held the event did not.
    Absent,
    /// The link was taken down.
    LinkClosed,
    /// Declined in Flexopus: only the room left.
    Declined,
    /// The room declined a request of Flexopus although nothing else stood in its slot: the booker may lack
    /// the right to book it (D1).
    RoomDeclinedWhileFree,
    /// Somebody in Google was faster.
    SlotTaken,
    /// The booker withdrew the request (D24).
    Withdrawn,
    /// There is no way to book for this user at Google.
    BookerUnknown,
    /// Google refused the request for another reason.
    Refused,
    /// Google did not take the request in time.
    GoogleUnavailable,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 13] = [
        Self::Cancelled,
        Self::RoomDeclined,
        Self::RoomLeft,
        Self::NotBlocking,
        Self::Absent,
        Self::LinkClosed,
        Self::Declined,
        Self::RoomDeclinedWhileFree,
        Self::SlotTaken,
        Self::Withdrawn,
        Self::BookerUnknown,
        Self::Refused,
        Self::GoogleUnavailable,
    ];

    /// The cause's name in SQL and messages. The API says it in upper case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::RoomDeclined => "room_declined",
            Self::RoomLeft => "room_left",
            Self::NotBlocking => "not_blocking",
            Self::Absent => "absent",
            Self::LinkClosed => "link_closed",
            Self::Declined => "declined",
            Self::RoomDeclinedWhileFree => "room_declined_while_free",
            Self::SlotTaken => "slot_taken",
            Self::Withdrawn => "withdrawn",
            Self::BookerUnknown => "booker_unknown",
            Self::Refused => "refused",
            Self::GoogleUnavailable => "google_unavailable",
        }
    }
}

impl std::str::FromStr for Cause {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or(UnknownWord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_never_comes_back() {
        for next in BookingState::ALL {
            assert!(!BookingState::Removed.may_become(next));
            assert!(!BookingState::Rejected.may_become(next));
        }
    }

    #[test]
    fn every_live_booking_can_end_for_every_cause() {
        for state in BookingState::ALL.into_iter().filter(|state| state.blocks()) {
            for cause in Cause::ALL {
                assert!(
                    state.may_become(state.ended_by(cause)),
                    "{state} for {cause:?}"
                );
            }
        }
    }

    #[test]
    fn names_read_back() {
        for state in BookingState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for cause in Cause::ALL {
            assert_eq!(cause.as_str().parse(), Ok(cause));
        }
    }
}
