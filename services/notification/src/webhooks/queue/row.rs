//! What is written of a row whatever was sent: that its message was in hand, that it is leased or not, and
//! that it needs no message.

use std::time::Duration;

use roomsync_messages::DeliveryDue;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::log::append::interval;

/// The row's message was in hand, and perhaps somebody works on it now.
pub(super) async fn seen(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    lease: Option<(Uuid, Duration)>,
) -> Result<(), sqlx::Error> {
    let (lease, lease_for) = lease.unzip();
    sqlx::query!(
        "-- notification.webhook_objects.seen
        UPDATE notification.webhook_objects
        SET message_seen_at = now(),
            lease = $4,
            leased_until = now() + $5::interval
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        lease,
        lease_for.map(interval),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The row needs no message any more; it stands at least at this version.
pub(super) async fn rest(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhook_objects.rest
        UPDATE notification.webhook_objects
        SET delivered_version = greatest(delivered_version, $4),
            message_id = NULL,
            message_seen_at = NULL,
            failing_since = NULL,
            replay_to = CASE
                WHEN replay_to > greatest(delivered_version, $4) THEN replay_to
            END,
            lease = NULL,
            leased_until = NULL
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        version,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives a lease back without any news.
pub async fn give_back(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    lease: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.webhook_objects.give_back
        UPDATE notification.webhook_objects
        SET lease = NULL,
            leased_until = NULL
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3 AND lease = $4",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        lease,
    )
    .execute(tx)
    .await?;
    Ok(())
}
