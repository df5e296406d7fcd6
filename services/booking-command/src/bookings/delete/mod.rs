//! `BookingService.DeleteBooking`, and the refusal of edits.

use roomsync_domain::TenantId;
use roomsync_proto::booking::v1 as pb;
use tonic::Status;

use super::desk::Desk;

/// Ends a booking from Flexopus.
pub async fn delete_booking(
    _desk: &Desk,
    _tenant: &TenantId,
    _request: &pb::DeleteBookingRequest,
    _deadline: std::time::Duration,
) -> Result<pb::DeleteBookingResponse, Status> {
    Err(Status::unimplemented("DeleteBooking"))
}
