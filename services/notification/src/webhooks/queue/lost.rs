//! Rows that wait without a message that would come: it is lost, or not meant any more. The sweep publishes
//! a new one.

use std::time::Duration;

use roomsync_messages::DeliveryDue;
use sqlx::PgConnection;
use uuid::Uuid;

use super::message::publish_all;
use crate::log::append::interval;

/// Everything that the webhook has not taken is to be tried soon: the next sweep publishes it. Messages
/// that are under way are not meant any more.
pub async fn hurry(tx: &mut PgConnection, tenant: &str, webhook: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhook_objects.hurry
        UPDATE notification.webhook_objects w
        SET message_id = NULL,
            message_seen_at = 'epoch',
            failing_since = NULL
        FROM notification.objects o
        WHERE w.tenant_id = $1 AND w.webhook_id = $2
            AND o.tenant_id = w.tenant_id AND o.object_id = w.object_id
            AND o.last_version > w.delivered_version",
        tenant,
        webhook,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A row whose message is lost.
struct LostRow {
    tenant: String,
    webhook: Uuid,
    object: String,
}

/// Publishes anew for at most `limit` rows whose message nobody had in hand for so long. Answers how many.
pub async fn publish_lost(
    tx: &mut PgConnection,
    lost_after: Duration,
    limit: i64,
) -> Result<usize, sqlx::Error> {
    let lost = sqlx::query_as!(
        LostRow,
        "-- notification.webhook_objects.lost
        SELECT w.tenant_id AS tenant, w.webhook_id AS webhook, w.object_id AS object
        FROM notification.webhook_objects w
        JOIN notification.webhooks h USING (tenant_id, webhook_id)
        WHERE w.message_seen_at < now() - $1::interval AND h.enabled
        ORDER BY w.message_seen_at
        LIMIT $2
        FOR UPDATE OF w SKIP LOCKED",
        interval(lost_after),
        limit,
    )
    .fetch_all(&mut *tx)
    .await?;
    let message = |row: &LostRow| {
        Some(DeliveryDue {
            tenant: row.tenant.parse().ok()?,
            webhook: row.webhook,
            object: row.object.parse().ok()?,
        })
    };
    let messages: Vec<_> = lost.iter().filter_map(message).collect();
    publish_all(tx, &messages).await?;
    Ok(lost.len())
}
