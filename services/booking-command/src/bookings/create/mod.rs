//! `BookingService.CreateBooking`.

use roomsync_domain::TenantId;
use roomsync_proto::booking::v1 as pb;
use tonic::Status;

use super::desk::Desk;

/// Books a linked object.
pub async fn create_booking(
    _desk: &Desk,
    _tenant: &TenantId,
    _request: &pb::CreateBookingRequest,
    _deadline: std::time::Duration,
) -> Result<pb::CreateBookingResponse, Status> {
    Err(Status::unimplemented("CreateBooking"))
}
