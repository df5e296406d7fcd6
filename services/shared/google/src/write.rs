//! Making, deleting and declining events, and making a calendar of our own.
//!
//! The id of a new event is the caller's: whoever does not know whether an insert reached Google sends
//! it again and is told [`GoogleError::Conflict`] if it did (documented; ids of deleted events stay taken).

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use reqwest::{RequestBuilder, header::IF_MATCH};
use roomsync_domain::TimeWindow;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Access, Event, Google, GoogleError, call::Call};

/// Who is told of a change by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendUpdates {
    /// Every guest. A guest who sees only what came by mail sees the event only so (documented).
    All,
    /// Nobody.
    None,
}

impl SendUpdates {
    fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::None => "none",
        }
    }
}

/// An event to make. It has no conference, no description, and no answers: a room that is said to have
/// accepted has accepted nothing (documented), and a guest with an answer may not see it.
#[derive(Clone)]
pub struct NewEvent<'a> {
    /// 5 to 1024 of `0-9 a-v`; hexadecimal digits will do.
    pub id: &'a str,
    /// When.
    pub window: TimeWindow,
    /// A title, if it gets one.
    pub title: Option<&'a str>,
    /// Addresses of guests and rooms.
    pub attendees: &'a [&'a str],
    /// Whether guests may change it.
    pub guests_can_modify: bool,
    /// Properties on all copies.
    pub shared: &'a [(&'a str, &'a str)],
}

/// Titles and addresses must not get into logs.
impl std::fmt::Debug for NewEvent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewEvent")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// An event as Google reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    id: &'a str,
    start: Time,
    end: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attendees: Vec<Guest<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    guests_can_modify: bool,
    extended_properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Time {
    date_time: String,
    time_zone: &'static str,
}

#[derive(Serialize)]
struct Guest<'a> {
    email: &'a str,
}

#[derive(Serialize)]
struct Properties<'a> {
    shared: BTreeMap<&'a str, &'a str>,
}

impl<'a> Body<'a> {
    fn of(event: &NewEvent<'a>) -> Self {
        Self {
            id: event.id,
            start: Time::of(event.window.starts_at()),
            end: Time::of(event.window.ends_at()),
            summary: event.title,
            attendees: event
                .attendees
                .iter()
                .map(|email| Guest { email })
                .collect(),
            guests_can_modify: event.guests_can_modify,
            extended_properties: Properties {
                shared: event.shared.iter().copied().collect(),
            },
        }
    }
}

impl Time {
    fn of(at: DateTime<Utc>) -> Self {
        Self {
            date_time: at.to_rfc3339_opts(SecondsFormat::Secs, true),
            time_zone: "UTC",
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A calendar as Google answers it.
#[derive(Deserialize)]
struct Calendar {
    id: String,
}

impl Google {
    /// Makes an event on a calendar, which becomes its organizer. Answers it as it stands there.
    ///
    /// [`GoogleError::Conflict`] when the id is taken, also by a deleted event.
    pub async fn insert_event(
        &self,
        access: &Access,
        calendar: &str,
        event: &NewEvent<'_>,
        updates: SendUpdates,
    ) -> Result<Event, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events"])?;
        let post = self
            .http()
            .post(url)
            .query(&[("sendUpdates", updates.as_str())])
            .json(&Body::of(event));
        self.call_json(Call::EventsInsert, access, post).await
    }

    /// Deletes an event, for everybody if the calendar is its organizer. With an etag only while the event
    /// is as it was then: else [`GoogleError::PreconditionFailed`]. [`GoogleError::Gone`] when it is deleted
    /// already.
    pub async fn delete_event(
        &self,
        access: &Access,
        calendar: &str,
        event: &str,
        etag: Option<&str>,
        updates: SendUpdates,
    ) -> Result<(), GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events", event])?;
        let delete = self
            .http()
            .delete(url)
            .query(&[("sendUpdates", updates.as_str())]);
        self.call(Call::EventsDelete, access, if_match(delete, etag))
            .await
            .map(drop)
    }

    /// The room declines an event on its own calendar, and nothing else: `attendeesOmitted` says that only
    /// this guest's answer changes (documented). The event stays as it is. A guest who is not on the
    /// list would be added (observed): read it first. Answers the room's copy.
    pub async fn decline(
        &self,
        access: &Access,
        calendar: &str,
        event: &str,
        room: &str,
        etag: Option<&str>,
    ) -> Result<Event, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events", event])?;
        let body = json!({
            "attendeesOmitted": true,
            "attendees": [{ "email": room, "responseStatus": "declined" }],
        });
        let patch = self
            .http()
            .patch(url)
            .query(&[("sendUpdates", SendUpdates::None.as_str())])
            .json(&body);
        self.call_json(Call::EventsPatch, access, if_match(patch, etag))
            .await
    }

    /// Makes a calendar of the subject's own; answers its id, which is also its address.
    pub async fn insert_calendar(
        &self,
        access: &Access,
        title: &str,
    ) -> Result<String, GoogleError> {
        let url = self.calendar_url(&["calendars"])?;
        let post = self.http().post(url).json(&json!({ "summary": title }));
        let made: Calendar = self.call_json(Call::CalendarsInsert, access, post).await?;
        Ok(made.id)
    }
}

fn if_match(request: RequestBuilder, etag: Option<&str>) -> RequestBuilder {
    match etag {
        Some(etag) => request.header(IF_MATCH, etag),
        None => request,
    }
}
