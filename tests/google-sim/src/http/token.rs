//! The token endpoint. Today it knows the JWT-bearer grant; code and refresh come with consent.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::json;

use super::envelope::Reason;
use crate::sim::Core;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(super) async fn exchange(State(core): State<Arc<Core>>, body: Bytes) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| {
        form.iter()
            .find(|(key, _)| key == name)
            .map(|(_, v)| v.as_str())
    };
    match (field("grant_type"), field("assertion")) {
        (Some(JWT_BEARER), Some(assertion)) => {
            let token_url = core.urls.token_url.clone();
            match core.act(|world| world.exchange(assertion, &token_url)) {
                Ok((token, expires_in)) => Json(json!({
                    "access_token": token,
                    "expires_in": expires_in,
                    "token_type": "Bearer",
                }))
                .into_response(),
                Err(error) => refuse(error.status, error.error, &error.description),
            }
        }
        (Some(JWT_BEARER), None) => refuse(
            400,
            "invalid_request",
            "Missing required parameter: assertion",
        ),
        _ => refuse(400, "unsupported_grant_type", "Invalid grant_type"),
    }
}

fn refuse(status: u16, error: &'static str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description});
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = (status, Json(body)).into_response();
    response.extensions_mut().insert(Reason(error.to_owned()));
    response
}
