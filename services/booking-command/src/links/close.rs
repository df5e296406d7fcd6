//! Taking links down: they become `closing`, sync-worker closes the calendar and reports it.

use roomsync_domain::{LinkId, LinkState, ObjectId, TenantId};
use roomsync_messages::{ChangedItem, LinkDue};
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use crate::{changes, status::CommandError};

/// Closes the links of these objects. Repeating it changes nothing.
pub async fn close_of_objects(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[String],
) -> Result<(), CommandError> {
    let closed = sqlx::query!(
        r#"
        -- booking.links.close_of_objects
        WITH locked AS MATERIALIZED (
            SELECT link_id
            FROM booking.links
            WHERE tenant_id = $1
              AND object_id = ANY($2)
              AND state NOT IN ('closing', 'removed')
            ORDER BY object_id
            FOR UPDATE
        ),
        closed AS (
            UPDATE booking.links
            SET state = 'closing',
                reason = NULL
            WHERE tenant_id = $1
              AND link_id IN (SELECT link_id FROM locked)
            RETURNING link_id, object_id
        )
        SELECT link_id AS "link_id!", object_id AS "object_id!"
        FROM closed
        ORDER BY object_id
        "#,
        tenant.as_str(),
        objects,
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in closed {
        let link = LinkId(row.link_id);
        let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
        let item = ChangedItem::Link {
            link,
            state: LinkState::Closing,
            reason: None,
        };
        changes::publish(&mut *tx, tenant, &object, vec![item], None).await?;
        outbox::push(&mut *tx, &LinkDue { link }).await?;
    }
    Ok(())
}
