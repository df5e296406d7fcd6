//! Linking an object (R69, R72, R74): a pending link, a hint to sync-worker, nothing deleted.

use roomsync_domain::{LinkId, LinkState, ObjectId, ResourceEmail, TenantId};
use roomsync_messages::{ChangedItem, LinkDue};
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use super::{LinkRow, store};
use crate::{access::connections, catalogue, changes, gate, status::CommandError};

/// How often the rows are looked at again when others link and unlink at the same moment.
const LOOKS: u32 = 3;

/// Links an object, or answers the link it has with this resource.
pub(super) async fn link_object(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    resource: &ResourceEmail,
) -> Result<LinkRow, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    for _ in 0..LOOKS {
        if let Some(row) = store::lock_of_object(&mut *tx, tenant, object).await? {
            return again(tx, tenant, object, resource, row).await;
        }
        // Locked until the end, so that a deletion of the object sees the new link or forbids it.
        catalogue::lock_living(&mut *tx, tenant, object).await?;
        connections::require_active(&mut *tx, tenant).await?;
        let link = LinkId::new();
        if store::insert(&mut *tx, tenant, object, resource, link).await? {
            due(tx, tenant, object, link).await?;
            return read(tx, tenant, link).await;
        }
        if let Some(owner) = store::object_of_resource(&mut *tx, tenant, resource).await?
            && owner != object.as_str()
        {
            return Err(CommandError::AlreadyExists {
                reason: "RESOURCE_ALREADY_LINKED",
                metadata: vec![("object_id", owner)],
            });
        }
    }
    Err(CommandError::Aborted {
        reason: "OVERTAKEN",
    })
}

/// The object has a link: with this resource it is answered, and tried again if it failed.
async fn again(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    resource: &ResourceEmail,
    row: LinkRow,
) -> Result<LinkRow, CommandError> {
    // A link that is being taken down does not come back: its calendar is closed first.
    if !resource.matches(&row.resource_email) || row.state() == Some(LinkState::Closing) {
        return Err(CommandError::AlreadyExists {
            reason: "OBJECT_ALREADY_LINKED",
            metadata: vec![("state", row.state.to_uppercase())],
        });
    }
    if row.state() != Some(LinkState::Failed) {
        return Ok(row);
    }
    connections::require_active(&mut *tx, tenant).await?;
    let link = LinkId(row.link_id);
    store::retry(&mut *tx, tenant, link).await?;
    due(tx, tenant, object, link).await?;
    read(tx, tenant, link).await
}

async fn due(
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

async fn read(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<LinkRow, CommandError> {
    store::get(tx, tenant, link)
        .await?
        .ok_or(CommandError::NotFound("LINK_NOT_FOUND"))
}
