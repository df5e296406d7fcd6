//! The end of the hand-over (D5): the main app deleted its own future bookings, the object is open.

use roomsync_domain::{LinkId, LinkState, ObjectId, TenantId};
use roomsync_messages::ChangedItem;
use sqlx::PgConnection;

use super::{LinkRow, pending::read, store};
use crate::{changes, gate, status::CommandError};

/// Opens the object of an imported link; repeating it changes nothing.
pub(super) async fn acknowledge_reset(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<LinkRow, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    let row = store::lock(&mut *tx, tenant, link).await?;
    let row = row.ok_or(CommandError::NotFound("LINK_NOT_FOUND"))?;
    if row.is_going() {
        return Err(CommandError::precondition("LINK_REMOVED"));
    }
    if row.imported_at.is_none() {
        return Err(CommandError::precondition("NOT_IMPORTED"));
    }
    if row.opened_at.is_some() {
        return Ok(row);
    }
    open(&mut *tx, tenant, link).await?;
    let object: ObjectId = row.object_id.parse().map_err(anyhow::Error::from)?;
    // The state is as it was; subscribers that follow the hand-over hear that it is over.
    let item = ChangedItem::Link {
        link,
        state: row.state().unwrap_or(LinkState::Verified),
        reason: row.reason,
    };
    changes::publish(&mut *tx, tenant, &object, vec![item], None).await?;
    read(tx, tenant, link).await
}

/// With a link also the one that will take its place: a change of address is no new hand-over.
async fn open(tx: &mut PgConnection, tenant: &TenantId, link: LinkId) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.links.acknowledge
        UPDATE booking.links
        SET opened_at = now()
        WHERE tenant_id = $1
          AND (link_id = $2 OR replaces_link_id = $2)
          AND opened_at IS NULL
        ",
        tenant.as_str(),
        link.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}
