//! A link that waits for its verification: how subscribers and sync-worker hear of it.

use roomsync_domain::{LinkId, LinkState, ObjectId, TenantId};
use roomsync_messages::{ChangedItem, LinkDue};
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use super::{LinkRow, store};
use crate::{access::connections, changes, status::CommandError};

/// Tells subscribers that a link is pending, and sync-worker that it is due.
pub(super) async fn announce(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    link: LinkId,
) -> Result<(), CommandError> {
    let pending = ChangedItem::Link {
        link,
        state: LinkState::Pending,
        reason: None,
    };
    changes::publish(&mut *tx, tenant, object, vec![pending], None).await?;
    outbox::push(tx, &LinkDue { link }).await?;
    Ok(())
}

/// The link there is already is the one that is wanted: it is answered, and tried again if it failed.
pub(super) async fn again(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    row: LinkRow,
) -> Result<LinkRow, CommandError> {
    if row.state() != Some(LinkState::Failed) {
        return Ok(row);
    }
    connections::require_active(&mut *tx, tenant).await?;
    store::retry(&mut *tx, tenant, row.id()).await?;
    announce(tx, tenant, object, row.id()).await?;
    read(tx, tenant, row.id()).await
}

/// A link that is known to be there.
pub(super) async fn read(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<LinkRow, CommandError> {
    store::get(tx, tenant, link)
        .await?
        .ok_or(CommandError::NotFound("LINK_NOT_FOUND"))
}

/// `ALREADY_EXISTS` `OBJECT_ALREADY_LINKED`, with the state of the link in the way.
pub(super) fn already_linked(row: &LinkRow) -> CommandError {
    CommandError::AlreadyExists {
        reason: "OBJECT_ALREADY_LINKED",
        metadata: vec![("state", row.state.to_uppercase())],
    }
}

/// `ALREADY_EXISTS` `RESOURCE_ALREADY_LINKED`, with the object that has it.
pub(super) fn resource_linked(row: LinkRow) -> CommandError {
    CommandError::AlreadyExists {
        reason: "RESOURCE_ALREADY_LINKED",
        metadata: vec![("object_id", row.object_id)],
    }
}
