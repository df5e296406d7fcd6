//! What the log's writer says: an object has changes that its tenant's webhooks have not taken.

use roomsync_domain::{ObjectId, TenantId};
use roomsync_messages::DeliveryDue;
use sqlx::PgConnection;
use uuid::Uuid;

use super::message::publish_all;

/// Changes of an object, from `version` on, are in the log: every webhook of the tenant gets its place,
/// and a message where none is under way.
pub async fn announce(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    version: i64,
) -> Result<(), sqlx::Error> {
    // A disabled webhook keeps its place too. The lock makes enabling wait for us, or us for it.
    let webhooks: Vec<Uuid> = sqlx::query_scalar!(
        r#"-- notification.webhook_objects.announce
        WITH hooks AS (
            SELECT tenant_id, webhook_id, enabled
            FROM notification.webhooks
            WHERE tenant_id = $1
            ORDER BY webhook_id
            FOR SHARE
        ), told AS (
            INSERT INTO notification.webhook_objects AS w
                (tenant_id, webhook_id, object_id, delivered_version, message_seen_at)
            SELECT tenant_id, webhook_id, $2, $3::bigint - 1, CASE WHEN enabled THEN now() END
            FROM hooks
            ON CONFLICT (tenant_id, webhook_id, object_id) DO UPDATE
            SET message_seen_at = excluded.message_seen_at,
                failing_since = NULL
            WHERE w.message_seen_at IS NULL AND excluded.message_seen_at IS NOT NULL
            RETURNING webhook_id, message_seen_at
        )
        SELECT webhook_id
        FROM told
        WHERE message_seen_at IS NOT NULL"#,
        tenant.as_str(),
        object.as_str(),
        version,
    )
    .fetch_all(&mut *tx)
    .await?;
    let messages: Vec<_> = webhooks
        .into_iter()
        .map(|webhook| DeliveryDue {
            tenant: tenant.clone(),
            webhook,
            object: object.clone(),
        })
        .collect();
    publish_all(tx, &messages).await
}
