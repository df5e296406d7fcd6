//! `BookingService.DeleteBooking`: ending a booking from Flexopus.
//!
//! What becomes of it is said by [`roomsync_domain::policy`]. One transaction under the object's lock stores
//! that, with what Google has to be told and the message that makes sure of it ([`begin`]); the writing
//! itself goes on in a task of the process, whether the caller waits or not, and any replica can take it
//! over. Who asks again waits with who asked first.

mod begin;
mod read;
mod store;

use roomsync_domain::{BookingId, BookingState, TenantId};
use roomsync_proto::booking::v1 as pb;
use tokio::time::Instant;

use self::begin::Begun;
use super::{Booking, desk::Desk, locks, viewer::Viewer};
use crate::{gate, status::CommandError};

/// Ends a booking from Flexopus, and waits until then for Google.
pub async fn delete_booking(
    desk: &Desk,
    tenant: &TenantId,
    request: &pb::DeleteBookingRequest,
    deadline: Instant,
) -> Result<pb::DeleteBookingResponse, CommandError> {
    let asked = &read::asked(request)?;
    gate::module(&desk.database, tenant).await?;
    let begun = desk
        .database
        .tx("delete_booking", |tx| {
            Box::pin(begin::begin(tx, tenant, asked, deadline))
        })
        .await
        .map_err(locks::busy)?;
    let booking = match begun {
        Begun::Ended(booking) => booking,
        Begun::Withdrawn(booking) => {
            desk.try_now(tenant, booking.id);
            booking
        }
        Begun::Declining(booking) => {
            desk.try_now(tenant, booking.id);
            settled(desk, tenant, booking, deadline).await?
        }
    };
    Ok(pb::DeleteBookingResponse {
        booking: Some(booking.to_api(tenant, &Viewer::Everything)),
    })
}

/// The booking once Google has answered, or as it is at the deadline. `FAILED_PRECONDITION`
/// `DECLINE_REFUSED` when Google did not let us.
async fn settled(
    desk: &Desk,
    tenant: &TenantId,
    booking: Booking,
    deadline: Instant,
) -> Result<Booking, CommandError> {
    let is_settled = |booking: &Booking| booking.state != BookingState::Declining;
    let booking = desk
        .wait_until(tenant, booking, deadline, is_settled)
        .await?;
    match booking.state {
        BookingState::Confirmed | BookingState::Pending => {
            Err(CommandError::precondition("DECLINE_REFUSED"))
        }
        _ => Ok(booking),
    }
}

/// What a request asks for, checked.
#[derive(Debug)]
struct Asked {
    booking: BookingId,
    actor: roomsync_domain::Actor,
    series: bool,
}
