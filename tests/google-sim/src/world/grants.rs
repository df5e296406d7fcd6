//! Service accounts, the JWT-bearer grant and access tokens.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::{error::ApiError, ids, state::World};
use crate::accounts::{self, ServiceAccount};

/// A registered service account.
#[derive(Debug)]
pub(crate) struct Account {
    public_der: Vec<u8>,
    shown: ServiceAccount,
}

/// An access token's content.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    caller: Caller,
    expires: DateTime<Utc>,
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The user on whose behalf, or the service account itself.
    pub(crate) subject: String,
    /// The OAuth client id, which stands for its project.
    pub(crate) client: String,
    /// The service account behind a delegated or own call.
    pub(crate) account: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
}

impl Caller {
    /// Whether a service account acts as itself, without a subject.
    pub(crate) fn is_service_account(&self) -> bool {
        self.account.as_ref() == Some(&self.subject)
    }

    pub(crate) fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|&scope| self.scopes.contains(scope))
    }

    /// Who is charged when the call names no `quotaUser`.
    pub(crate) fn charged(&self) -> &str {
        self.account.as_deref().unwrap_or(&self.subject)
    }
}

/// A refusal of the token endpoint, in RFC 6749's form.
#[derive(Debug, Clone)]
pub(crate) struct GrantError {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: String,
    /// `error_subtype`, of the organisation's session control.
    pub(crate) subtype: Option<&'static str>,
}

impl GrantError {
    fn new(status: u16, error: &'static str, description: &str) -> Self {
        Self {
            status,
            error,
            description: description.to_owned(),
            subtype: None,
        }
    }

    pub(super) fn invalid_grant(description: &str) -> Self {
        Self::new(400, "invalid_grant", description)
    }

    pub(super) fn revoked() -> Self {
        Self::invalid_grant("Token has been expired or revoked.")
    }

    pub(super) fn invalid_client() -> Self {
        Self::new(401, "invalid_client", "Unauthorized")
    }

    pub(super) fn redirect_uri_mismatch() -> Self {
        Self::new(400, "redirect_uri_mismatch", "Bad Request")
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        let description = format!("Missing required parameter: {parameter}");
        Self::new(400, "invalid_request", &description)
    }

    pub(crate) fn unsupported() -> Self {
        Self::new(400, "unsupported_grant_type", "Invalid grant_type")
    }

    fn unauthorized_client() -> Self {
        let description = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
        Self::new(401, "unauthorized_client", description)
    }
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    #[serde(default)]
    scope: String,
    sub: Option<String>,
    iat: i64,
    exp: i64,
}

/// The audience that Google's own libraries always write.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

impl World {
    pub(crate) fn service_account(&mut self, name: &str, token_url: &str) -> ServiceAccount {
        let place = self.accounts.len();
        let mail = accounts::mail(name);
        let account = self.accounts.entry(mail).or_insert_with(|| {
            let (public_der, shown) = accounts::make(name, place, token_url);
            Account { public_der, shown }
        });
        account.shown.clone()
    }

    /// Exchanges a signed assertion for an access token and its lifetime in seconds.
    pub(crate) fn exchange(
        &mut self,
        assertion: &str,
        token_url: &str,
    ) -> Result<(String, u64), GrantError> {
        let claims = self.verify(assertion, token_url)?;
        let account = &self.accounts[&claims.iss].shown;
        let scopes: BTreeSet<String> = claims.scope.split_whitespace().map(str::to_owned).collect();
        if scopes.is_empty() {
            let description = "Invalid OAuth scope or ID token audience provided.";
            return Err(GrantError::new(400, "invalid_scope", description));
        }
        let subject = match &claims.sub {
            None => account.client_email.clone(),
            Some(sub) => self.delegated(sub, &account.client_id, &scopes)?,
        };
        let caller = Caller {
            subject,
            client: account.client_id.clone(),
            account: Some(account.client_email.clone()),
            scopes,
        };
        let lifetime = self.settings.token_lifetime;
        Ok((self.issue(caller), lifetime.as_secs()))
    }

    /// A token as if a user had consented.
    pub(crate) fn consented_token(&mut self, user: &str, scopes: &[&str]) -> String {
        let caller = Caller {
            subject: user.to_lowercase(),
            client: "consented-app.apps.googleusercontent.com".to_owned(),
            account: None,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        };
        self.issue(caller)
    }

    pub(crate) fn expire_access_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Who a bearer token belongs to.
    pub(crate) fn caller(&self, token: Option<&str>) -> Result<Caller, ApiError> {
        let token = token
            .and_then(|token| self.tokens.get(token))
            .filter(|token| token.expires > self.now)
            .ok_or_else(ApiError::unauthorized)?;
        if self
            .user(&token.caller.subject)
            .is_some_and(|user| user.suspended)
        {
            return Err(ApiError::unauthorized());
        }
        Ok(token.caller.clone())
    }

    /// Whose token this is, and which client's.
    pub(super) fn owner_of(&self, token: &str) -> Option<(String, String)> {
        let caller = &self.tokens.get(token)?.caller;
        Some((caller.subject.clone(), caller.client.clone()))
    }

    /// A client's access tokens of a user are without these scopes from now on.
    pub(super) fn withdraw_from_tokens(&mut self, user: &str, client: &str, scopes: &[&str]) {
        for token in self.tokens.values_mut() {
            let caller = &mut token.caller;
            if caller.subject == user && caller.client == client {
                caller.scopes.retain(|it| !scopes.contains(&it.as_str()));
            }
        }
    }

    /// Lets a client's access tokens of a user die.
    pub(super) fn forget_tokens(&mut self, user: &str, client: &str) {
        self.tokens
            .retain(|_, token| token.caller.subject != user || token.caller.client != client);
    }

    pub(super) fn issue(&mut self, caller: Caller) -> String {
        let token = format!("ya29.{}", ids::random(40));
        let lifetime = chrono::Duration::from_std(self.settings.token_lifetime)
            .unwrap_or(chrono::Duration::hours(1));
        let expires = self.now + lifetime;
        self.tokens.insert(token.clone(), Token { caller, expires });
        token
    }

    /// The user whom a client may act for with all these scopes.
    fn delegated(
        &self,
        sub: &str,
        client_id: &str,
        scopes: &BTreeSet<String>,
    ) -> Result<String, GrantError> {
        let sub = sub.to_lowercase();
        let user = self
            .user(&sub)
            .filter(|user| !user.suspended)
            .ok_or_else(|| GrantError::invalid_grant("Invalid email or User ID"))?;
        let granted = self
            .orgs
            .get(&user.org)
            .and_then(|org| org.delegations.get(client_id));
        if granted.is_some_and(|granted| scopes.is_subset(granted)) {
            Ok(sub)
        } else {
            Err(GrantError::unauthorized_client())
        }
    }

    fn verify(&self, assertion: &str, token_url: &str) -> Result<Claims, GrantError> {
        let claims = read(assertion)
            .ok_or_else(|| GrantError::invalid_grant("Invalid JWT: not a valid assertion."))?;
        let account = self
            .accounts
            .get(&claims.iss)
            .ok_or_else(|| GrantError::invalid_grant("Invalid grant: account not found"))?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[AUDIENCE, token_url]);
        let key = DecodingKey::from_rsa_der(&account.public_der);
        jsonwebtoken::decode::<serde_json::Value>(assertion, &key, &validation).map_err(
            |error| {
                use jsonwebtoken::errors::ErrorKind;
                GrantError::invalid_grant(match error.kind() {
                    ErrorKind::InvalidAudience => "Invalid JWT: wrong audience.",
                    ErrorKind::ExpiredSignature => {
                        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."
                    }
                    _ => "Invalid JWT Signature.",
                })
            },
        )?;
        if claims.exp - claims.iat > 3600 || claims.iat > self.now.timestamp() + 300 {
            return Err(GrantError::invalid_grant(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
            ));
        }
        Ok(claims)
    }
}

fn read(assertion: &str) -> Option<Claims> {
    let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// The user that an assertion asks for, whether or not it is right.
pub(crate) fn asked_subject(assertion: &str) -> Option<String> {
    read(assertion)?.sub
}
