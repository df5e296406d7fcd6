//! Forgetting old entries, in batches, so that no statement holds locks for long.

use std::time::Duration;

use sqlx::PgConnection;

use super::append::interval;

/// Deletes at most `limit` entries older than `keep` and raises the floors of their tenants: a
/// cursor below its floor is told so. Answers how many went.
///
/// Only one replica cleans at a time; the others find nothing to do.
pub async fn log(tx: &mut PgConnection, keep: Duration, limit: i64) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query_scalar!(
        r#"-- notification.log.cleanup
        WITH mine AS (
            SELECT pg_try_advisory_xact_lock(hashtext('notification.log.cleanup')) AS locked
        ), old AS (
            SELECT l.tenant_id, l.position
            FROM mine
            JOIN notification.log l ON mine.locked
            WHERE l.appended_at < now() - $1::interval
            ORDER BY l.appended_at
            LIMIT $2
        ), gone AS (
            DELETE FROM notification.log l
            USING old
            WHERE l.tenant_id = old.tenant_id AND l.position = old.position
            RETURNING l.tenant_id, l.position
        ), floors AS (
            SELECT tenant_id, max(position) AS floor
            FROM gone
            GROUP BY tenant_id
        ), raised AS (
            UPDATE notification.tenants t
            SET floor = greatest(t.floor, f.floor)
            FROM floors f
            WHERE t.tenant_id = f.tenant_id
        )
        SELECT count(*) AS "count!" FROM gone"#,
        interval(keep),
        limit,
    )
    .fetch_one(tx)
    .await?;
    Ok(gone.unsigned_abs())
}

/// Deletes at most `limit` inbox rows older than `keep`: a message redelivered after that is caught
/// by its version.
pub async fn inbox(tx: &mut PgConnection, keep: Duration, limit: i64) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query!(
        "-- notification.inbox.cleanup
        DELETE FROM notification.inbox
        WHERE (message_id, consumer) IN (
            SELECT message_id, consumer
            FROM notification.inbox
            WHERE received_at < now() - $1::interval
            ORDER BY received_at
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        )",
        interval(keep),
        limit,
    )
    .execute(tx)
    .await?;
    Ok(gone.rows_affected())
}
