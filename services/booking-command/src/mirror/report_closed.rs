//! `MirrorService.ReportClosed`: the calendar of a closing link is closed, nothing more will come.
//! The link is removed, and with it all its bookings end, past ones too (R80 for one object). Persons leave them; what
//! analytics need is kept apart (D7).

use roomsync_domain::{
    Actor, Booker, BookingId, BookingState, Cause, Flags, GoogleWrite, LinkId, LinkState, TenantId,
};
use roomsync_messages::ChangedItem;
use roomsync_postgres::Database;
use roomsync_proto::internal::v1 as pb;
use sqlx::PgConnection;

use super::{locked_link::LockedLink, occupancy_facts, request::link_id, store};
use crate::{
    anonymise,
    bookings::{Booking, write},
    changes::{self, LockedObject},
    status::CommandError,
};

/// Answers the request for a tenant the caller may see. A link that is unknown, not closing or
/// already removed stays as it is: closing a calendar twice is no fault.
pub async fn report_closed(
    database: &Database,
    tenant: &TenantId,
    request: &pb::ReportClosedRequest,
) -> Result<pb::ReportClosedResponse, CommandError> {
    let link = link_id("link_id", &request.link_id)?;
    database
        .tx("report_closed", |tx| Box::pin(remove(tx, tenant, link)))
        .await?;
    Ok(pb::ReportClosedResponse {})
}

/// Removes a closing link.
pub(crate) async fn remove(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<(), CommandError> {
    let Some(locked) = LockedLink::take(tx, tenant, link).await? else {
        return Ok(());
    };
    if locked.state != LinkState::Closing {
        return Ok(());
    }
    let object = changes::lock(tx, tenant, &locked.object).await?;
    occupancy_facts::keep(tx, &object, link).await?;
    let persons = with_persons(tx, &object, link).await?;
    let mut bookings = store::live_of_link(tx, tenant, link).await?;
    let mut items = Vec::with_capacity(bookings.len() + 1);
    for booking in &mut bookings {
        let under_way = is_under_way(booking);
        booking.state = booking.state.ended_by(Cause::LinkClosed);
        booking.cause = Some(Cause::LinkClosed);
        booking.flags = Flags::default();
        if under_way {
            booking.stage(&object, &mut items);
            continue;
        }
        booking.google_write = None;
        if matches!(booking.details.booker, Booker::User { .. }) {
            booking.details.booker = Booker::Anonymous;
        }
        booking.stage(&object, &mut items);
    }
    write::update(tx, tenant, &bookings).await?;
    anonymise::persons_leave(tx, tenant, &persons).await?;
    mark_removed(tx, tenant, link).await?;
    items.push(ChangedItem::Link {
        link,
        state: LinkState::Removed,
        reason: None,
    });
    let object = object.by(Actor::System).forgetting(persons);
    object.publish(tx, items, None).await?;
    Ok(())
}

/// A request whose event may be on its way to Google at this moment. Nobody would own it there: whoever writes it
/// finds the request ended, and takes the event back.
fn is_under_way(booking: &Booking) -> bool {
    booking.state == BookingState::Requested && booking.google_write == Some(GoogleWrite::Insert)
}

/// Every booking with a person that the link ever had, but those about which Google has yet to be told something
/// although they end, or have ended: it could not be said without the person, who leaves with the end of the write.
async fn with_persons(
    tx: &mut PgConnection,
    object: &LockedObject,
    link: LinkId,
) -> Result<Vec<BookingId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "
        -- booking.bookings.with_persons_of_link
        SELECT booking_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND object_id = $3
          AND link_id = $2
          AND (google_write IS NULL OR state NOT IN ('removed', 'rejected'))
          AND NOT (state = 'requested' AND google_write IS NOT DISTINCT FROM 'insert')
          AND (
              booker_kind = 'user'
              OR organizer_mail IS NOT NULL
              OR title IS NOT NULL
              OR event_calendar IS NOT NULL
              OR declined_by_id IS NOT NULL AND declined_by_kind <> 'device'
          )
        ",
        object.tenant().as_str(),
        link.0,
        object.object().as_str(),
    )
    .fetch_all(tx)
    .await?;
    Ok(ids.into_iter().map(BookingId).collect())
}

async fn mark_removed(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        -- booking.links.remove
        UPDATE booking.links
        SET state = 'removed',
            reason = NULL,
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
