//! Publishing the message that stands for a row: through the outbox, and the row remembers which it is.

use std::time::Duration;

use roomsync_messages::DeliveryDue;
use roomsync_postgres::outbox;
use sqlx::PgConnection;

/// Publishes a message for each of these rows at once. A few statements however many they are: whoever
/// appends holds the tenant's log meanwhile.
pub(super) async fn publish_all(
    tx: &mut PgConnection,
    messages: &[DeliveryDue],
) -> Result<(), sqlx::Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let ids = outbox::push_all(&mut *tx, messages).await?;
    let tenants: Vec<_> = messages.iter().map(|it| it.tenant.to_string()).collect();
    let webhooks: Vec<_> = messages.iter().map(|it| it.webhook).collect();
    let objects: Vec<_> = messages.iter().map(|it| it.object.to_string()).collect();
    sqlx::query!(
        "-- notification.webhook_objects.publish_all
        UPDATE notification.webhook_objects w
        SET message_id = m.message_id,
            message_seen_at = now()
        FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[])
            AS m (tenant_id, webhook_id, object_id, message_id)
        WHERE w.tenant_id = m.tenant_id AND w.webhook_id = m.webhook_id
            AND w.object_id = m.object_id",
        &tenants,
        &webhooks,
        &objects,
        &ids,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Publishes a message for a row, which is the row's one message from now on. Somebody who sends under an
/// earlier one goes on undisturbed: the new one waits for the end of the lease.
pub async fn publish(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    after: Duration,
) -> Result<(), sqlx::Error> {
    let message_id = outbox::push_after(tx, message, after).await?;
    sqlx::query!(
        "-- notification.webhook_objects.publish
        UPDATE notification.webhook_objects
        SET message_id = $4,
            message_seen_at = now()
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        message_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}
