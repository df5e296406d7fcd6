//! `calendars`: get and insert.

use std::sync::Arc;

use axum::{Extension, extract::State, response::Response};
use bytes::Bytes;
use serde::Deserialize;

use super::{envelope::json_answer, gate::Named};
use crate::{
    scopes::{APP_CREATED, CALENDAR, CALENDAR_READONLY, CALENDARS, CALENDARS_READONLY},
    sim::Core,
    world::{ApiError, Caller},
};

pub(super) async fn get(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
) -> Result<Response, ApiError> {
    core.read(|world| {
        let calendar = world.calendar(&calendar)?;
        world
            .role(calendar, &caller.subject)
            .ok_or_else(ApiError::not_found)?;
        let any = [CALENDAR, CALENDAR_READONLY, CALENDARS, CALENDARS_READONLY];
        if !caller.has_any(&any) && !calendar.is_created_by(&caller) {
            return Err(ApiError::insufficient_scope());
        }
        Ok(json_answer(world.show_calendar(calendar)))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewCalendar {
    summary: String,
    time_zone: Option<String>,
}

pub(super) async fn insert(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let new: NewCalendar =
        serde_json::from_slice(&body).map_err(|_| ApiError::required("summary"))?;
    core.act(|world| {
        let id = world.insert_calendar(&caller, &new.summary, new.time_zone.as_deref())?;
        Ok(json_answer(world.show_calendar(world.calendar(&id)?)))
    })
}

/// Scopes of `calendars.get`.
pub(super) const READ: [&str; 5] = [
    CALENDAR,
    CALENDAR_READONLY,
    CALENDARS,
    CALENDARS_READONLY,
    APP_CREATED,
];

/// Scopes of `calendars.insert`.
pub(super) const WRITE: [&str; 3] = [CALENDAR, CALENDARS, APP_CREATED];
