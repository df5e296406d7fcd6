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
    connections::{self, Connection},
    lender::{Lender, fault, unavailable},
    subject::Purpose,
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
        let key = TokenKey {
            connection,
            purpose,
        };
        if purpose.is_optional() && rows::is_refused(&self.database, key).await? {
            return Err(scope_missing());
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stored = self.stored(key).await?;
            if let Some((lent, true)) = stored {
                return Ok(lent);
            }
            let lasts = self.google.config().timeout + CLAIM_MARGIN;
            if let Some(claim) = rows::claim(&self.database, key, lasts).await? {
                return self.fetch(key, claim, stored.map(|(lent, _)| lent)).await;
            }
            if let Some((old, _)) = stored {
                return Ok(old);
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
            purpose,
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
    ) -> Result<Lent, CommandError> {
        let connection = key.connection;
        match self.mint(key, claim.now).await {
            Ok(Ok(new)) => {
                let sealed = self
                    .ring
                    .seal(new.token.expose_secret().as_bytes(), &key.place())
                    .map_err(anyhow::Error::from)?;
                rows::store(&self.database, key, claim, &sealed, new.expires_at).await?;
                Ok(Lent {
                    token: new.token,
                    expires_at: new.expires_at,
                })
            }
            Ok(Err(error)) if key.purpose.is_optional() && is_not_granted(&error) => {
                rows::refuse(&self.database, key, claim, NOT_ASKED_AGAIN).await?;
                Err(scope_missing())
            }
            Ok(Err(error)) => {
                rows::give_back(&self.database, key, claim).await?;
                tracing::warn!(
                    tenant = %connection.tenant,
                    purpose = key.purpose.as_str(),
                    error = %error,
                    "google gave no access token",
                );
                if let Some(fault) = fault(&error) {
                    return old.ok_or(fault);
                }
                if let GoogleError::AccessLost { why } = error {
                    self.lose(connection, why).await?;
                    return Err(connections::not_connected("lost"));
                }
                old.ok_or_else(|| unavailable(None))
            }
            Err(error) => {
                rows::give_back(&self.database, key, claim).await?;
                Err(error)
            }
        }
    }

    /// Asks Google for a token: our own errors outside, Google's within.
    async fn mint(
        &self,
        key: TokenKey<'_>,
        now: DateTime<Utc>,
    ) -> Result<Result<AccessToken, GoogleError>, CommandError> {
        let service_account = self.key(key.connection).await?;
        let (subject, scopes) = (key.subject(), key.purpose.scopes());
        Ok(self
            .google
            .service_account_token(&service_account, subject, scopes, now)
            .await)
    }

    /// The connection's key. One that an older sealing key sealed is sealed anew.
    async fn key(&self, connection: &Connection) -> Result<ServiceAccountKey, CommandError> {
        let place = Connection::place(&connection.tenant);
        let file = self
            .ring
            .open(&connection.key, &place)
            .map_err(anyhow::Error::from)?;
        if connection.key.key_id != self.ring.current() {
            let anew = self
                .ring
                .seal(file.expose_secret(), &place)
                .map_err(anyhow::Error::from)?;
            connections::reseal(&self.database, connection, &anew).await?;
        }
        let file = std::str::from_utf8(file.expose_secret()).map_err(anyhow::Error::from)?;
        Ok(ServiceAccountKey::parse(file).map_err(anyhow::Error::from)?)
    }
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
