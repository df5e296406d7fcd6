//! Access tokens, cached sealed and fetched by one replica at a time.
//!
//! Whoever finds a token due claims it in the row and asks Google, outside of any transaction; the
//! others go on with the old one, or wait for the new one when there is none. A claim that is not
//! kept (a crash) lapses.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_google::{AccessLostWhy, AccessToken, GoogleError, ServiceAccountKey};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::time::{Instant, sleep};

use super::{
    connections::{self, Connection, Way},
    consent_scopes,
    lender::{Lender, fault, unavailable},
    subject::{Actor, Purpose},
    token_rows::{self as rows, Claim, Stored, TokenKey},
};
use crate::status::CommandError;

/// How long to wait for a token that another replica is fetching.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look for it.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long an optional scope that was not granted is not asked for again.
const NOT_ASKED_AGAIN: Duration = Duration::from_mins(10);
/// How much longer than Google's deadline a claim lasts.
const CLAIM_MARGIN: Duration = Duration::from_secs(10);

/// A token that can be used now.
#[derive(Debug)]
pub(super) struct Lent {
    pub(super) token: SecretString,
    pub(super) expires_at: DateTime<Utc>,
}

impl Lender {
    /// A token of the connection's subject for a purpose.
    ///
    /// `FAILED_PRECONDITION` `NOT_CONNECTED` when Google withdrew the access: the connection is lost
    /// then. UNAVAILABLE `GOOGLE_UNAVAILABLE` when the token endpoint has a fault. For an optional purpose
    /// `FAILED_PRECONDITION` `SCOPE_MISSING` where it was not granted.
    pub(super) async fn token(
        &self,
        connection: &Connection,
        purpose: Purpose,
    ) -> Result<Lent, CommandError> {
        if !connection.grants(purpose) {
            return Err(scope_missing());
        }
        let key = TokenKey {
            connection,
            actor: Actor::Own(purpose),
        };
        match self.token_of(key).await? {
            Ok(lent) => Ok(lent),
            Err(why) => {
                self.lose(connection, why).await?;
                Err(connections::not_connected("lost"))
            }
        }
    }

    /// A token of anybody's; within: Google gives none, and what that means is the caller's matter.
    pub(super) async fn token_of(
        &self,
        key: TokenKey<'_>,
    ) -> Result<Result<Lent, AccessLostWhy>, CommandError> {
        if key.actor.is_optional() && rows::is_refused(&self.database, key).await? {
            return Err(scope_missing());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stored = self.stored(key).await?;
            if let Some((lent, true)) = stored {
                return Ok(Ok(lent));
            }
            let lasts = self.google.config().timeout + CLAIM_MARGIN;
            if let Some(claim) = rows::claim(&self.database, key, lasts).await? {
                return self.fetch(key, claim, stored.map(|(lent, _)| lent)).await;
            }
            if let Some((old, _)) = stored {
                return Ok(Ok(old));
            }
            if Instant::now() > deadline {
                return Err(unavailable(None));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Google refused this subject's token. Whether the access is lost the token endpoint says: it
    /// is asked for a new token, and the connection is lost only if it refuses.
    pub(super) async fn doubt(
        &self,
        connection: &Connection,
        purpose: Purpose,
    ) -> Result<(), CommandError> {
        let key = TokenKey {
            connection,
            actor: Actor::Own(purpose),
        };
        if !rows::drop_refused(&self.database, key).await? {
            return Ok(());
        }
        match self.token(connection, purpose).await {
            // Lost and announced, or not to be told now: the next one who asks will see.
            Ok(_) | Err(CommandError::Precondition { .. } | CommandError::Unavailable { .. }) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The stored token, and whether it is fresh.
    async fn stored(&self, key: TokenKey<'_>) -> Result<Option<(Lent, bool)>, CommandError> {
        let Some(Stored {
            sealed,
            expires_at,
            is_fresh,
        }) = rows::get(&self.database, key).await?
        else {
            return Ok(None);
        };
        // A token that does not open (its sealing key was removed) is fetched anew.
        let Ok(token) = self
            .ring
            .open(&sealed, &key.place())
            .map_err(drop)
            .and_then(|token| text(&token))
        else {
            rows::drop_unreadable(&self.database, key, &sealed.key_id).await?;
            return Ok(None);
        };
        Ok(Some((Lent { token, expires_at }, is_fresh)))
    }

    /// Fetches a token under a claim. An old one that still works hides a fault of the endpoint.
    async fn fetch(
        &self,
        key: TokenKey<'_>,
        claim: Claim,
        old: Option<Lent>,
    ) -> Result<Result<Lent, AccessLostWhy>, CommandError> {
        let error = match self.mint(key, claim.now).await {
            Ok(Ok(new)) => {
                let sealed = self
                    .ring
                    .seal(new.token.expose_secret().as_bytes(), &key.place())
                    .map_err(anyhow::Error::from)?;
                rows::store(&self.database, key, claim, &sealed, new.expires_at).await?;
                return Ok(Ok(Lent {
                    token: new.token,
                    expires_at: new.expires_at,
                }));
            }
            Ok(Err(error)) if key.actor.is_optional() && is_not_granted(&error) => {
                rows::refuse(&self.database, key, claim, NOT_ASKED_AGAIN).await?;
                return Err(scope_missing());
            }
            Ok(Err(error)) => error,
            Err(error) => {
                rows::give_back(&self.database, key, claim).await?;
                return Err(error);
            }
        };
        rows::give_back(&self.database, key, claim).await?;
        tracing::warn!(
            tenant = %key.connection.tenant,
            purpose = key.actor.as_str(),
            error = %error,
            "google gave no access token",
        );
        if let Some(fault) = fault(&error) {
            return old.map(Ok).ok_or(fault);
        }
        match error {
            GoogleError::AccessLost { why } if is_withdrawn(key, why) => Ok(Err(why)),
            _ => old.map(Ok).ok_or_else(|| unavailable(None)),
        }
    }

    /// Asks Google for a token: our own errors outside, Google's within.
    async fn mint(
        &self,
        key: TokenKey<'_>,
        now: DateTime<Utc>,
    ) -> Result<Result<AccessToken, GoogleError>, CommandError> {
        let connection = key.connection;
        match (connection.way, key.actor) {
            (Way::Consent, Actor::Own(_)) => self.refresh(connection, now).await,
            (Way::Consent, Actor::Booker(_)) => match self.offers.delegation() {
                Some(operator) => Ok(self.sign(operator, key, now).await),
                // The operator no longer offers it.
                None => Ok(Err(GoogleError::AccessLost {
                    why: AccessLostWhy::NotDelegated,
                })),
            },
            (Way::Key, _) => {
                let own = self.key(connection).await?;
                Ok(self.sign(&own, key, now).await)
            }
        }
    }

    /// A token by a signed statement.
    async fn sign(
        &self,
        account: &ServiceAccountKey,
        key: TokenKey<'_>,
        now: DateTime<Utc>,
    ) -> Result<AccessToken, GoogleError> {
        self.google
            .service_account_token(account, key.subject(), key.actor.scopes(), now)
            .await
    }

    /// A token by the refresh token; it serves every purpose that was granted.
    async fn refresh(
        &self,
        connection: &Connection,
        now: DateTime<Utc>,
    ) -> Result<Result<AccessToken, GoogleError>, CommandError> {
        let Some(offer) = self.offers.consent() else {
            tracing::error!("the section `consent` is empty, but a tenant is connected by it");
            return Err(unavailable(None));
        };
        let secret = self.secret(connection).await?;
        let token = text(&secret).map_err(|()| anyhow::anyhow!("the refresh token is no text"))?;
        let granted = match self.google.refresh(&offer.client, &token, now).await {
            Ok(granted) => granted,
            Err(error) => return Ok(Err(error)),
        };
        // Google tells with every token what it is good for (documented).
        if granted.scopes.is_empty() || consent_scopes::missing(&granted.scopes).is_empty() {
            return Ok(Ok(granted.access));
        }
        Ok(Err(GoogleError::AccessLost {
            why: AccessLostWhy::Withdrawn,
        }))
    }

    /// The connection's key.
    async fn key(&self, connection: &Connection) -> Result<ServiceAccountKey, CommandError> {
        let file = self.secret(connection).await?;
        let file = std::str::from_utf8(file.expose_secret()).map_err(anyhow::Error::from)?;
        Ok(ServiceAccountKey::parse(file).map_err(anyhow::Error::from)?)
    }

    /// The key file or the refresh token. One that an older sealing key sealed is sealed anew.
    pub(super) async fn secret(
        &self,
        connection: &Connection,
    ) -> Result<SecretSlice<u8>, CommandError> {
        let Some(sealed) = &connection.secret else {
            return Err(connections::not_connected(&connection.state));
        };
        let place = Connection::place(&connection.tenant);
        let secret = self
            .ring
            .open(sealed, &place)
            .map_err(anyhow::Error::from)?;
        if sealed.key_id != self.ring.current() {
            let anew = self
                .ring
                .seal(secret.expose_secret(), &place)
                .map_err(anyhow::Error::from)?;
            connections::reseal(&self.database, connection, &anew).await?;
        }
        Ok(secret)
    }
}

/// Whether a refusal says that the access was withdrawn. That Google does not take the operator's OAuth
/// client is the operator's trouble: it would lose every tenant at once, for a secret that was mistyped.
fn is_withdrawn(key: TokenKey<'_>, why: AccessLostWhy) -> bool {
    let by_consent = key.connection.way == Way::Consent && matches!(key.actor, Actor::Own(_));
    if by_consent && why == AccessLostWhy::ClientRefused {
        tracing::error!("google does not take the oauth client of section `consent`");
        return false;
    }
    true
}

/// `FAILED_PRECONDITION` `SCOPE_MISSING`: nothing is wrong with the connection.
fn scope_missing() -> CommandError {
    CommandError::precondition("SCOPE_MISSING")
}

/// Whether the token endpoint gives no token for this scope: `unauthorized_client` and `access_denied`
/// for one that is not delegated (documented), `invalid_scope` (observed).
fn is_not_granted(error: &GoogleError) -> bool {
    match error {
        GoogleError::AccessLost { why } => *why == AccessLostWhy::NotDelegated,
        GoogleError::Refused { reason, .. } => reason == "invalid_scope",
        _ => false,
    }
}

fn text(bytes: &SecretSlice<u8>) -> Result<SecretString, ()> {
    std::str::from_utf8(bytes.expose_secret())
        .map(SecretString::from)
        .map_err(drop)
}
