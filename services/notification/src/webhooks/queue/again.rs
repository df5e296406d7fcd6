//! One change that is sent again, once and out of turn: no place moves by it.

use roomsync_messages::ObjectChanged;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::next::{Letter, where_to};

/// Whether a change can be sent again.
#[derive(Debug)]
pub enum Again {
    /// It can.
    Letter(Box<Letter>),
    /// There is no such webhook.
    UnknownWebhook,
    /// The webhook is disabled.
    Disabled,
    /// The receiver asked to be left alone for so many seconds more.
    Paused(f64),
    /// The log does not have it.
    UnknownChange,
    /// It waits to be sent: now it would overtake others.
    Waits,
}

/// Looks it up. There is no index by change: a person asks for this, and a tenant's log is read through in
/// well under a second.
pub async fn again(
    tx: &mut PgConnection,
    tenant: &str,
    webhook: Uuid,
    change_id: &str,
) -> Result<Again, sqlx::Error> {
    let Some(to) = where_to(&mut *tx, tenant, webhook).await? else {
        return Ok(Again::UnknownWebhook);
    };
    if !to.enabled {
        return Ok(Again::Disabled);
    }
    if let Some(seconds) = to.paused_for {
        return Ok(Again::Paused(seconds));
    }
    let change = sqlx::query!(
        r#"-- notification.log.find_change
        SELECT l.body AS "body: Json<ObjectChanged>",
            coalesce(l.version > w.delivered_version, false) AS "waits!"
        FROM notification.log l
        LEFT JOIN notification.webhook_objects w
            ON w.tenant_id = l.tenant_id AND w.webhook_id = $2 AND w.object_id = l.object_id
        WHERE l.tenant_id = $1 AND l.change_id = $3
        ORDER BY l.position
        LIMIT 1"#,
        tenant,
        webhook,
        change_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(match change {
        None => Again::UnknownChange,
        Some(change) if change.waits => Again::Waits,
        Some(change) => Again::Letter(Box::new(to.letter(change_id.to_owned(), change.body.0))),
    })
}
