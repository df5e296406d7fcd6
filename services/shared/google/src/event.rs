//! An event as the Calendar API writes it. Everything but the id may be missing, booleans equal to
//! their default always are, and words this version does not know are `Unknown`. A value of the
//! wrong kind (a number for a text) is garbage: the item is odd.
//!
//! `Debug` shows ids and states only: titles and mail addresses must not get into logs.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::{EventTime, lenient::null_is_default};

/// An event, a whole series, or one date of a series.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The id, shared by all copies of the event on all calendars.
    pub id: String,
    /// Whether it stands.
    #[serde(default, deserialize_with = "null_is_default")]
    pub status: EventStatus,
    /// Version of this copy; opaque.
    pub etag: Option<String>,
    /// When it was made.
    pub created: Option<String>,
    /// When this copy changed last.
    pub updated: Option<String>,
    /// The title.
    pub summary: Option<String>,
    /// Start.
    pub start: Option<EventTime>,
    /// End, exclusive.
    pub end: Option<EventTime>,
    /// The rules of a series; empty for everything else.
    #[serde(default, deserialize_with = "null_is_default")]
    pub recurrence: Vec<String>,
    /// The series that this is one date of.
    pub recurring_event_id: Option<String>,
    /// The date of the series; stays when the occurrence is moved.
    pub original_start_time: Option<EventTime>,
    /// Whose event it is.
    pub organizer: Option<Person>,
    /// Who made it.
    pub creator: Option<Person>,
    /// The guest list: people and resources.
    #[serde(default, deserialize_with = "null_is_default")]
    pub attendees: Vec<Attendee>,
    /// The guest list is not complete.
    #[serde(default, deserialize_with = "null_is_default")]
    pub attendees_omitted: bool,
    /// Whether it blocks time on this calendar.
    #[serde(default, deserialize_with = "null_is_default")]
    pub transparency: Transparency,
    /// Who may see its details.
    #[serde(default, deserialize_with = "null_is_default")]
    pub visibility: Visibility,
    /// Properties that programs attach.
    #[serde(default, deserialize_with = "null_is_default")]
    pub extended_properties: ExtendedProperties,
    /// The zone of the calendar that it was read from, which dates without a time are in. The
    /// listing fills it; `None` after [`crate::Google::get_event`], where UTC stands in for it
    /// unless the caller sets it.
    #[serde(skip)]
    pub calendar_zone: Option<String>,
}

impl Event {
    /// Whether this is a whole series and not one occurrence. A cancelled series may come without
    /// its rules and then looks like a cancelled event.
    pub fn is_series(&self) -> bool {
        !self.recurrence.is_empty() && self.recurring_event_id.is_none()
    }

    /// When it was made, if Google says so in a way that can be read.
    pub fn created_at(&self) -> Option<DateTime<Utc>> {
        let created = self.created.as_deref()?;
        Some(DateTime::parse_from_rfc3339(created).ok()?.to_utc())
    }

    /// When this copy changed last, if Google says so in a way that can be read.
    pub fn updated_at(&self) -> Option<DateTime<Utc>> {
        let updated = self.updated.as_deref()?;
        Some(DateTime::parse_from_rfc3339(updated).ok()?.to_utc())
    }

    /// Whether Google says that it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.status == EventStatus::Cancelled
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("recurring_event_id", &self.recurring_event_id)
            .finish_non_exhaustive()
    }
}

/// Whether an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventStatus {
    /// It stands.
    #[default]
    Confirmed,
    /// It stands, its organizer is not sure.
    Tentative,
    /// It is cancelled; only the id need be there.
    Cancelled,
    /// A word this version does not know: it stands.
    #[serde(other)]
    Unknown,
}

/// Whether an event blocks time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transparency {
    /// It blocks.
    #[default]
    Opaque,
    /// It is shown as free.
    Transparent,
    /// A word this version does not know: it blocks.
    #[serde(other)]
    Unknown,
}

/// Who may see an event's details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Visibility {
    /// As the calendar's rights say.
    #[default]
    Default,
    /// Everybody who sees the calendar.
    Public,
    /// Guests only.
    Private,
    /// The same, an older word.
    Confidential,
    /// A word this version does not know: it is taken for private, the safe side.
    #[serde(other)]
    Unknown,
}

/// The organizer or creator of an event.
#[derive(Clone, Default, Deserialize)]
pub struct Person {
    /// Mail address of a person or of a calendar.
    pub email: Option<String>,
    /// It is the calendar that the event was read from.
    #[serde(default, rename = "self", deserialize_with = "null_is_default")]
    pub is_self: bool,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("is_self", &self.is_self)
            .finish_non_exhaustive()
    }
}

/// An entry of the guest list.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attendee {
    /// Mail address of a person or of a calendar.
    pub email: Option<String>,
    /// It is the calendar that the event was read from.
    #[serde(default, rename = "self", deserialize_with = "null_is_default")]
    pub is_self: bool,
    /// It is a room or another resource.
    #[serde(default, deserialize_with = "null_is_default")]
    pub resource: bool,
    /// The answer.
    #[serde(default, deserialize_with = "null_is_default")]
    pub response_status: ResponseStatus,
}

impl fmt::Debug for Attendee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attendee")
            .field("is_self", &self.is_self)
            .field("resource", &self.resource)
            .field("response_status", &self.response_status)
            .finish_non_exhaustive()
    }
}

/// A guest's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResponseStatus {
    /// None yet.
    #[default]
    NeedsAction,
    /// No.
    Declined,
    /// Maybe.
    Tentative,
    /// Yes.
    Accepted,
    /// A word this version does not know.
    #[serde(other)]
    Unknown,
}

/// Properties that programs attach to an event.
#[derive(Clone, Default, Deserialize)]
pub struct ExtendedProperties {
    /// On all copies.
    #[serde(default, deserialize_with = "null_is_default")]
    pub shared: BTreeMap<String, String>,
    /// On this copy only.
    #[serde(default, deserialize_with = "null_is_default")]
    pub private: BTreeMap<String, String>,
}

impl fmt::Debug for ExtendedProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtendedProperties").finish_non_exhaustive()
    }
}
