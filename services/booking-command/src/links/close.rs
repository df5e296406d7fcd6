//! Taking links down: they become `closing`, sync-worker closes the calendar and reports it.

use roomsync_domain::{LinkId, LinkState, ObjectId, TenantId};
use roomsync_messages::{ChangedItem, LinkDue};
use roomsync_postgres::{Database, outbox};
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

/// Closes every link of a tenant that disconnects; their addresses are kept. One whose address was kept by an
/// earlier disconnecting, and that waits for the tenant to connect, stays as it is. Repeating it changes nothing.
pub async fn close_all_and_keep(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    let open = sqlx::query!(
        "
        -- booking.links.open_of_tenant
        SELECT link_id, object_id
        FROM booking.links
        WHERE tenant_id = $1
          AND state NOT IN ('closing', 'removed')
          AND reason IS DISTINCT FROM 'disconnected'
        ORDER BY object_id, link_id
        FOR NO KEY UPDATE
        ",
        tenant.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let ids: Vec<Uuid> = open.iter().map(|row| row.link_id).collect();
    sqlx::query!(
        "
        -- booking.links.keep_address
        UPDATE booking.links
        SET keep_address = true
        WHERE tenant_id = $1
          AND link_id = ANY($2)
        ",
        tenant.as_str(),
        &ids,
    )
    .execute(&mut *tx)
    .await?;
    for row in open {
        let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
        close(&mut *tx, tenant, &object, &[LinkId(row.link_id)]).await?;
    }
    Ok(())
}

/// The links of a tenant that are being taken down.
pub async fn closing(database: &Database, tenant: &TenantId) -> Result<Vec<LinkId>, CommandError> {
    let query = sqlx::query_scalar!(
        "
        -- booking.links.closing
        SELECT link_id
        FROM booking.links
        WHERE tenant_id = $1
          AND state = 'closing'
        ORDER BY object_id, link_id
        ",
        tenant.as_str(),
    )
    .fetch_all(database.pool());
    let ids = database.answer(query).await?;
    Ok(ids.into_iter().map(LinkId).collect())
}

/// Closes links of one object, whose rows are locked and not closing yet. One whose address was kept by a
/// disconnecting has no calendar that could be closed: it is removed at once.
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
    let closed = sqlx::query!(
        r#"
        -- booking.links.close
        WITH asked AS (
            SELECT link_id, reason IS NOT DISTINCT FROM 'disconnected' AS was_kept
            FROM booking.links
            WHERE tenant_id = $1
              AND link_id = ANY($2)
        )
        UPDATE booking.links AS link
        SET state = CASE WHEN was_kept THEN 'removed' ELSE 'closing' END,
            reason = NULL,
            removed_at = CASE WHEN was_kept THEN now() END
        FROM asked
        WHERE link.tenant_id = $1
          AND link.link_id = asked.link_id
        RETURNING link.link_id, was_kept AS "was_kept!"
        "#,
        tenant.as_str(),
        &ids,
    )
    .fetch_all(&mut *tx)
    .await?;
    let items = closed.iter().map(|row| ChangedItem::Link {
        link: LinkId(row.link_id),
        state: if row.was_kept {
            LinkState::Removed
        } else {
            LinkState::Closing
        },
        reason: None,
    });
    changes::publish(&mut *tx, tenant, object, items.collect(), None).await?;
    for row in closed.iter().filter(|row| !row.was_kept) {
        let link = LinkId(row.link_id);
        outbox::push(&mut *tx, &LinkDue { link }).await?;
    }
    Ok(())
}
