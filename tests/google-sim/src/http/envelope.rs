//! Refusals as JSON: the classic envelope and, with `status` and `details`, the newer one.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::world::ApiError;

/// Carried by a response so that the ledger can name the reason.
#[derive(Debug, Clone)]
pub(super) struct Reason(pub(super) String);

/// Handlers return the refusal; `gate` writes its body, as it knows the envelope in use.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a refusal.
pub(super) fn refuse(error: &ApiError, newer: bool, retry_after: Option<&str>) -> Response {
    let mut entry = json!({
        "domain": error.domain,
        "reason": error.reason,
        "message": error.message,
    });
    if let Some((kind, name)) = error.location {
        entry["locationType"] = json!(kind);
        entry["location"] = json!(name);
    }
    let mut body = json!({
        "errors": [entry],
        "code": error.status,
        "message": error.message,
    });
    if newer {
        body["status"] = json!(canonical(error.status));
        if let Some(detail) = error.detail {
            body["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": detail,
                "domain": "googleapis.com",
            }]);
        }
    }
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(json!({"error": body}))).into_response();
    response
        .extensions_mut()
        .insert(Reason(error.reason.clone()));
    if let Some(value) = retry_after.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// The refusal of a fault: any status and reason, with Google's usual domain for it.
pub(super) fn made_up(status: u16, reason: &str) -> ApiError {
    let (domain, detail, message) = match reason {
        "rateLimitExceeded" | "userRateLimitExceeded" => (
            "usageLimits",
            Some("RATE_LIMIT_EXCEEDED"),
            "Rate Limit Exceeded",
        ),
        "quotaExceeded" => ("usageLimits", None, "Calendar usage limits exceeded."),
        "fullSyncRequired" => (
            "calendar",
            None,
            "Sync token is no longer valid, a full sync is required.",
        ),
        "accessNotConfigured" => (
            "usageLimits",
            Some("SERVICE_DISABLED"),
            "Access Not Configured.",
        ),
        "insufficientPermissions" => (
            "global",
            Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            "Request had insufficient authentication scopes.",
        ),
        other => ("global", None, other),
    };
    ApiError {
        domain,
        detail,
        ..ApiError::new(status, reason, message)
    }
}

/// A page of HTML, as Google's front end sends it when nothing is behind it.
pub(super) fn html_502() -> Response {
    let page = "<!DOCTYPE html>\n<html lang=en>\n<title>Error 502 (Server Error)!!1</title>\n<p>The server encountered a temporary error and could not complete your request.</p>\n</html>\n";
    (StatusCode::BAD_GATEWAY, axum::response::Html(page)).into_response()
}

/// JSON that breaks off.
pub(super) fn garbage() -> Response {
    let header = [(
        axum::http::header::CONTENT_TYPE,
        "application/json; charset=UTF-8",
    )];
    (
        header,
        "{\"kind\":\"calendar#events\",\"items\":[{\"id\":\"7fcg",
    )
        .into_response()
}

/// A JSON answer of 200.
pub(super) fn json_answer(body: Value) -> Response {
    Json(body).into_response()
}

fn canonical(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        410 | 412 => "FAILED_PRECONDITION",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

/// The same answer without a field.
pub(super) async fn without(response: Response, field: &str) -> Response {
    let (parts, body) = response.into_parts();
    // The simulator's own answers are whole in memory.
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap_or_default();
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, bytes.into());
    };
    answer.remove(field);
    let mut response = (parts.status, Json(answer)).into_response();
    *response.extensions_mut() = parts.extensions;
    response
}
