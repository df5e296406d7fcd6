//! Who consented: Google's id token, verified (`OpenID` Connect).
//!
//! Believed only when it is signed with one of Google's published keys (RS256), names us as audience and
//! our own question by its nonce, is in its time, its mail address is verified, and it names the
//! organisation: `hd` as a request parameter is only a hint, the claim is the proof (documented).
//!
//! Google's keys are kept for an hour, and fetched anew, once, for a signature by one that is not known:
//! keys rotate.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{Jwk, JwkSet},
};
use roomsync_domain::MailAddress;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    Google, GoogleError,
    call::Call,
    classify::classify,
    lenient::{filled, whole_number},
};

/// Both spellings that Google uses (documented).
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// How far our clock and Google's may be apart.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);
/// How long keys are used before they are fetched again.
const KEEP_KEYS: Duration = Duration::from_hours(1);

/// Who signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Google's id of the account, which never changes.
    pub account_id: String,
    /// Its address.
    pub mail: MailAddress,
    /// The domain of its organisation, in lower case.
    pub domain: String,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// Why an id token does not tell who signed in. No text of it names a person.
#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    /// Google's keys could not be fetched.
    #[error("google's keys could not be fetched")]
    Keys(#[source] GoogleError),
    /// It is not to be believed.
    #[error("the id token is not to be believed: {0}")]
    Invalid(IdTokenWhy),
    /// An account that belongs to no organisation.
    #[error("the account belongs to no organisation")]
    NoOrganisation,
}

/// What is wrong with an id token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdTokenWhy {
    /// No id token at all, or none that can be read.
    Unreadable,
    /// Signed in another way than RS256, with a key that Google does not publish, or not by it.
    Signature,
    /// Issued by somebody else.
    Issuer,
    /// Issued for somebody else.
    Audience,
    /// Not in its time.
    Time,
    /// An answer to another question.
    Nonce,
    /// Without an address that Google has verified.
    Mail,
}

impl IdTokenWhy {
    /// Its name for callers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Time => "time",
            Self::Nonce => "nonce",
            Self::Mail => "mail",
        }
    }
}

impl std::fmt::Display for IdTokenWhy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Google's keys, and when they were fetched.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<Option<(Instant, JwkSet)>>);

impl Keys {
    fn find(&self, id: &str) -> Option<Jwk> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (fetched_at, keys) = kept.as_ref()?;
        let fresh = fetched_at.elapsed() < KEEP_KEYS;
        fresh.then(|| keys.find(id).cloned()).flatten()
    }

    fn keep(&self, keys: JwkSet) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Instant::now(), keys));
    }
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default, deserialize_with = "filled")]
    iss: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    aud: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    sub: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    nonce: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    email_verified: bool,
    #[serde(default, deserialize_with = "filled")]
    hd: Option<String>,
    #[serde(default, deserialize_with = "whole_number")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "whole_number")]
    exp: Option<i64>,
}

/// A yes, as a boolean or as a text; anything else is a no.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value == Value::Bool(true) || value == "true")
}

impl Google {
    /// Who signed in, by an id token for this client that answers the question with this nonce. `now` is
    /// the domain's clock.
    pub async fn verify_id_token(
        &self,
        token: &SecretString,
        client_id: &str,
        nonce: &str,
        now: DateTime<Utc>,
    ) -> Result<SignedIn, IdTokenError> {
        let token = token.expose_secret();
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| IdTokenError::Invalid(IdTokenWhy::Unreadable))?;
        // Checked before a key is looked for: what a token says of itself never chooses how it is verified.
        let (Algorithm::RS256, Some(id)) = (header.alg, header.kid.as_deref()) else {
            return Err(IdTokenError::Invalid(IdTokenWhy::Signature));
        };
        let claims = self
            .key(id)
            .await?
            .and_then(|key| DecodingKey::from_jwk(&key).ok())
            .and_then(|key| signed(token, &key))
            .ok_or(IdTokenError::Invalid(IdTokenWhy::Signature))?;
        judge(claims, client_id, nonce, now)
    }

    /// The key of this id; fetched anew when it is not known.
    async fn key(&self, id: &str) -> Result<Option<Jwk>, IdTokenError> {
        if let Some(key) = self.id_token_keys().find(id) {
            return Ok(Some(key));
        }
        let keys = self.fetch_keys().await.map_err(IdTokenError::Keys)?;
        self.id_token_keys().keep(keys);
        Ok(self.id_token_keys().find(id))
    }

    async fn fetch_keys(&self) -> Result<JwkSet, GoogleError> {
        let request = self.http().get(self.config().certs_url.clone());
        self.measured(Call::Certs, async {
            let answer = self.send(request).await?;
            if !answer.status.is_success() {
                let (status, after) = (answer.status, answer.retry_after);
                return Err(classify(Call::Certs, status, after, &answer.body));
            }
            serde_json::from_slice(&answer.body)
                .map_err(|_| GoogleError::Unreadable("keys of another form"))
        })
        .await
    }
}

/// The claims, if the signature is right. What they say is judged by the domain's clock, not by the
/// machine's, so nothing of it is checked here.
fn signed(token: &str, key: &DecodingKey) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation);
    decoded.ok().map(|token| token.claims)
}

fn judge(
    claims: Claims,
    client_id: &str,
    nonce: &str,
    now: DateTime<Utc>,
) -> Result<SignedIn, IdTokenError> {
    let invalid = |why| Err(IdTokenError::Invalid(why));
    if !claims
        .iss
        .is_some_and(|iss| ISSUERS.contains(&iss.as_str()))
    {
        return invalid(IdTokenWhy::Issuer);
    }
    if claims.aud.as_deref() != Some(client_id) {
        return invalid(IdTokenWhy::Audience);
    }
    let instant = |seconds: Option<i64>| DateTime::from_timestamp(seconds?, 0);
    let in_its_time = instant(claims.exp).is_some_and(|exp| now < exp + LEEWAY)
        && instant(claims.iat).is_some_and(|iat| iat < now + LEEWAY);
    if !in_its_time {
        return invalid(IdTokenWhy::Time);
    }
    if claims.nonce.as_deref() != Some(nonce) {
        return invalid(IdTokenWhy::Nonce);
    }
    let Some(account_id) = claims.sub else {
        return invalid(IdTokenWhy::Unreadable);
    };
    let mail = claims.email.filter(|_| claims.email_verified);
    let Some(mail) = mail.and_then(|mail| MailAddress::try_from(mail).ok()) else {
        return invalid(IdTokenWhy::Mail);
    };
    let Some(domain) = claims.hd else {
        return Err(IdTokenError::NoOrganisation);
    };
    Ok(SignedIn {
        account_id,
        mail,
        domain: domain.to_lowercase(),
    })
}

/// Whose id token it says it is, unverified. Good only for leaving something alone.
pub fn claimed_account(token: &SecretString) -> Option<String> {
    let claims = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token.expose_secret());
    claims.ok()?.sub
}

#[cfg(test)]
mod tests;
