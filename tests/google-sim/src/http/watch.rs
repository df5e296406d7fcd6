//! `events.watch` and `channels.stop`.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;

use super::{envelope::json_answer, events::role_of, gate::Named};
use crate::{
    push,
    sim::Core,
    world::{ApiError, Caller, WatchRequest},
};

/// How long after the answer the `sync` message is sent, where it is sent after it.
const AFTER_THE_ANSWER: Duration = Duration::from_millis(10);

pub(super) async fn watch(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    Extension(Named(calendar)): Extension<Named>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: WatchRequest =
        serde_json::from_slice(&body).map_err(|_| ApiError::bad_request("Parse Error"))?;
    let base = core.urls.calendar_url.clone();
    let (answer, message) = core.act(|world| {
        role_of(world, &caller, &calendar)?;
        world.watch(&calendar, &caller, request, &base)
    })?;
    if core.read(|world| world.settings.sync_message_first) {
        push::send_and_wait(&core, message).await;
    } else {
        let task = core.clone();
        core.spawn(async move {
            tokio::time::sleep(AFTER_THE_ANSWER).await;
            push::send_and_wait(&task, message).await;
        });
    }
    Ok(json_answer(answer))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopRequest {
    id: String,
    resource_id: String,
}

pub(super) async fn stop(
    State(core): State<Arc<Core>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let request: StopRequest =
        serde_json::from_slice(&body).map_err(|_| ApiError::required("id or resourceId"))?;
    core.act(|world| world.stop(&caller, &request.id, &request.resource_id))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
