//! The rows of `booking.access_tokens`: the token, and the claim of whoever fetches a new one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_sealing::Sealed;
use sqlx::PgConnection;

use super::{
    connections::Connection,
    subject::{Actor, Purpose},
};
use crate::status::CommandError;

/// Whose token, what for.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenKey<'a> {
    pub(super) connection: &'a Connection,
    pub(super) actor: Actor<'a>,
}

impl TokenKey<'_> {
    fn tenant(&self) -> &str {
        self.connection.tenant.as_str()
    }

    pub(super) fn subject(&self) -> &str {
        match self.actor {
            Actor::Own(purpose) => self.connection.subject(purpose).as_str(),
            Actor::Booker(mail) => mail.as_str(),
        }
    }

    /// Where it is sealed for.
    pub(super) fn place(&self) -> String {
        format!(
            "token/{}/{}/{}",
            self.tenant(),
            self.actor.as_str(),
            self.subject()
        )
    }
}

/// A token that has not expired.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) sealed: Sealed,
    pub(super) expires_at: DateTime<Utc>,
    /// It need not be replaced yet.
    pub(super) is_fresh: bool,
}

/// The right to fetch a new token until then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) until: DateTime<Utc>,
    pub(super) now: DateTime<Utc>,
}

/// The stored token, unless it is about to expire.
pub(super) async fn get(
    database: &Database,
    key: TokenKey<'_>,
) -> Result<Option<Stored>, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.access_tokens.get
        SELECT sealed_token AS "sealed_token!", sealed_with AS "sealed_with!",
            expires_at AS "expires_at!", refresh_at > now() AS "is_fresh!"
        FROM booking.access_tokens
        WHERE tenant_id = $1
          AND purpose = $2
          AND subject = $3
          AND expires_at > now() + interval '10 seconds'
          AND sealed_token IS NOT NULL
        "#,
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
    )
    .fetch_optional(database.pool());
    let row = database.answer(query).await?;
    Ok(row.map(|row| Stored {
        sealed: Sealed {
            bytes: row.sealed_token,
            key_id: row.sealed_with,
        },
        expires_at: row.expires_at,
        is_fresh: row.is_fresh,
    }))
}

/// Claims the fetching of a new token, if one is due and nobody else is at it.
pub(super) async fn claim(
    database: &Database,
    key: TokenKey<'_>,
    lasts: Duration,
) -> Result<Option<Claim>, CommandError> {
    let query = sqlx::query!(
        r#"
        -- booking.access_tokens.claim
        INSERT INTO booking.access_tokens AS t (tenant_id, purpose, subject, refreshing_until)
        VALUES ($1, $2, $3, now() + interval '1 second' * $4::float8)
        ON CONFLICT (tenant_id, purpose, subject) DO UPDATE
        SET refreshing_until = excluded.refreshing_until
        WHERE (t.refreshing_until IS NULL OR t.refreshing_until < now())
          AND (t.refresh_at IS NULL OR t.refresh_at <= now())
        RETURNING refreshing_until AS "until!", now() AS "now!"
        "#,
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
        lasts.as_secs_f64(),
    )
    .fetch_optional(database.pool());
    let row = database.answer(query).await?;
    Ok(row.map(|row| Claim {
        until: row.until,
        now: row.now,
    }))
}

/// Stores a new token: replaced five minutes before its end, a short-lived one half-way.
pub(super) async fn store(
    database: &Database,
    key: TokenKey<'_>,
    claim: Claim,
    sealed: &Sealed,
    expires_at: DateTime<Utc>,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.access_tokens.store
        UPDATE booking.access_tokens
        SET sealed_token = $5,
            sealed_with = $6,
            minted_at = now(),
            refresh_at = greatest($7::timestamptz - interval '5 minutes', now() + ($7 - now()) / 2),
            expires_at = $7,
            refreshing_until = NULL
        WHERE tenant_id = $1
          AND purpose = $2
          AND subject = $3
          AND refreshing_until = $4
        ",
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
        claim.until,
        sealed.bytes,
        sealed.key_id,
        expires_at,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}

/// Gives a claim back after a failure; nobody tries again within a second.
pub(super) async fn give_back(
    database: &Database,
    key: TokenKey<'_>,
    claim: Claim,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.access_tokens.give_back
        UPDATE booking.access_tokens
        SET refreshing_until = now() + interval '1 second'
        WHERE tenant_id = $1
          AND purpose = $2
          AND subject = $3
          AND refreshing_until = $4
        ",
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
        claim.until,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}

/// Whether the purpose was refused a short while ago.
pub(super) async fn is_refused(
    database: &Database,
    key: TokenKey<'_>,
) -> Result<bool, CommandError> {
    let query = sqlx::query_scalar!(
        r#"
        -- booking.access_tokens.is_refused
        SELECT EXISTS (
            SELECT
            FROM booking.access_tokens
            WHERE tenant_id = $1
              AND purpose = $2
              AND subject = $3
              AND refused_until > now()
        ) AS "refused!"
        "#,
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
    )
    .fetch_one(database.pool());
    Ok(database.answer(query).await?)
}

/// Gives a claim back after Google refused the purpose, and remembers that for a while. The old token is
/// of no use either.
pub(super) async fn refuse(
    database: &Database,
    key: TokenKey<'_>,
    claim: Claim,
    lasts: Duration,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.access_tokens.refuse
        UPDATE booking.access_tokens
        SET sealed_token = NULL,
            sealed_with = NULL,
            expires_at = NULL,
            refresh_at = NULL,
            refreshing_until = NULL,
            refused_until = now() + interval '1 second' * $5::float8
        WHERE tenant_id = $1
          AND purpose = $2
          AND subject = $3
          AND refreshing_until = $4
        ",
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
        claim.until,
        lasts.as_secs_f64(),
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}

/// Rights were mended: what was refused is asked for again at once. A fetching that is under way may have
/// been answered before they were, so its answer does not count any more.
pub async fn forget_refusals(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.access_tokens.forget_refusals
        UPDATE booking.access_tokens
        SET refused_until = NULL,
            refreshing_until = NULL
        WHERE tenant_id = $1
          AND purpose = $2
        ",
        tenant.as_str(),
        Purpose::Settings.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Google refused the token: drops it, unless it is so new that the refusal was of the one before.
pub(super) async fn drop_refused(
    database: &Database,
    key: TokenKey<'_>,
) -> Result<bool, CommandError> {
    let query = sqlx::query!(
        "
        -- booking.access_tokens.drop_refused
        UPDATE booking.access_tokens
        SET sealed_token = NULL,
            sealed_with = NULL,
            expires_at = NULL,
            refresh_at = NULL
        WHERE tenant_id = $1
          AND purpose = $2
          AND subject = $3
          AND (minted_at IS NULL OR minted_at < now() - interval '5 seconds')
        ",
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected() == 1)
}

/// Drops a token that was sealed with a key we no longer have.
pub(super) async fn drop_unreadable(
    database: &Database,
    key: TokenKey<'_>,
    sealed_with: &str,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.access_tokens.drop_unreadable
        UPDATE booking.access_tokens
        SET sealed_token = NULL,
            sealed_with = NULL,
            expires_at = NULL,
            refresh_at = NULL
        WHERE tenant_id = $1
          AND purpose = $2
          AND subject = $3
          AND sealed_with = $4
        ",
        key.tenant(),
        key.actor.as_str(),
        key.subject(),
        sealed_with,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}
