//! Sending again: the places of a webhook are set back to where the log stood, and everything from there on is
//! sent as if it had never been taken. A row remembers where it was: until it is there again, the replay is
//! not through.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    log::{append::interval, tenants},
    stream::cursor,
};

/// From where on.
#[derive(Debug, Clone)]
pub enum From {
    /// After this cursor.
    Cursor(String),
    /// What was appended then or later.
    Time(DateTime<Utc>),
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// So many changes are sent again.
    Begun(i64),
    /// There is no such webhook.
    Unknown,
    /// It is disabled.
    Disabled,
    /// Another replay is not through.
    Running,
    /// The log does not reach back so far.
    Expired,
}

/// Sets the webhook's places back, unless a replay runs. The next sweep publishes the messages. `keep` is how
/// long the log keeps changes at least.
///
/// Whoever sends at this moment may finish the request, but no longer say that its change was taken: the lease
/// is nobody's from now on, and the row waits until it is over. So nothing overtakes that request.
pub async fn replay(
    tx: &mut PgConnection,
    tenant: &str,
    webhook: Uuid,
    from: &From,
    keep: Duration,
) -> Result<Replay, sqlx::Error> {
    // Before the lock: it may read much of a long log, and whoever appends waits for the lock.
    let after = position(tx, tenant, from, keep).await?;
    let enabled = sqlx::query_scalar!(
        "-- notification.webhooks.lock_for_replay
        SELECT enabled
        FROM notification.webhooks
        WHERE tenant_id = $1 AND webhook_id = $2
        FOR UPDATE",
        tenant,
        webhook,
    )
    .fetch_optional(&mut *tx)
    .await?;
    match enabled {
        None => return Ok(Replay::Unknown),
        Some(false) => return Ok(Replay::Disabled),
        Some(true) if runs(tx, tenant, webhook).await? => return Ok(Replay::Running),
        Some(true) => {}
    }
    let Some(after) = after else {
        return Ok(Replay::Expired);
    };
    let changes = set_back(tx, tenant, webhook, after).await?;
    Ok(changes.map_or(Replay::Expired, Replay::Begun))
}

/// Whether a replay is under way. To be asked in a statement of its own once the webhook is locked: one that waits
/// for a lock sees what was before. What has been given up is not under way.
async fn runs(tx: &mut PgConnection, tenant: &str, webhook: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- notification.webhook_objects.replay_runs
        SELECT EXISTS (
            SELECT
            FROM notification.webhook_objects w
            WHERE w.tenant_id = $1
                AND w.webhook_id = $2
                AND w.replay_to > w.delivered_version
                AND w.message_seen_at IS NOT NULL
        ) AS "runs!""#,
        tenant,
        webhook,
    )
    .fetch_one(tx)
    .await
}

/// The position after which everything is sent; `None` when something after it is no longer in the log.
async fn position(
    tx: &mut PgConnection,
    tenant: &str,
    from: &From,
    keep: Duration,
) -> Result<Option<i64>, sqlx::Error> {
    let log = tenants::find(&mut *tx, tenant).await?;
    let time = match (from, log) {
        (_, None) => return Ok(None),
        (From::Cursor(cursor), Some(log)) => {
            return Ok(cursor::decode(cursor, &log).ok());
        }
        (From::Time(time), Some(_)) => *time,
    };
    sqlx::query_scalar!(
        "-- notification.log.position_at
        SELECT CASE
            WHEN t.floor = 0 OR $2 >= least(now() - $3::interval, (
                SELECT l.appended_at
                FROM notification.log l
                WHERE l.tenant_id = t.tenant_id
                ORDER BY l.position
                LIMIT 1
            )) THEN coalesce((
                SELECT min(l.position) - 1
                FROM notification.log l
                WHERE l.tenant_id = t.tenant_id AND l.appended_at >= $2
            ), t.last_position)
        END
        FROM notification.tenants t
        WHERE t.tenant_id = $1",
        tenant,
        time,
        interval(keep),
    )
    .fetch_one(tx)
    .await
}

/// So many changes are sent again; `None`, and nothing is done, when the log has lost some of them meanwhile.
async fn set_back(
    tx: &mut PgConnection,
    tenant: &str,
    webhook: Uuid,
    after: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- notification.webhook_objects.set_back
        WITH whole AS (
            SELECT FROM notification.tenants WHERE tenant_id = $1 AND floor <= $3
        ), again AS (
            SELECT object_id, min(version) - 1 AS before, max(version) AS last, count(*) AS changes
            FROM notification.log
            WHERE tenant_id = $1 AND position > $3 AND EXISTS (SELECT FROM whole)
            GROUP BY object_id
        ), back AS (
            INSERT INTO notification.webhook_objects AS w
                (tenant_id, webhook_id, object_id, delivered_version, replay_to, message_seen_at)
            SELECT $1, $2, object_id, before, last, 'epoch'
            FROM again
            ORDER BY object_id
            ON CONFLICT (tenant_id, webhook_id, object_id) DO UPDATE
            SET delivered_version = least(w.delivered_version, excluded.delivered_version),
                -- One that was given up on the way has not reached its own end yet.
                replay_to = greatest(w.replay_to, CASE
                    WHEN w.delivered_version > excluded.delivered_version THEN w.delivered_version
                END),
                message_id = NULL,
                message_seen_at = 'epoch',
                failing_since = NULL,
                lease = CASE WHEN w.lease IS NOT NULL THEN gen_random_uuid() END
        )
        SELECT CASE
            WHEN EXISTS (SELECT FROM whole) THEN (SELECT coalesce(sum(changes), 0)::bigint FROM again)
        END"#,
        tenant,
        webhook,
        after,
    )
    .fetch_one(tx)
    .await
}
