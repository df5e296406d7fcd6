//! The rows of `notification.webhooks`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_sealing::Sealed;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::send::Refusal;
use crate::log::append::interval;

/// How many webhooks a tenant may have.
pub const MOST: i64 = 20;

/// A webhook, and how it does.
#[derive(Debug, Clone)]
pub struct Row {
    /// Which.
    pub webhook_id: Uuid,
    /// For people.
    pub name: String,
    /// Where to.
    pub url: String,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When a request was last answered with 2xx.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When one last was not.
    pub last_failure_at: Option<DateTime<Utc>>,
    /// What it was answered; empty while nothing is in trouble.
    pub last_failure: String,
    /// Objects with changes that it has not taken.
    pub objects_behind: i64,
    /// Objects that are being sent again.
    pub objects_replaying: i64,
    /// Since when it is disabled.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Why.
    pub disabled_because: String,
}

/// A webhook to be.
#[derive(Debug)]
pub struct New<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// Which.
    pub webhook: Uuid,
    /// For people.
    pub name: &'a str,
    /// Where to.
    pub url: &'a str,
    /// Its secret.
    pub secret: &'a Sealed,
}

/// Makes it; `false` when the tenant has too many. The tenant's row is locked, as it is by who appends:
/// what is appended after this commit is announced to it.
pub async fn create(tx: &mut PgConnection, new: &New<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "-- notification.tenants.lock
        SELECT FROM notification.tenants
        WHERE tenant_id = $1
        FOR UPDATE",
        new.tenant,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let made = sqlx::query!(
        "-- notification.webhooks.create
        INSERT INTO notification.webhooks (tenant_id, webhook_id, name, url, secret, sealed_with)
        SELECT $1, $2, $3, $4, $5, $6
        WHERE (SELECT count(*) FROM notification.webhooks WHERE tenant_id = $1) < $7",
        new.tenant,
        new.webhook,
        new.name,
        new.url,
        new.secret.bytes,
        new.secret.key_id,
        MOST,
    )
    .execute(tx)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// The tenant's webhooks, oldest first; or one of them.
pub async fn list(
    db: impl PgExecutor<'_>,
    tenant: &str,
    webhook: Option<Uuid>,
) -> Result<Vec<Row>, sqlx::Error> {
    // A failure is shown while it lasts: an object that is not taken, or a receiver that said farewell.
    sqlx::query_as!(
        Row,
        r#"-- notification.webhooks.list
        SELECT h.webhook_id, h.name, h.url, h.enabled, h.created_at, h.last_success_at,
            h.last_failure_at, p.behind AS "objects_behind!", p.replaying AS "objects_replaying!",
            CASE WHEN NOT h.enabled THEN h.disabled_at END AS disabled_at,
            CASE WHEN h.enabled THEN '' ELSE h.disabled_because END AS "disabled_because!",
            CASE WHEN p.failing OR NOT h.enabled THEN h.last_failure ELSE '' END AS "last_failure!"
        FROM notification.webhooks h
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE o.last_version > w.delivered_version) AS behind,
                count(*) FILTER (WHERE w.replay_to > w.delivered_version) AS replaying,
                coalesce(bool_or(w.failing_since IS NOT NULL), false) AS failing
            FROM notification.webhook_objects w
            JOIN notification.objects o USING (tenant_id, object_id)
            WHERE w.tenant_id = h.tenant_id AND w.webhook_id = h.webhook_id
        ) p
        WHERE h.tenant_id = $1 AND ($2::uuid IS NULL OR h.webhook_id = $2)
        ORDER BY h.created_at, h.webhook_id"#,
        tenant,
        webhook,
    )
    .fetch_all(db)
    .await
}

/// What is to change; absent fields stay.
#[derive(Debug, Clone, Copy, Default)]
pub struct Update<'a> {
    /// For people.
    pub name: Option<&'a str>,
    /// Where to.
    pub url: Option<&'a str>,
    /// Whether anything is sent.
    pub enabled: Option<bool>,
}

/// Changes it; `false` when the tenant has no such webhook. One that is enabled is no longer paused.
pub async fn update(
    tx: &mut PgConnection,
    tenant: &str,
    webhook: Uuid,
    update: &Update<'_>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "-- notification.webhooks.update
        UPDATE notification.webhooks
        SET name = coalesce($3, name),
            url = coalesce($4, url),
            enabled = coalesce($5, enabled),
            paused_until = CASE WHEN $5 OR $4 IS NOT NULL THEN NULL ELSE paused_until END,
            last_failure = CASE WHEN $5 THEN '' ELSE last_failure END,
            failing_since = CASE WHEN $5 OR $4 IS NOT NULL THEN NULL ELSE failing_since END,
            disabled_at = CASE
                WHEN $5 THEN NULL
                WHEN NOT $5 AND enabled THEN now()
                ELSE disabled_at
            END,
            disabled_because = CASE
                WHEN $5 THEN ''
                WHEN NOT $5 AND enabled THEN 'REQUESTED'
                ELSE disabled_because
            END
        WHERE tenant_id = $1 AND webhook_id = $2",
        tenant,
        webhook,
        update.name,
        update.url,
        update.enabled,
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives it another secret; the one before signs too for a day. `false` when there is no such webhook.
pub async fn rotate(
    db: impl PgExecutor<'_>,
    tenant: &str,
    webhook: Uuid,
    secret: &Sealed,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "-- notification.webhooks.rotate
        UPDATE notification.webhooks
        SET secret = $3,
            sealed_with = $4,
            old_secret = secret,
            old_sealed_with = sealed_with,
            old_until = now() + interval '1 day'
        WHERE tenant_id = $1 AND webhook_id = $2",
        tenant,
        webhook,
        secret.bytes,
        secret.key_id,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes it, and its places.
pub async fn delete(
    db: impl PgExecutor<'_>,
    tenant: &str,
    webhook: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhooks.delete
        DELETE FROM notification.webhooks
        WHERE tenant_id = $1 AND webhook_id = $2",
        tenant,
        webhook,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A request was answered with 2xx. To the second: the row is everybody's.
pub async fn succeeded(
    db: impl PgExecutor<'_>,
    tenant: &str,
    webhook: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhooks.succeeded
        UPDATE notification.webhooks
        SET last_success_at = now()
        WHERE tenant_id = $1 AND webhook_id = $2
            AND (
                last_success_at IS NULL
                OR last_success_at < now() - interval '1 second'
                OR last_success_at < failing_since
            )",
        tenant,
        webhook,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A request to this address was not. One that was answered with 410 is the last; one that was told when
/// to come back is, for every object, the last until then; and one before which nothing was taken for
/// `disable_after` is the last, too. What an address said that the webhook no longer has does not matter.
/// Answers why and since when it is disabled, if it is so by this.
///
/// Failing begins with the first failure after the last success. It ends with a success, with a person's word,
/// or when nothing waits any more (`dead::forget_recovered`).
pub async fn failed(
    db: impl PgExecutor<'_>,
    tenant: &str,
    webhook: Uuid,
    url: &str,
    refusal: Refusal,
    disable_after: Duration,
) -> Result<Option<Disabled>, sqlx::Error> {
    let row = sqlx::query!(
        "-- notification.webhooks.failed
        WITH before AS (
            SELECT enabled,
                CASE
                    WHEN failing_since >= coalesce(last_success_at, '-infinity') THEN failing_since
                    ELSE now()
                END AS since
            FROM notification.webhooks
            WHERE tenant_id = $1 AND webhook_id = $2 AND url = $6
            FOR UPDATE
        ), verdict AS (
            SELECT since,
                CASE
                    WHEN NOT enabled THEN NULL
                    WHEN $4 THEN 'GONE'
                    WHEN since <= now() - $7::interval THEN 'NOT_TAKING'
                END AS because
            FROM before
        )
        UPDATE notification.webhooks h
        SET last_failure_at = now(),
            last_failure = $3,
            failing_since = v.since,
            enabled = enabled AND v.because IS NULL,
            disabled_at = CASE WHEN v.because IS NULL THEN disabled_at ELSE now() END,
            disabled_because = coalesce(v.because, disabled_because),
            paused_until = greatest(paused_until, now() + $5::interval)
        FROM verdict v
        WHERE h.tenant_id = $1 AND h.webhook_id = $2
        RETURNING v.because, h.disabled_at",
        tenant,
        webhook,
        refusal.word(),
        refusal.is_farewell(),
        refusal.pause().map(interval),
        url,
        interval(disable_after),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(|row| {
        let (because, at) = row.because.zip(row.disabled_at)?;
        Some(Disabled { because, at })
    }))
}

/// A webhook that nothing is sent to until a person enables it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    /// `GONE` or `NOT_TAKING`.
    pub because: String,
    /// Since when.
    pub at: DateTime<Utc>,
}

/// A secret as it is stored.
#[derive(Debug)]
pub struct Stored {
    /// Whose.
    pub tenant_id: String,
    /// Which webhook's.
    pub webhook_id: Uuid,
    /// Sealed with an older key.
    pub secret: Vec<u8>,
    /// Which.
    pub sealed_with: String,
}

/// Forgets old secrets whose day is over. Answers how many.
pub async fn forget_old_secrets(db: impl PgExecutor<'_>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "-- notification.webhooks.forget_old_secrets
        UPDATE notification.webhooks
        SET old_secret = NULL,
            old_sealed_with = NULL,
            old_until = NULL
        WHERE old_until < now()",
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Some secrets that another key than this one sealed.
pub async fn sealed_with_another(
    db: impl PgExecutor<'_>,
    key_id: &str,
    limit: i64,
) -> Result<Vec<Stored>, sqlx::Error> {
    sqlx::query_as!(
        Stored,
        "-- notification.webhooks.sealed_with_another
        SELECT tenant_id, webhook_id, secret, sealed_with
        FROM notification.webhooks
        WHERE sealed_with <> $1
        LIMIT $2",
        key_id,
        limit,
    )
    .fetch_all(db)
    .await
}

/// Stores the same secret, sealed with another key, unless it was rotated meanwhile.
pub async fn seal_anew(
    db: impl PgExecutor<'_>,
    before: &Stored,
    sealed: &Sealed,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhooks.seal_anew
        UPDATE notification.webhooks
        SET secret = $4,
            sealed_with = $5
        WHERE tenant_id = $1 AND webhook_id = $2 AND secret = $3",
        before.tenant_id,
        before.webhook_id,
        before.secret,
        sealed.bytes,
        sealed.key_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many objects are behind, over all webhooks that are enabled.
pub async fn behind(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- notification.webhook_objects.behind
        SELECT count(*) AS "behind!"
        FROM notification.webhook_objects w
        JOIN notification.webhooks h USING (tenant_id, webhook_id)
        JOIN notification.objects o ON o.tenant_id = w.tenant_id AND o.object_id = w.object_id
        WHERE h.enabled AND o.last_version > w.delivered_version"#,
    )
    .fetch_one(db)
    .await
}
