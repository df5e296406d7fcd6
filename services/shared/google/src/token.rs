//! The grant of a service account: a signed statement in exchange for an access token of one subject
//! (RFC 7523, "JWT bearer"). Such tokens cannot be refreshed: sign a new one.
//!
//! The request goes to the configured `token_url` and nowhere else. The audience that is signed is
//! Google's own literal while the configuration names Google (as Google's Python client does); with
//! another server configured it is the key's `token_uri`, which that server's keys name, or for want
//! of that the configured address.

use std::time::Duration;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    AccessLostWhy, Google, GoogleError, ServiceAccountKey,
    answer::Answer,
    call::Call,
    classify::is_word,
    config::GOOGLE_TOKEN_URL,
    lenient::{filled, null_is_default, whole_number},
    reason,
};

/// An access token and when it ends.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The token.
    pub token: SecretString,
    /// From then on Google refuses it.
    pub expires_at: DateTime<Utc>,
}

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The longest that Google allows, for the statement and for the token.
const LIFETIME_SECONDS: i64 = 3600;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    scope: String,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default, deserialize_with = "filled")]
    access_token: Option<String>,
    #[serde(default, deserialize_with = "whole_number")]
    expires_in: Option<i64>,
}

#[derive(Default, Deserialize)]
struct Denied {
    #[serde(default, deserialize_with = "null_is_default")]
    error: String,
    #[serde(default, deserialize_with = "null_is_default")]
    error_description: String,
    #[serde(default, deserialize_with = "null_is_default")]
    error_subtype: String,
}

impl Google {
    /// An access token for `subject`. All `scopes` must be delegated to the service account: one
    /// that is not fails the whole grant. `now` is the domain's clock.
    ///
    /// [`GoogleError::AccessLost`] says why as far as Google does; a fault of the token endpoint is
    /// [`GoogleError::Unavailable`] and proves nothing about the access.
    pub async fn service_account_token(
        &self,
        key: &ServiceAccountKey,
        subject: &str,
        scopes: &[&str],
        now: DateTime<Utc>,
    ) -> Result<AccessToken, GoogleError> {
        let token_url = &self.config().token_url;
        let audience = match token_url.as_str() {
            GOOGLE_TOKEN_URL => GOOGLE_TOKEN_URL,
            other => key.token_uri().unwrap_or(other),
        };
        let assertion = assertion(key, subject, scopes, audience, now)?;
        let form = [("grant_type", GRANT_TYPE), ("assertion", &assertion)];
        let request = self.http().post(token_url.clone()).form(&form);
        self.measured(Call::Token, async {
            access_token(&self.send(request).await?, now)
        })
        .await
    }
}

fn assertion(
    key: &ServiceAccountKey,
    subject: &str,
    scopes: &[&str],
    audience: &str,
    now: DateTime<Utc>,
) -> Result<String, GoogleError> {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = key.private_key_id().map(ToOwned::to_owned);
    let claims = Claims {
        iss: key.client_email(),
        sub: subject,
        scope: scopes.join(" "),
        aud: audience,
        iat: now.timestamp(),
        exp: now.timestamp() + LIFETIME_SECONDS,
    };
    jsonwebtoken::encode(&header, &claims, key.private_key()).map_err(|_| GoogleError::AccessLost {
        why: AccessLostWhy::KeyRefused,
    })
}

/// The access token in an answer of the token endpoint, to whatever grant.
pub(crate) fn access_token(
    answer: &Answer,
    now: DateTime<Utc>,
) -> Result<AccessToken, GoogleError> {
    if !answer.status.is_success() {
        return Err(denied(answer.status, answer.retry_after, &answer.body));
    }
    let unreadable = GoogleError::Unreadable("a grant without an access token");
    let Ok(granted) = serde_json::from_slice::<Granted>(&answer.body) else {
        return Err(unreadable);
    };
    let token = granted.access_token.ok_or(unreadable)?;
    let lifetime = granted
        .expires_in
        .unwrap_or(LIFETIME_SECONDS)
        .clamp(0, LIFETIME_SECONDS);
    Ok(AccessToken {
        token: SecretString::from(token),
        expires_at: now + chrono::TimeDelta::seconds(lifetime),
    })
}

/// The meaning of a refusal of the token endpoint (the envelope of RFC 6749).
pub(crate) fn denied(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> GoogleError {
    // Faults come first: whatever such an answer says, it does not mean that access was withdrawn.
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return GoogleError::Unavailable {
            status,
            retry_after,
        };
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        return GoogleError::Throttled { retry_after };
    }
    let denied: Denied = serde_json::from_slice(body).unwrap_or_default();
    let lost = |why| GoogleError::AccessLost { why };
    match denied.error.as_str() {
        // The organisation wants its people to sign in again after a while (observed).
        "invalid_grant" if denied.error_subtype == "invalid_rapt" => lost(AccessLostWhy::Policy),
        "invalid_grant" => lost(why_invalid(&denied.error_description)),
        "unauthorized_client" | "access_denied" => lost(AccessLostWhy::NotDelegated),
        "invalid_client" | "deleted_client" | "disabled_client" => {
            lost(AccessLostWhy::ClientRefused)
        }
        "admin_policy_enforced" | "org_internal" => lost(AccessLostWhy::Policy),
        "rate_limit_exceeded" | "slow_down" => GoogleError::Throttled { retry_after },
        "internal_failure" | "temporarily_unavailable" | "server_error" => {
            GoogleError::Unavailable {
                status,
                retry_after,
            }
        }
        word if is_word(word) => GoogleError::Refused {
            status,
            reason: word.to_owned(),
        },
        _ => GoogleError::Refused {
            status,
            reason: reason::UNKNOWN.to_owned(),
        },
    }
}

/// A finer word for an administrator's eyes. Only one of them changes what is done: a clock that
/// differs is our fault, and no withdrawal.
fn why_invalid(description: &str) -> AccessLostWhy {
    let text = description.to_lowercase();
    if text.contains("invalid email or user id") {
        AccessLostWhy::SubjectUnknown
    } else if text.contains("signature") || text.contains("account not found") {
        AccessLostWhy::KeyRefused
    } else if text.contains("timeframe") {
        AccessLostWhy::ClockSkew
    } else {
        AccessLostWhy::Withdrawn
    }
}

#[cfg(test)]
mod tests;
