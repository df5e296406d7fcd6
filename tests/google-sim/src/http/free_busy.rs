//! `freeBusy.query`.

use std::sync::Arc;

use axum::{Extension, extract::State, response::Response};
use bytes::Bytes;

use super::envelope::json_answer;
use crate::{
    scopes::{CALENDAR, CALENDAR_READONLY, EVENTS_FREEBUSY, FREEBUSY},
    sim::Core,
    world::{ApiError, Caller, FreeBusyRequest},
};

/// Its scopes; `calendar.events` is not among them.
pub(super) const SCOPES: [&str; 4] = [CALENDAR, CALENDAR_READONLY, FREEBUSY, EVENTS_FREEBUSY];

pub(super) async fn query(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: FreeBusyRequest =
        serde_json::from_slice(&body).map_err(|_| ApiError::bad_request("Bad Request"))?;
    core.read(|world| world.free_busy(&caller, &request))
        .map(json_answer)
}
