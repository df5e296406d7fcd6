//! `freeBusy.query`: when calendars are busy, and nothing else.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{calendar::Calendar, error::ApiError, grants::Caller, query::ListQuery, state::World};

/// The body of `freeBusy.query`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FreeBusyRequest {
    time_min: DateTime<Utc>,
    time_max: DateTime<Utc>,
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    id: String,
}

/// The most calendars of one call.
const MOST_CALENDARS: usize = 50;

impl World {
    /// A calendar that the caller may not see is told as not found, each for itself.
    pub(crate) fn free_busy(
        &self,
        caller: &Caller,
        request: &FreeBusyRequest,
    ) -> Result<Value, ApiError> {
        if request.time_min >= request.time_max {
            return Err(ApiError::time_range_empty());
        }
        if request.items.len() > MOST_CALENDARS {
            return Err(ApiError::invalid("Too many calendars requested."));
        }
        let mut calendars = Map::new();
        for item in &request.items {
            let visible = self
                .calendar(&item.id)
                .ok()
                .filter(|calendar| self.role(calendar, &caller.subject).is_some());
            let answer = match visible {
                Some(calendar) => json!({"busy": self.busy(calendar, request)}),
                None => json!({
                    "errors": [{"domain": "global", "reason": "notFound"}],
                    "busy": [],
                }),
            };
            calendars.insert(item.id.clone(), answer);
        }
        Ok(json!({
            "kind": "calendar#freeBusy",
            "timeMin": stamp(request.time_min),
            "timeMax": stamp(request.time_max),
            "calendars": calendars,
        }))
    }

    /// Busy times in order, those that touch or overlap as one.
    fn busy(&self, calendar: &Calendar, request: &FreeBusyRequest) -> Vec<Value> {
        let query = ListQuery {
            single_events: true,
            time_min: Some(request.time_min),
            time_max: Some(request.time_max),
            ..ListQuery::default()
        };
        let mut spans: Vec<_> = self
            .select(calendar, &query)
            .iter()
            .filter(|copy| {
                let opaque = copy.content.transparency.as_deref() != Some("transparent");
                let answer = copy.answer(&calendar.mail);
                let taken = match (&calendar.room, copy.organizer == calendar.mail) {
                    (Some(_), false) => answer == Some("accepted"),
                    _ => answer != Some("declined"),
                };
                opaque && taken
            })
            .map(|copy| copy.span(calendar.zone))
            .collect();
        spans.sort_unstable();
        let mut merged: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
        for (start, end) in spans {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        let shown = merged.into_iter();
        shown
            .map(|(start, end)| {
                json!({
                    "start": stamp(start.max(request.time_min)),
                    "end": stamp(end.min(request.time_max)),
                })
            })
            .collect()
    }
}

fn stamp(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}
