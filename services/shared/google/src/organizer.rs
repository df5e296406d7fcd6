//! Declining an event as its own organizer: a room on whose calendar the event was made.
//!
//! Such a room has no entry on the guest list, so there is nothing that `attendeesOmitted` could change:
//! the list is sent back whole, as it came, with the room's entry added (arrays are replaced whole,
//! documented; entries that come without their answer lose it, observed).

use reqwest::header::IF_MATCH;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Access, Event, Google, GoogleError, call::Call, lenient::null_is_default};

/// A guest list as Google wrote it, nothing left out.
#[derive(Clone, Deserialize)]
pub struct GuestList {
    etag: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    attendees: Vec<Value>,
}

/// It holds addresses.
impl std::fmt::Debug for GuestList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestList").finish_non_exhaustive()
    }
}

impl Google {
    /// The guest list of an event, for [`Google::decline_as_organizer`].
    pub async fn guest_list(
        &self,
        access: &Access,
        calendar: &str,
        event: &str,
    ) -> Result<GuestList, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events", event])?;
        self.call_json(Call::EventsGet, access, self.http().get(url))
            .await
    }

    /// Puts the room on the guest list as one that declined, if the event is still as the list was read.
    pub async fn decline_as_organizer(
        &self,
        access: &Access,
        calendar: &str,
        event: &str,
        room: &str,
        guests: &GuestList,
    ) -> Result<Event, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events", event])?;
        let is_other = |entry: &&Value| {
            let mail = entry.get("email").and_then(Value::as_str);
            !mail.is_some_and(|mail| mail.eq_ignore_ascii_case(room))
        };
        let mut attendees: Vec<Value> = guests.attendees.iter().filter(is_other).cloned().collect();
        attendees.push(json!({ "email": room, "responseStatus": "declined" }));
        let mut patch = self
            .http()
            .patch(url)
            .query(&[("sendUpdates", "none")])
            .json(&json!({ "attendees": attendees }));
        if let Some(etag) = &guests.etag {
            patch = patch.header(IF_MATCH, etag);
        }
        self.call_json(Call::EventsPatch, access, patch).await
    }
}
