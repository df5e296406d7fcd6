//! `BookingService.GetBooking`: one booking, also one that has ended.

use roomsync_domain::{BookingId, TenantId};
use roomsync_postgres::Database;
use roomsync_proto::booking::v1 as pb;

use super::{Booking, record::Row, viewer::Viewer};
use crate::status::CommandError;

/// Answers the request for a tenant the caller may see.
pub async fn get_booking(
    database: &Database,
    tenant: &TenantId,
    request: &pb::GetBookingRequest,
) -> Result<pb::GetBookingResponse, CommandError> {
    let viewer = Viewer::read(request.viewer.as_ref())?;
    let booking = named(database, tenant, &request.booking_id).await?;
    Ok(pb::GetBookingResponse {
        booking: Some(booking.to_api(tenant, &viewer)),
    })
}

/// The booking that a request names. `INVALID_FIELD` `booking_id`, `NOT_FOUND` `BOOKING_NOT_FOUND`.
pub(super) async fn named(
    database: &Database,
    tenant: &TenantId,
    id: &str,
) -> Result<Booking, CommandError> {
    find(database, tenant, self::id(id)?)
        .await?
        .ok_or(CommandError::NotFound("BOOKING_NOT_FOUND"))
}

/// The id in a request. `INVALID_FIELD` `booking_id`.
pub(super) fn id(text: &str) -> Result<BookingId, CommandError> {
    text.parse()
        .map_err(|_| CommandError::invalid("booking_id", "the UUID of a booking"))
}

/// A booking by its id.
pub(super) async fn find(
    database: &Database,
    tenant: &TenantId,
    id: BookingId,
) -> Result<Option<Booking>, sqlx::Error> {
    let query = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.find
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause, placement, at_google, event_kept, google_write,
            object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
        ",
        tenant.as_str(),
        id.0,
    )
    .fetch_optional(database.pool());
    let row = database.answer(query).await?;
    row.map(Booking::try_from).transpose()
}
