//! `events.list`: by cursor, or over a window.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Access, AccessRole, Event, Google, GoogleError, OddItem,
    call::Call,
    lenient::{self, filled, null_is_default},
};

/// What to list. While paging, repeat it unchanged but for `page_token`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only what changed since the listing that gave this token. Excludes both times.
    pub sync_token: Option<String>,
    /// The next page of a listing.
    pub page_token: Option<String>,
    /// Occurrences instead of series. A cursor stays with the value that it was made with.
    pub single_events: bool,
    /// Also cancelled ones. A delta by `sync_token` holds them in any case.
    pub show_deleted: bool,
    /// Only what ends later.
    pub time_min: Option<DateTime<Utc>>,
    /// Only what starts earlier. A listing with it is for its content, one without it must end with
    /// a sync token.
    pub time_max: Option<DateTime<Utc>>,
    /// Size of a page, at most 2500; Google's default is 250. A page may hold fewer or none and
    /// still have a successor.
    pub max_results: Option<u32>,
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub struct EventsPage {
    /// What could be read, in Google's order.
    pub items: Vec<Event>,
    /// What could not.
    pub odd: Vec<OddItem>,
    /// There is another page.
    pub next_page_token: Option<String>,
    /// The cursor, on the last page only.
    pub next_sync_token: Option<String>,
    /// Our role on the calendar.
    pub access_role: AccessRole,
    /// The calendar's zone.
    pub time_zone: Option<String>,
}

/// A page as Google writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    #[serde(default, deserialize_with = "null_is_default")]
    items: Vec<Value>,
    #[serde(default, deserialize_with = "filled")]
    next_page_token: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    next_sync_token: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    access_role: AccessRole,
    #[serde(default, deserialize_with = "filled")]
    time_zone: Option<String>,
}

impl Google {
    /// One page of a calendar's events.
    ///
    /// [`GoogleError::CursorExpired`] when the sync token has died. A last page without a sync token
    /// is [`GoogleError::Unreadable`] where one must come (no `time_max`): taken for success, it
    /// would leave the calendar without a cursor. Who sees times only is promised no cursor: look at
    /// the role first.
    pub async fn list_events(
        &self,
        access: &Access,
        calendar: &str,
        query: &ListQuery,
    ) -> Result<EventsPage, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events"])?;
        let request = self.http().get(url).query(&query.parameters());
        let answer: Answer = self.call_json(Call::EventsList, access, request).await?;
        let wants_cursor = query.time_max.is_none() && !answer.access_role.is_times_only();
        if wants_cursor && answer.next_page_token.is_none() && answer.next_sync_token.is_none() {
            return Err(GoogleError::Unreadable(
                "a listing ended without a sync token",
            ));
        }
        Ok(self.events_page(Call::EventsList, answer))
    }

    /// What a page says, item by item: garbage among them does not spoil the rest.
    pub(crate) fn events_page(&self, call: Call, answer: Answer) -> EventsPage {
        let (mut items, odd) = lenient::items::<Event>(answer.items, "id");
        self.count_odd(call, &odd);
        for event in &mut items {
            event.calendar_zone.clone_from(&answer.time_zone);
        }
        EventsPage {
            items,
            odd,
            next_page_token: answer.next_page_token,
            next_sync_token: answer.next_sync_token,
            access_role: answer.access_role,
            time_zone: answer.time_zone,
        }
    }
}

/// A time as a parameter. Whole seconds: Google ignores fractions.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl ListQuery {
    /// What differs from Google's defaults, and only that: a cursor demands the same parameters in
    /// every later call, and some of them are not allowed beside it even with their default.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let flag = |on: bool| on.then(|| "true".to_owned());
        [
            ("maxResults", self.max_results.map(|n| n.to_string())),
            ("singleEvents", flag(self.single_events)),
            ("showDeleted", flag(self.show_deleted)),
            ("timeMin", self.time_min.map(time)),
            ("timeMax", self.time_max.map(time)),
            ("syncToken", self.sync_token.clone()),
            ("pageToken", self.page_token.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}
