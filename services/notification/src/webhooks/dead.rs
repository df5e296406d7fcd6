//! Receivers that take nothing for days. The request that fails after so long disables its webhook
//! (`store::failed`); this looks after those of which no request would come.
//!
//! A change is given up before its webhook is disabled, and then waits for the next one of its object. So that
//! a webhook without new changes is not called enabled for ever, everything is tried once more; and it is a
//! request that decides, not the time alone: we may have been away ourselves.

use std::time::Duration;

use sqlx::{PgConnection, PgExecutor};

use super::queue;
use crate::log::append::interval;

/// Tries everything once more of webhooks that have taken nothing for so long and have no message under way.
/// Answers how many.
pub async fn try_once_more(
    tx: &mut PgConnection,
    disable_after: Duration,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    let due = sqlx::query!(
        "-- notification.webhooks.try_once_more
        SELECT h.tenant_id, h.webhook_id
        FROM notification.webhooks h
        WHERE h.enabled
            AND h.failing_since <= now() - $1::interval
            AND h.failing_since >= coalesce(h.last_success_at, '-infinity')
            AND NOT EXISTS (
                SELECT
                FROM notification.webhook_objects w
                WHERE w.tenant_id = h.tenant_id AND w.webhook_id = h.webhook_id
                    AND w.message_seen_at IS NOT NULL
            )
            AND EXISTS (
                SELECT
                FROM notification.webhook_objects w
                JOIN notification.objects o USING (tenant_id, object_id)
                WHERE w.tenant_id = h.tenant_id AND w.webhook_id = h.webhook_id
                    AND o.last_version > w.delivered_version
            )
        ORDER BY h.tenant_id, h.webhook_id
        LIMIT $2
        FOR UPDATE OF h SKIP LOCKED",
        interval(disable_after),
        limit,
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &due {
        queue::hurry(tx, &row.tenant_id, row.webhook_id).await?;
    }
    Ok(due.len())
}

/// Nothing waits any more of these (it became too old for the log): their next failure is a first one.
pub async fn forget_recovered(db: impl PgExecutor<'_>) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "-- notification.webhooks.forget_recovered
        WITH recovered AS (
            SELECT h.tenant_id, h.webhook_id
            FROM notification.webhooks h
            WHERE h.failing_since IS NOT NULL
                AND NOT EXISTS (
                    SELECT
                    FROM notification.webhook_objects w
                    JOIN notification.objects o USING (tenant_id, object_id)
                    WHERE w.tenant_id = h.tenant_id AND w.webhook_id = h.webhook_id
                        AND o.last_version > w.delivered_version
                )
            ORDER BY h.tenant_id, h.webhook_id
            FOR UPDATE OF h SKIP LOCKED
        )
        UPDATE notification.webhooks h
        SET failing_since = NULL
        FROM recovered r
        WHERE h.tenant_id = r.tenant_id AND h.webhook_id = r.webhook_id",
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// How many webhooks are disabled for one of our reasons, and not by a person.
pub async fn disabled(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- notification.webhooks.disabled
        SELECT count(*) AS "disabled!"
        FROM notification.webhooks
        WHERE NOT enabled AND disabled_because IN ('GONE', 'NOT_TAKING')"#,
    )
    .fetch_one(db)
    .await
}
