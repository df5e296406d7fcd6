//! `BookingService.UpdateBooking`: bookings of linked objects are edited in Google (R34).

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_proto::booking::v1 as pb;

use super::{get, record::EXTERNAL_PROVIDER};
use crate::status::CommandError;

/// Refuses the edit, whatever it is; of a booking that there is not, says that.
pub async fn update_booking(
    database: &Database,
    tenant: &TenantId,
    request: &pb::UpdateBookingRequest,
) -> Result<pb::UpdateBookingResponse, CommandError> {
    get::named(database, tenant, &request.booking_id).await?;
    Err(CommandError::Precondition {
        reason: "MANAGED_IN_GOOGLE",
        metadata: vec![("provider", EXTERNAL_PROVIDER.to_owned())],
    })
}
