//! What became of a change that was sent: the receiver has it, or it does not. Only who holds the lease may
//! say so.

use std::time::Duration;

use roomsync_messages::DeliveryDue;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{next::Due, row::give_back};
use crate::log::append::interval;

/// The receiver has the change. `None`: the lease was somebody else's by then, and nothing is stored.
/// Otherwise how many versions were left out before it, because the log did not have them.
pub async fn taken(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    due: &Due,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"-- notification.webhook_objects.taken
        UPDATE notification.webhook_objects w
        SET delivered_version = $5,
            failing_since = NULL,
            replay_to = CASE WHEN w.replay_to > $5 THEN w.replay_to END
        FROM (
            SELECT delivered_version
            FROM notification.webhook_objects
            WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3
            FOR UPDATE
        ) before
        WHERE w.tenant_id = $1 AND w.webhook_id = $2 AND w.object_id = $3 AND w.lease = $4
        RETURNING $5 - before.delivered_version - 1 AS "skipped!""#,
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        due.lease,
        due.version,
    )
    .fetch_optional(tx)
    .await
}

/// What is to become of a change that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It is tried again.
    Again {
        /// It had not failed before.
        first: bool,
    },
    /// It has failed for too long: it waits for the next change of its object, or for a person.
    GivenUp,
    /// The lease was somebody else's by then, or another message stands for the row: that one goes on.
    NotOurs,
}

/// The receiver does not have the change. Where the row was hurried meanwhile, nothing but the lease is
/// touched: the sweep must find it.
pub async fn failed(
    tx: &mut PgConnection,
    message: &DeliveryDue,
    message_id: Uuid,
    lease: Uuid,
    patience: Duration,
) -> Result<Failed, sqlx::Error> {
    let row = sqlx::query!(
        r#"-- notification.webhook_objects.lock_leased
        SELECT message_id, failing_since IS NULL AS "first!",
            coalesce(failing_since <= now() - $5::interval, false) AS "given_up!"
        FROM notification.webhook_objects
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3 AND lease = $4
        FOR UPDATE"#,
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        lease,
        interval(patience),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        return Ok(Failed::NotOurs);
    };
    if row.message_id != Some(message_id) {
        give_back(tx, message, lease).await?;
        return Ok(Failed::NotOurs);
    }
    sqlx::query!(
        "-- notification.webhook_objects.failed
        UPDATE notification.webhook_objects
        SET failing_since = coalesce(failing_since, now()),
            message_id = CASE WHEN $4 THEN NULL ELSE message_id END,
            message_seen_at = CASE WHEN $4 THEN NULL ELSE now() END,
            lease = NULL,
            leased_until = NULL
        WHERE tenant_id = $1 AND webhook_id = $2 AND object_id = $3",
        message.tenant.as_str(),
        message.webhook,
        message.object.as_str(),
        row.given_up,
    )
    .execute(tx)
    .await?;
    Ok(if row.given_up {
        Failed::GivenUp
    } else {
        Failed::Again { first: row.first }
    })
}
