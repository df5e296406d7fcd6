//! Changing the address of a linked object (D23): the new address gets a link of its own, which is
//! verified and imported while the old one goes on. The import's transaction puts the new one in the
//! old one's place (`mirror::apply`), so the object never looks free in between.
//!
//! The object was handed over to Google with the first link: the new one takes that over, now if it has
//! happened, or when the old one's reset is acknowledged (`acknowledge_reset.rs`).

use roomsync_domain::{LinkId, ObjectId, ResourceEmail, TenantId};
use sqlx::PgConnection;

use super::{
    LinkRow,
    link_object::LOOKS,
    pending::{again, already_linked, announce, read, resource_linked},
    store::{self, NewLink},
};
use crate::{access::connections, catalogue, gate, status::CommandError};

/// Gives a linked object another address, or answers the link it has with this one.
pub(super) async fn change_resource(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    resource: &ResourceEmail,
) -> Result<LinkRow, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    for _ in 0..LOOKS {
        let rows = store::lock_of_object(&mut *tx, tenant, object).await?;
        catalogue::lock_living(&mut *tx, tenant, object).await?;
        let same = |row: &&LinkRow| resource.matches(&row.resource_email);
        if let Some(row) = rows.iter().find(same) {
            return if row.is_going() {
                Err(already_linked(row))
            } else {
                again(tx, tenant, object, row.clone()).await
            };
        }
        let open = || rows.iter().filter(|row| !row.is_going());
        if let Some(row) = open().find(|row| row.replaces_link_id.is_some()) {
            return Err(CommandError::Precondition {
                reason: "CHANGE_UNDER_WAY",
                metadata: vec![("link_id", row.link_id.to_string())],
            });
        }
        let old = open().find(|row| row.replaces_link_id.is_none());
        let old = old.ok_or(CommandError::NotFound("LINK_NOT_FOUND"))?;
        connections::require_active(&mut *tx, tenant).await?;
        let new = NewLink {
            link: LinkId::new(),
            object,
            resource,
            replaces: Some(old.id()),
            opened_at: old.opened_at,
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
