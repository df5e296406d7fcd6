//! Taking links down: they become `closing`, sync-worker closes the calendar and reports it.

use roomsync_domain::{LinkId, LinkState, ObjectId, TenantId};
use roomsync_messages::{ChangedItem, LinkDue};
use roomsync_postgres::outbox;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{changes, status::CommandError};

/// Closes every link of these objects. Repeating it changes nothing.
pub async fn close_of_objects(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[String],
) -> Result<(), CommandError> {
    let open = sqlx::query!(
        "
        -- booking.links.open_of_objects
        SELECT link_id, object_id
        FROM booking.links
        WHERE tenant_id = $1
          AND object_id = ANY($2)
          AND state NOT IN ('closing', 'removed')
        ORDER BY object_id, link_id
        FOR NO KEY UPDATE
        ",
        tenant.as_str(),
        objects,
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in open {
        let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
        close(&mut *tx, tenant, &object, &[LinkId(row.link_id)]).await?;
    }
    Ok(())
}

/// Closes links of one object, whose rows are locked and not closing yet.
pub async fn close(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    links: &[LinkId],
) -> Result<(), CommandError> {
    if links.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = links.iter().map(|link| link.0).collect();
    sqlx::query!(
        "
        -- booking.links.close
        UPDATE booking.links
        SET state = 'closing',
            reason = NULL
        WHERE tenant_id = $1
          AND link_id = ANY($2)
        ",
        tenant.as_str(),
        &ids,
    )
    .execute(&mut *tx)
    .await?;
    let closing = links.iter().map(|link| ChangedItem::Link {
        link: *link,
        state: LinkState::Closing,
        reason: None,
    });
    changes::publish(&mut *tx, tenant, object, closing.collect(), None).await?;
    for link in links {
        outbox::push(&mut *tx, &LinkDue { link: *link }).await?;
    }
    Ok(())
}
