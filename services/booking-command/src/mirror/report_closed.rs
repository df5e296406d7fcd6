//! `MirrorService.ReportClosed`: the calendar of a closing link is closed, nothing more will come.
//! The link is removed, and with it its live bookings end (R80 for one object).

use roomsync_domain::{Cause, Flags, LinkId, LinkState, TenantId};
use roomsync_messages::ChangedItem;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;
use sqlx::PgConnection;

use super::{locked_link::LockedLink, request::link_id, store};
use crate::{bookings::write, changes, status::CommandError};

/// Answers the request for a tenant the caller may see. A link that is unknown, not closing or
/// already removed stays as it is: closing a calendar twice is no fault.
pub async fn report_closed(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ReportClosedRequest,
) -> Result<pb::ReportClosedResponse, CommandError> {
    let link = link_id("link_id", &request.link_id)?;
    database
        .tx("report_closed", |tx| Box::pin(close(tx, tenant, link)))
        .await?;
    Ok(pb::ReportClosedResponse {})
}

async fn close(tx: &mut PgConnection, tenant: &TenantId, link: LinkId) -> Result<(), CommandError> {
    let Some(locked) = LockedLink::take(tx, tenant, link).await? else {
        return Ok(());
    };
    if locked.state != LinkState::Closing {
        return Ok(());
    }
    let object = changes::lock(tx, tenant, &locked.object).await?;
    let mut bookings = store::live_of_link(tx, tenant, link).await?;
    let mut items = Vec::with_capacity(bookings.len() + 1);
    for booking in &mut bookings {
        booking.state = booking.state.ended_by(Cause::LinkClosed);
        booking.cause = Some(Cause::LinkClosed);
        booking.flags = Flags::default();
        booking.stage(&object, &mut items);
    }
    write::update(tx, tenant, &bookings).await?;
    remove(tx, tenant, link).await?;
    items.push(ChangedItem::Link {
        link,
        state: LinkState::Removed,
        reason: None,
    });
    object.publish(tx, items, None).await?;
    Ok(())
}

async fn remove(tx: &mut PgConnection, tenant: &TenantId, link: LinkId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        -- booking.links.remove
        UPDATE booking.links
        SET state = 'removed',
            reason = NULL,
            capabilities = '{}',
            channel_state = 'none',
            channel_expires_at = NULL,
            removed_at = now()
        WHERE tenant_id = $1
          AND link_id = $2
        ",
        tenant.as_str(),
        link.0,
    )
    .execute(tx)
    .await?;
    Ok(())
}
