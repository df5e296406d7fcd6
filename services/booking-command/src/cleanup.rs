//! Forgets old rows in batches, so that no transaction holds many locks for long. Every replica runs
//! it: rows another one is at are skipped.
//!
//! To forget more: one more statement like the others, called in [`sweep`].

use chrono::{DateTime, Utc};
use roomsync_postgres::Database;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::CleanupConfig;

/// Sweeps at intervals until the soft shutdown.
pub async fn run(database: Database, config: CleanupConfig, soft: CancellationToken) {
    let mut ticks = interval(config.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = soft.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = soft.cancelled() => return,
            swept = sweep(&database, config) => if let Err(error) = swept {
                tracing::warn!(error = %error, "old rows were not forgotten; next time again");
            }
        }
    }
}

/// Forgets everything that is old enough.
pub async fn sweep(database: &Database, config: CleanupConfig) -> Result<(), sqlx::Error> {
    let before = |keep: Duration| before(database, keep);
    let inbox = before(config.keep_inbox).await?;
    while forget_inbox(database, inbox, config.batch).await? == rows(config.batch) {}
    let changes = before(config.keep_changes).await?;
    while forget_changes(database, changes, config.batch).await? == rows(config.batch) {}
    // Nobody can answer them any more; the hour is for whoever is at one right now.
    let consents = before(Duration::from_hours(1)).await?;
    while forget_consents(database, consents, config.batch).await? == rows(config.batch) {}
    let requests = before(config.keep_requests).await?;
    while forget_requests(database, requests, config.batch).await? == rows(config.batch) {}
    let now = before(Duration::ZERO).await?;
    while forget_unknown_bookers(database, now, config.batch).await? == rows(config.batch) {}
    // Of subjects that are not used any more; each names an address. The hour is for whoever fetches one now.
    let tokens = before(Duration::from_hours(1)).await?;
    while forget_tokens(database, tokens, config.batch).await? == rows(config.batch) {}
    // Buckets fill within a minute: one that was not used for a day says nothing that a new one
    // would not say, and the longest closing is an hour.
    let buckets = before(Duration::from_hours(24)).await?;
    while forget_buckets(database, buckets, config.batch).await? == rows(config.batch) {}
    Ok(())
}

fn rows(batch: i64) -> u64 {
    u64::try_from(batch).unwrap_or(u64::MAX)
}

/// The instant so long ago, by PostgreSQL's clock.
async fn before(database: &Database, keep: Duration) -> Result<DateTime<Utc>, sqlx::Error> {
    let query = sqlx::query_scalar!(
        r#"
        -- booking.cleanup.before
        SELECT now() - interval '1 second' * $1::float8 AS "before!"
        "#,
        keep.as_secs_f64(),
    )
    .fetch_one(database.pool());
    database.answer(query).await
}

async fn forget_inbox(
    database: &Database,
    before: DateTime<Utc>,
    batch: i64,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "
        -- booking.cleanup.inbox
        DELETE FROM booking.inbox
        WHERE (message_id, consumer) IN (
            SELECT message_id, consumer
            FROM booking.inbox
            WHERE received_at < $1
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        ",
        before,
        batch,
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected())
}

async fn forget_changes(
    database: &Database,
    before: DateTime<Utc>,
    batch: i64,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "
        -- booking.cleanup.changes
        DELETE FROM booking.changes
        WHERE (tenant_id, object_id, version) IN (
            SELECT tenant_id, object_id, version
            FROM booking.changes
            WHERE changed_at < $1
            ORDER BY changed_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        ",
        before,
        batch,
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected())
}

async fn forget_consents(
    database: &Database,
    before: DateTime<Utc>,
    batch: i64,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "
        -- booking.cleanup.consents
        DELETE FROM booking.consents
        WHERE state_hash IN (
            SELECT state_hash
            FROM booking.consents
            WHERE expires_at < $1
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        ",
        before,
        batch,
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected())
}

async fn forget_tokens(
    database: &Database,
    before: DateTime<Utc>,
    batch: i64,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "
        -- booking.cleanup.access_tokens
        DELETE FROM booking.access_tokens
        WHERE (tenant_id, purpose, subject) IN (
            SELECT tenant_id, purpose, subject
            FROM booking.access_tokens
            WHERE coalesce(greatest(expires_at, refreshing_until, refused_until), '-infinity') < $1
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        ",
        before,
        batch,
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected())
}

async fn forget_buckets(
    database: &Database,
    before: DateTime<Utc>,
    batch: i64,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "
        -- booking.cleanup.buckets
        DELETE FROM booking.buckets
        WHERE bucket IN (
            SELECT bucket
            FROM booking.buckets
            WHERE refilled_at < $1
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        ",
        before,
        batch,
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected())
}

async fn forget_requests(
    database: &Database,
    before: DateTime<Utc>,
    batch: i64,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "
        -- booking.cleanup.create_requests
        DELETE FROM booking.create_requests
        WHERE (tenant_id, request_id) IN (
            SELECT tenant_id, request_id
            FROM booking.create_requests
            WHERE created_at < $1
            ORDER BY created_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        ",
        before,
        batch,
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected())
}

async fn forget_unknown_bookers(
    database: &Database,
    before: DateTime<Utc>,
    batch: i64,
) -> Result<u64, sqlx::Error> {
    let query = sqlx::query!(
        "
        -- booking.cleanup.unknown_bookers
        DELETE FROM booking.unknown_bookers
        WHERE (tenant_id, user_id) IN (
            SELECT tenant_id, user_id
            FROM booking.unknown_bookers
            WHERE until < $1
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )
        ",
        before,
        batch,
    )
    .execute(database.pool());
    let done = database.answer(query).await?;
    Ok(done.rows_affected())
}
