//! Taking one link down (R79 and R80 for one object, D23). Giving up the link in use gives up the one
//! that was to take its place, too; giving up that one leaves the link in use as it is.

use roomsync_domain::{LinkId, ObjectId, TenantId};
use sqlx::PgConnection;

use super::{LinkRow, close, pending::read, store};
use crate::{gate, status::CommandError};

/// Closes a link; one that is closing or removed is answered as it is.
pub(super) async fn unlink_object(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<LinkRow, CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    // A link stays with its object for life, so this need not be locked yet.
    let object: ObjectId = read(&mut *tx, tenant, link)
        .await?
        .object_id
        .parse()
        .map_err(anyhow::Error::from)?;
    let rows = store::lock_of_object(&mut *tx, tenant, &object).await?;
    let replaces = |row: &LinkRow| row.replaces_link_id == Some(link.0);
    let going = rows
        .iter()
        .filter(|row| row.id() == link || replaces(row))
        .filter(|row| !row.is_going())
        .map(LinkRow::id)
        .collect::<Vec<_>>();
    close::close(&mut *tx, tenant, &object, &going).await?;
    give_up_address(&mut *tx, tenant, link).await?;
    read(tx, tenant, link).await
}

/// While the tenant disconnects its links are closing, or removed, and their addresses are to come back: not this
/// one's.
async fn give_up_address(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.links.give_up_address
        UPDATE booking.links
        SET keep_address = false
        WHERE tenant_id = $1
          AND (link_id = $2 OR replaces_link_id = $2)
          AND keep_address
        ",
        tenant.as_str(),
        link.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}
