//! The token endpoint: the JWT-bearer grant of service accounts, and codes and refresh tokens of
//! consent. A new grant is an arm of `exchange`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::envelope::Reason;
use crate::{
    sim::Core,
    world::{GrantError, Granted, Redeemed, asked_subject},
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A form's fields, and who sent it.
struct Form {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

impl Form {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let basic = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Basic "))
            .and_then(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok())
            .and_then(|pair| {
                let (id, secret) = pair.split_once(':')?;
                Some((id.to_owned(), secret.to_owned()))
            });
        Self {
            fields: url::form_urlencoded::parse(body).into_owned().collect(),
            basic,
        }
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn need(&self, name: &str) -> Result<&str, GrantError> {
        self.find(name).ok_or_else(|| GrantError::missing(name))
    }

    /// The client's id and secret, from the form or from `Authorization: Basic`.
    fn client(&self) -> Result<(&str, &str), GrantError> {
        match &self.basic {
            Some((id, secret)) => Ok((id, secret)),
            None => Ok((self.need("client_id")?, self.need("client_secret")?)),
        }
    }
}

pub(super) async fn exchange(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::read(&headers, &body);
    let outcome = match form.find("grant_type") {
        Some(JWT_BEARER) => by_assertion(&core, &form),
        Some("authorization_code") => by_code(&core, &form),
        Some("refresh_token") => by_refresh_token(&core, &form),
        _ => Err(GrantError::unsupported()),
    };
    let mut response = match outcome {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error.into_response(),
    };
    if let Some(subject) = form.find("assertion").and_then(asked_subject) {
        response.extensions_mut().insert(AskedFor(subject));
    }
    response
}

/// The user that an assertion asks for, for the ledger.
#[derive(Debug, Clone)]
pub(super) struct AskedFor(pub(super) String);

fn by_assertion(core: &Arc<Core>, form: &Form) -> Result<Value, GrantError> {
    let assertion = form.need("assertion")?;
    let token_url = core.urls.token_url.clone();
    let (token, expires_in) = core.act(|world| world.exchange(assertion, &token_url))?;
    Ok(json!({
        "access_token": token,
        "expires_in": expires_in,
        "token_type": "Bearer",
    }))
}

fn by_code(core: &Arc<Core>, form: &Form) -> Result<Value, GrantError> {
    let (client, secret) = form.client()?;
    let redeemed = Redeemed {
        code: form.need("code")?,
        redirect_uri: form.need("redirect_uri")?,
        verifier: form.find("code_verifier"),
    };
    core.act(|world| {
        world.authenticate(client, secret)?;
        let granted = world.redeem(client, redeemed)?;
        Ok(show(core_lifetimes(world), granted))
    })
}

fn by_refresh_token(core: &Arc<Core>, form: &Form) -> Result<Value, GrantError> {
    let (client, secret) = form.client()?;
    let token = form.need("refresh_token")?;
    core.act(|world| {
        world.authenticate(client, secret)?;
        let granted = world.refresh(client, token)?;
        Ok(show(core_lifetimes(world), granted))
    })
}

/// Seconds that access and, where they are limited, refresh tokens live.
fn core_lifetimes(world: &crate::world::World) -> (u64, Option<u64>) {
    let settings = &world.settings;
    (
        settings.token_lifetime.as_secs(),
        settings.refresh_token_lifetime_seconds,
    )
}

fn show((access, refresh): (u64, Option<u64>), granted: Granted) -> Value {
    let scopes: Vec<String> = granted.scopes.into_iter().collect();
    let mut answer = json!({
        "access_token": granted.access_token,
        "expires_in": access,
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    });
    if let Some(token) = granted.refresh_token {
        answer["refresh_token"] = json!(token);
        if let Some(seconds) = refresh {
            answer["refresh_token_expires_in"] = json!(seconds);
        }
    }
    if let Some(token) = granted.id_token {
        answer["id_token"] = json!(token);
    }
    answer
}

impl IntoResponse for GrantError {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.error, "error_description": self.description});
        if let Some(subtype) = self.subtype {
            body["error_subtype"] = json!(subtype);
        }
        write(self.status, self.error, body)
    }
}

/// A refusal in RFC 6749's form.
pub(super) fn refuse(status: u16, error: &str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description});
    write(status, error, body)
}

fn write(status: u16, error: &str, body: Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = (status, Json(body)).into_response();
    response.extensions_mut().insert(Reason(error.to_owned()));
    response
}
