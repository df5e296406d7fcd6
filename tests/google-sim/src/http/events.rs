//! `events`: list, instances, get, insert, patch, update, move, delete.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{
    envelope::json_answer,
    gate::{Named, Parameters},
    preconditions,
};
use crate::{
    scopes::{
        CALENDAR, CALENDAR_READONLY, EVENTS, EVENTS_FREEBUSY, EVENTS_OWNED, EVENTS_OWNED_READONLY,
        EVENTS_READONLY,
    },
    sim::Core,
    world::{ApiError, Caller, ListQuery, Role, World},
};

pub(super) async fn list(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    Extension(Parameters(parameters)): Extension<Parameters>,
) -> Result<Response, ApiError> {
    let mut query = ListQuery::read(&parameters)?;
    core.read(|world| {
        let role = role_of(world, &caller, &calendar)?;
        world.limit_to_times(role, &mut query)?;
        world.list(&calendar, role, &query).map(json_answer)
    })
}

pub(super) async fn instances(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    Extension(Parameters(parameters)): Extension<Parameters>,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let query = ListQuery::read_for_instances(&parameters)?;
    core.read(|world| {
        let role = role_of(world, &caller, &calendar)?;
        world
            .instances(&calendar, &event, role, &query)
            .map(json_answer)
    })
}

pub(super) async fn get(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    Extension(Parameters(parameters)): Extension<Parameters>,
    Path((_, event)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let max_attendees = ListQuery::read(&parameters)?.max_attendees;
    core.read(|world| {
        let role = role_of(world, &caller, &calendar)?;
        if preconditions::is_known(&headers, &world.find(&calendar, &event)?.etag()) {
            return Ok(StatusCode::NOT_MODIFIED.into_response());
        }
        world
            .view_few(&calendar, &event, role, max_attendees)
            .map(json_answer)
    })
}

pub(super) async fn insert(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let body = read(&body)?;
    core.act(|world| {
        let role = writer(world, &caller, &calendar)?;
        let id = world.insert(&calendar, &caller.subject, body)?;
        world.view_for(&calendar, &id, role).map(json_answer)
    })
}

pub(super) async fn patch(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    Path((_, event)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let changes = read(&body)?;
    change(&core, &caller, &calendar, &event, &headers, |world| {
        world.patch(&calendar, &event, changes)
    })
}

pub(super) async fn update(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    Path((_, event)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let body = read(&body)?;
    change(&core, &caller, &calendar, &event, &headers, |world| {
        world.update(&calendar, &event, body)
    })
}

pub(super) async fn delete(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    Path((_, event)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    change(&core, &caller, &calendar, &event, &headers, |world| {
        world.delete(&calendar, &event)
    })?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `events.move`: the destination becomes the organizer.
pub(super) async fn move_event(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    Extension(Parameters(parameters)): Extension<Parameters>,
    Path((_, event)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let destination = parameters
        .iter()
        .find(|(name, _)| name == "destination")
        .map(|(_, value)| value.to_lowercase())
        .ok_or_else(|| ApiError::required("destination"))?;
    core.act(|world| {
        writer(world, &caller, &calendar)?;
        let role = writer(world, &caller, &destination)?;
        world.hand_over(&calendar, &event, &destination)?;
        world.view_for(&destination, &event, role).map(json_answer)
    })
}

/// A change of an existing event: role, existence and etag first, the new copy as the answer.
fn change(
    core: &Arc<Core>,
    caller: &Caller,
    calendar: &str,
    event: &str,
    headers: &HeaderMap,
    apply: impl FnOnce(&mut World) -> Result<(), ApiError>,
) -> Result<Response, ApiError> {
    core.act(|world| {
        let role = writer(world, caller, calendar)?;
        preconditions::if_match(headers, &world.find_live(calendar, event)?.etag())?;
        apply(world)?;
        world.view_for(calendar, event, role).map(json_answer)
    })
}

/// The caller's role on a calendar. Without one, the calendar does not exist.
pub(super) fn role_of(world: &World, caller: &Caller, calendar: &str) -> Result<Role, ApiError> {
    let calendar = world.calendar(calendar)?;
    let role = world
        .role(calendar, &caller.subject)
        .ok_or_else(ApiError::not_found)?;
    let all_calendars = [CALENDAR, CALENDAR_READONLY, EVENTS, EVENTS_READONLY];
    if calendar.is_created_by(caller) || caller.has_any(&all_calendars) {
        return Ok(role);
    }
    if role == Role::Owner && caller.has_any(&[EVENTS_OWNED, EVENTS_OWNED_READONLY]) {
        return Ok(role);
    }
    // A token for free and busy sees times, whatever its owner may see.
    if caller.has_any(&[EVENTS_FREEBUSY]) {
        return Ok(Role::FreeBusyReader);
    }
    Err(ApiError::insufficient_scope())
}

fn writer(world: &World, caller: &Caller, calendar: &str) -> Result<Role, ApiError> {
    let role = role_of(world, caller, calendar)?;
    if !role.may_write() {
        return Err(ApiError::writer_needed());
    }
    let own = role == Role::Owner && caller.has_any(&[EVENTS_OWNED]);
    let created = world.calendar(calendar)?.is_created_by(caller);
    if !own && !created && !caller.has_any(&[CALENDAR, EVENTS]) {
        return Err(ApiError::insufficient_scope());
    }
    Ok(role)
}

fn read(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_slice(body).map_err(|_| ApiError::new(400, "parseError", "Parse Error"))
}
