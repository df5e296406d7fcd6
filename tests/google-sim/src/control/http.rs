//! `POST /control/{action}`: a [`Command`] without its `action` as the body, the answer as JSON.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Command, Control, ControlError};
use crate::sim::Core;

pub(crate) async fn control(
    State(core): State<Arc<Core>>,
    Path(action): Path<String>,
    body: Bytes,
) -> Response {
    let outcome = match read(action, &body) {
        Ok(command) => Control::new(core).execute(command).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refuse(&error),
    }
}

fn read(action: String, body: &[u8]) -> Result<Command, ControlError> {
    let invalid = |error: serde_json::Error| ControlError::Invalid(error.to_string());
    let mut fields: Map<String, Value> = if body.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body).map_err(invalid)?
    };
    fields.insert("action".to_owned(), Value::String(action));
    serde_json::from_value(Value::Object(fields)).map_err(invalid)
}

fn refuse(error: &ControlError) -> Response {
    let (status, body) = match error {
        ControlError::Refused {
            status,
            reason,
            message,
        } => (
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({"kind": "refused", "status": status, "reason": reason, "message": message}),
        ),
        ControlError::Unknown { what, name } => (
            StatusCode::NOT_FOUND,
            json!({"kind": "unknown", "what": what, "name": name}),
        ),
        ControlError::Timeout(after) => (
            StatusCode::REQUEST_TIMEOUT,
            json!({"kind": "timeout", "after_ms": u64::try_from(after.as_millis()).unwrap_or(u64::MAX)}),
        ),
        other => (
            StatusCode::BAD_REQUEST,
            json!({"kind": "invalid", "message": other.to_string()}),
        ),
    };
    (status, Json(body)).into_response()
}
