//! A link takes the place of another of its object (D23): the object's address was changed, and the new
//! calendar is imported. In that one transaction the old link becomes `closing`, its live bookings end,
//! and the import's begin, so that the object never looks free in between. Until then the old link went
//! on; from now on its listings are refused, and sync-worker closes its calendar.
//!
//! Links of one object are locked in the order of their ids, here and in `links/`. An older link has the
//! smaller id, so the one that is replaced comes first.

use roomsync_domain::{Cause, Flags, LinkId, LinkState, ObjectId, TenantId};
use roomsync_messages::ChangedItem;
use sqlx::PgConnection;

use super::{locked_link::LockedLink, occupancy_facts, store};
use crate::{bookings::write, changes::LockedObject, links, status::CommandError};

/// Locks the link whose place this one will take, if any. To be called before this one is locked.
pub(super) async fn lock_replaced(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<(), sqlx::Error> {
    let replaced = sqlx::query_scalar!(
        "
        -- booking.links.replaced_by
        SELECT replaces_link_id
        FROM booking.links
        WHERE tenant_id = $1
          AND link_id = $2
        ",
        tenant.as_str(),
        link.0,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(replaced) = replaced.flatten() {
        LockedLink::take(tx, tenant, LinkId(replaced)).await?;
    }
    Ok(())
}

/// Closes the link that is replaced, whose row is locked. One that is going already goes on doing so.
pub(super) async fn close(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    replaced: LinkId,
) -> Result<(), CommandError> {
    let link = LockedLink::take(tx, tenant, replaced).await?;
    let is_open =
        link.is_some_and(|link| !matches!(link.state, LinkState::Closing | LinkState::Removed));
    if is_open {
        links::close(tx, tenant, object, &[replaced]).await?;
    }
    Ok(())
}

/// Ends the live bookings of the link that is replaced; the items that say so are added to `items`.
pub(super) async fn end_bookings(
    tx: &mut PgConnection,
    object: &LockedObject,
    replaced: LinkId,
    items: &mut Vec<ChangedItem>,
) -> Result<(), sqlx::Error> {
    occupancy_facts::keep(tx, object, replaced).await?;
    let mut bookings = store::live_of_link(tx, object.tenant(), replaced).await?;
    for booking in &mut bookings {
        booking.state = booking.state.ended_by(Cause::LinkClosed);
        booking.cause = Some(Cause::LinkClosed);
        booking.flags = Flags::default();
        booking.stage(object, items);
    }
    write::update(tx, object.tenant(), &bookings).await
}
