//! Linking an object (R69, R72, R74): a pending link, a hint to sync-worker, nothing deleted.

use roomsync_domain::{LinkId, ObjectId, ResourceEmail, TenantId};
use sqlx::PgConnection;

use super::{
    LinkRow,
    pending::{again, already_linked, announce, read, resource_linked},
    store::{self, NewLink},
};
use crate::{access::connections, catalogue, gate, status::CommandError};

/// How often the rows are looked at again when others link and unlink at the same moment.
pub(super) const LOOKS: u32 = 3;

/// Links an object, or answers the link it has with this resource.
pub(super) async fn link_object(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    resource: &ResourceEmail,
) -> Result<LinkRow, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    for _ in 0..LOOKS {
        let rows = store::lock_of_object(&mut *tx, tenant, object).await?;
        if !rows.is_empty() {
            let row = wanted(rows, resource)?;
            return again(tx, tenant, object, row).await;
        }
        // Locked until the end, so that a deletion of the object sees the new link or forbids it.
        catalogue::lock_living(&mut *tx, tenant, object).await?;
        // A closing link keeps no row out of the table: whoever was faster is seen now.
        if store::has_link(&mut *tx, tenant, object).await? {
            continue;
        }
        connections::require_active(&mut *tx, tenant).await?;
        let new = NewLink {
            link: LinkId::new(),
            object,
            resource,
            replaces: None,
            opened_at: None,
        };
        if store::insert(&mut *tx, tenant, &new).await? {
            announce(&mut *tx, tenant, object, new.link).await?;
            return read(tx, tenant, new.link).await;
        }
        if let Some(owner) = store::of_resource(&mut *tx, tenant, resource).await?
            && owner.object_id != object.as_str()
        {
            return Err(resource_linked(owner));
        }
    }
    Err(CommandError::Aborted {
        reason: "OVERTAKEN",
    })
}

/// Of the links that the object has, the one with this resource. A link that is being taken down does
/// not come back: its calendar is closed first.
fn wanted(rows: Vec<LinkRow>, resource: &ResourceEmail) -> Result<LinkRow, CommandError> {
    let (mut same, mut others): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .partition(|row| resource.matches(&row.resource_email));
    match (same.pop(), others.pop()) {
        (Some(row), _) if !row.is_going() => Ok(row),
        (Some(row), _) | (None, Some(row)) => Err(already_linked(&row)),
        (None, None) => Err(CommandError::Aborted {
            reason: "OVERTAKEN",
        }),
    }
}
