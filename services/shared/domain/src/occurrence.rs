//! What stands on a room's calendar, as Google says it: the input of [`crate::decide`].

use chrono::{DateTime, Utc};

use crate::TimeWindow;

/// What an occurrence is known by on one calendar: the event, or the slot of its series. The slot
/// is the *original* start, which stays when the occurrence is moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OccurrenceKey {
    /// A one-off event.
    Event(String),
    /// One date of a series.
    Slot {
        /// Google's id of the series (its master event).
        series: String,
        /// Where the series put it at first.
        original_start: DateTime<Utc>,
    },
}

/// The answer of the room to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomAnswer {
    /// The room is the organizer itself.
    Organizer,
    /// The room accepted.
    Accepted,
    /// The room answered "maybe": a human will decide.
    Tentative,
    /// The room has not answered yet.
    NeedsAction,
    /// The room declined. The event itself stays `confirmed` on the room's calendar.
    Declined,
    /// The room is not on the guest list, which is shown.
    None,
    /// The guest list is not shown, and with it the room's answer.
    Hidden,
}

/// An occurrence as it stands on the room's calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as Google says it"
)]
pub struct Occurrence {
    /// What it is known by.
    pub key: OccurrenceKey,
    /// Google's id of this event or instance.
    pub event_id: String,
    /// Google says it is cancelled; nothing else need be known then.
    pub cancelled: bool,
    /// The room's answer.
    pub room_answer: RoomAnswer,
    /// Shown as free: blocks nothing.
    pub transparent: bool,
    /// Who and what are for the owner and administrators only.
    pub private: bool,
    /// When; `None` only if cancelled or if Google's times make no window (end not after start).
    pub window: Option<TimeWindow>,
    /// Made as an all-day event.
    pub all_day: bool,
    /// Lower case; `None` when Google does not say.
    pub organizer_mail: Option<String>,
    /// The organizer is the room itself.
    pub organizer_is_room: bool,
    /// Lower case.
    pub creator_mail: Option<String>,
    /// People only, lower case.
    pub attendee_mails: Vec<String>,
    /// Those of them that declined.
    pub declined_mails: Vec<String>,
    /// Google's `summary`.
    pub title: Option<String>,
    /// Our signed property, if the event carries one.
    pub flexopus_property: Option<String>,
}
