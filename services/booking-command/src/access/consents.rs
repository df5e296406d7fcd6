//! The rows of `booking.consents`: questions to an administrator that were not answered yet.
//!
//! A state is good for one answer. It is claimed while the answer is looked into, used up by its success or
//! refusal, and free again when nothing was learned. Only its hash is stored: who reads the database cannot
//! answer in somebody's place.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_sealing::Sealed;
use sqlx::PgConnection;

use crate::status::CommandError;

/// How long an administrator may take.
const LASTS: Duration = Duration::from_mins(10);
/// How long looking into an answer may take: a crash frees the state again.
const CLAIM: Duration = Duration::from_mins(2);

/// How soon whoever finds a state in use may ask again.
const RETRY: Duration = Duration::from_secs(1);

/// A question to be stored.
#[derive(Debug)]
pub(super) struct NewConsent<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) state: &'a str,
    pub(super) nonce: &'a str,
    pub(super) verifier: &'a Sealed,
    pub(super) redirect_uri: &'a str,
}

/// A question whose answer has come.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) nonce: String,
    pub(super) verifier: Sealed,
    pub(super) redirect_uri: String,
    /// What its code was exchanged for already, by an earlier try.
    pub(super) grant: Option<Sealed>,
    pub(super) now: DateTime<Utc>,
    state_hash: Vec<u8>,
    until: DateTime<Utc>,
}

/// Where something of a state is sealed for.
pub(super) fn place(what: &str, tenant: &TenantId, state: &str) -> String {
    format!("consent/{what}/{tenant}/{}", hex::encode(hash(state)))
}

fn hash(state: &str) -> Vec<u8> {
    digest(&SHA256, state.as_bytes()).as_ref().to_vec()
}

/// Stores a question; answers until when it may be answered.
pub(super) async fn insert(
    database: &Database,
    new: &NewConsent<'_>,
) -> Result<DateTime<Utc>, CommandError> {
    let query = sqlx::query_scalar!(
        "
        -- booking.consents.insert
        INSERT INTO booking.consents (state_hash, tenant_id, nonce, sealed_verifier, sealed_with,
            redirect_uri, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + interval '1 second' * $7::float8)
        RETURNING expires_at
        ",
        hash(new.state),
        new.tenant.as_str(),
        new.nonce,
        new.verifier.bytes,
        new.verifier.key_id,
        new.redirect_uri,
        LASTS.as_secs_f64(),
    )
    .fetch_one(database.pool());
    Ok(database.answer(query).await?)
}

/// Claims the question of a state, if this tenant asked it and it can still be answered.
pub(super) async fn claim(
    database: &Database,
    tenant: &TenantId,
    state: &str,
) -> Result<Option<Claimed>, CommandError> {
    let state_hash = hash(state);
    let query = sqlx::query!(
        r#"
        -- booking.consents.claim
        UPDATE booking.consents
        SET claimed_until = now() + interval '1 second' * $3::float8
        WHERE state_hash = $1
          AND tenant_id = $2
          AND used_at IS NULL
          AND expires_at > now()
          AND (claimed_until IS NULL OR claimed_until < now())
        RETURNING nonce, sealed_verifier, sealed_with, redirect_uri, sealed_grant, grant_sealed_with,
            claimed_until AS "until!", now() AS "now!"
        "#,
        state_hash,
        tenant.as_str(),
        CLAIM.as_secs_f64(),
    )
    .fetch_optional(database.pool());
    let row = database.answer(query).await?;
    Ok(row.map(|row| Claimed {
        nonce: row.nonce,
        verifier: Sealed {
            bytes: row.sealed_verifier,
            key_id: row.sealed_with,
        },
        redirect_uri: row.redirect_uri,
        grant: row
            .sealed_grant
            .zip(row.grant_sealed_with)
            .map(|(bytes, key_id)| Sealed { bytes, key_id }),
        now: row.now,
        state_hash,
        until: row.until,
    }))
}

/// Why a state cannot be claimed: UNAVAILABLE `STATE_IN_USE` while somebody looks into its answer,
/// `FAILED_PRECONDITION` `STATE_UNKNOWN`.
pub(super) async fn refusal(
    database: &Database,
    tenant: &TenantId,
    state: &str,
) -> Result<CommandError, CommandError> {
    let query = sqlx::query_scalar!(
        r#"
        -- booking.consents.is_in_use
        SELECT EXISTS (
            SELECT
            FROM booking.consents
            WHERE state_hash = $1
              AND tenant_id = $2
              AND used_at IS NULL
              AND expires_at > now()
              AND claimed_until IS NOT NULL
        ) AS "in_use!"
        "#,
        hash(state),
        tenant.as_str(),
    )
    .fetch_one(database.pool());
    Ok(if database.answer(query).await? {
        CommandError::Unavailable {
            reason: "STATE_IN_USE",
            retry_after: RETRY,
        }
    } else {
        CommandError::precondition("STATE_UNKNOWN")
    })
}

/// Keeps what the code was exchanged for.
pub(super) async fn keep_grant(
    database: &Database,
    tenant: &TenantId,
    claimed: &Claimed,
    grant: &Sealed,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.consents.keep_grant
        UPDATE booking.consents
        SET sealed_grant = $3,
            grant_sealed_with = $4
        WHERE state_hash = $1
          AND tenant_id = $2
        ",
        claimed.state_hash,
        tenant.as_str(),
        grant.bytes,
        grant.key_id,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}

/// Nothing was learned: the state is free again.
pub(super) async fn release(
    database: &Database,
    tenant: &TenantId,
    claimed: &Claimed,
) -> Result<(), CommandError> {
    let query = sqlx::query!(
        "
        -- booking.consents.release
        UPDATE booking.consents
        SET claimed_until = NULL
        WHERE state_hash = $1
          AND tenant_id = $2
          AND claimed_until = $3
        ",
        claimed.state_hash,
        tenant.as_str(),
        claimed.until,
    )
    .execute(database.pool());
    database.answer(query).await?;
    Ok(())
}

/// Uses a state up, with what was kept of its answer; `false` when somebody else has overtaken this claim.
pub(super) async fn use_up(
    db: &mut PgConnection,
    tenant: &TenantId,
    claimed: &Claimed,
) -> Result<bool, CommandError> {
    let done = sqlx::query!(
        "
        -- booking.consents.use_up
        UPDATE booking.consents
        SET used_at = now(),
            claimed_until = NULL,
            sealed_grant = NULL,
            grant_sealed_with = NULL
        WHERE state_hash = $1
          AND tenant_id = $2
          AND claimed_until = $3
          AND used_at IS NULL
        ",
        claimed.state_hash,
        tenant.as_str(),
        claimed.until,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}
