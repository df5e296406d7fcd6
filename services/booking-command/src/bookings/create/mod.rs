//! `BookingService.CreateBooking`: a booking made in Flexopus.
//!
//! One transaction under the object's lock stores the request, what Google has to be told, and the message
//! that makes sure of it (`begin.rs`); the writing goes on in a task of the process, whether the caller
//! waits or not, and any replica can take it over. The same request id means the same booking, also when two
//! calls come at once. Of two requests for one slot one wins, by a constraint of the database.

mod alternatives;
mod begin;
mod request;
mod store;

use roomsync_domain::{BookingState, Cause, TenantId, TimeWindow};
use roomsync_postgres::constraint;
use roomsync_proto::booking::v1 as pb;
use tokio::time::{Instant, timeout_at};

use self::{begin::Begun, request::Asked, store::Facts};
use super::{Booking, desk::Desk, locks, viewer::Viewer};
use crate::{access::google_unavailable, status::CommandError, writing};

/// How often the same request id may come in at once: whoever loses finds the winner's booking.
const ROUNDS: usize = 3;
/// The constraint that lets one request have a slot.
const ONE_PER_SLOT: &str = "bookings_tenant_id_object_id_held_excl";
/// The key that lets a request id have one booking.
const ONE_PER_REQUEST: &str = "create_requests_pkey";

/// Books a linked object, and waits until then for the room's answer.
pub async fn create_booking(
    desk: &Desk,
    tenant: &TenantId,
    request: &pb::CreateBookingRequest,
    deadline: Instant,
) -> Result<pb::CreateBookingResponse, CommandError> {
    let asked = Asked::read(request)?;
    let booking = match begun(desk, tenant, &asked, deadline).await? {
        Begun::New(booking) => {
            desk.try_now(tenant, booking.id);
            booking
        }
        Begun::Again(booking) => booking,
    };
    let booking = desk
        .wait_until(tenant, booking, deadline, is_settled)
        .await?;
    let alternative_object_ids = if is_lost_to_others(&booking) {
        free_instead(desk, tenant, &asked, deadline).await?
    } else {
        Vec::new()
    };
    Ok(pb::CreateBookingResponse {
        booking: Some(booking.to_api(tenant, &Viewer::Everything)),
        alternative_object_ids,
    })
}

/// Whether waiting longer may be of no use: the room has answered, will not in time, or has to be asked by a human.
fn is_settled(booking: &Booking) -> bool {
    match booking.state {
        BookingState::Requested => false,
        BookingState::Pending => booking.flags.awaiting_approval,
        _ => true,
    }
}

fn is_lost_to_others(booking: &Booking) -> bool {
    let lost = [
        Cause::RoomDeclined,
        Cause::RoomDeclinedWhileFree,
        Cause::SlotTaken,
    ];
    booking.state == BookingState::Rejected && booking.cause.is_some_and(|it| lost.contains(&it))
}

async fn begun(
    desk: &Desk,
    tenant: &TenantId,
    asked: &Asked,
    deadline: Instant,
) -> Result<Begun, CommandError> {
    for _ in 0..ROUNDS {
        let facts = match desk.database.answer(read(desk, tenant, asked)).await? {
            Before::Again(booking) => return Ok(Begun::Again(booking)),
            Before::New(facts) => facts,
        };
        asked.check_times(facts.now)?;
        facts.check(asked)?;
        if facts.is_beyond_horizon(asked.window) {
            look_live(desk, tenant, asked, &facts, deadline).await?;
        }
        let give_up_after = desk.config.give_up_after;
        let turn = desk.turns.wait(tenant, &asked.object, deadline).await;
        let turn = turn.ok_or_else(locks::object_busy)?;
        let begun = desk
            .database
            .tx("create_booking", |tx| {
                Box::pin(begin::begin(tx, tenant, asked, deadline, give_up_after))
            })
            .await;
        drop(turn);
        match begun.map_err(locks::busy) {
            Ok(Some(begun)) => return Ok(begun),
            Ok(None) => return Err(slot_taken(desk, tenant, asked, deadline).await?),
            Err(CommandError::Database(error)) => match constraint(&error) {
                Some(ONE_PER_SLOT) => {
                    return Err(slot_taken(desk, tenant, asked, deadline).await?);
                }
                Some(ONE_PER_REQUEST) => {}
                _ => return Err(error.into()),
            },
            Err(error) => return Err(error),
        }
    }
    Err(CommandError::Aborted {
        reason: "REQUEST_ID_IN_USE",
    })
}

/// What is known before anything is stored.
enum Before {
    /// The request was stored before.
    Again(Booking),
    New(Facts),
}

async fn read(desk: &Desk, tenant: &TenantId, asked: &Asked) -> Result<Before, CommandError> {
    let mut connection = desk.database.pool().acquire().await?;
    if let Some(booking) = begin::again(&mut connection, tenant, asked).await? {
        return Ok(Before::Again(booking));
    }
    let facts = store::facts(&mut connection, tenant, asked).await?;
    Ok(Before::New(facts))
}

/// Beyond the horizon the mirror knows nothing: Google is asked (D14).
async fn look_live(
    desk: &Desk,
    tenant: &TenantId,
    asked: &Asked,
    facts: &Facts,
    deadline: Instant,
) -> Result<(), CommandError> {
    let Some(room) = facts.room()? else {
        return Ok(());
    };
    let window: TimeWindow = asked.window;
    let slot = async {
        let connection = desk.lender.active(tenant).await?;
        desk.writer.slot(&connection, &room, window).await
    };
    let Ok(slot) = timeout_at(deadline, slot).await else {
        return Err(google_unavailable());
    };
    let Ok(events) = slot? else {
        return Err(google_unavailable());
    };
    if writing::blockers(&events, &room, window).next().is_some() {
        return Err(slot_taken(desk, tenant, asked, deadline).await?);
    }
    Ok(())
}

/// `FAILED_PRECONDITION` `SLOT_TAKEN`, with what is free instead (B15).
async fn slot_taken(
    desk: &Desk,
    tenant: &TenantId,
    asked: &Asked,
    deadline: Instant,
) -> Result<CommandError, CommandError> {
    let alternatives = free_instead(desk, tenant, asked, deadline).await?;
    Ok(CommandError::Precondition {
        reason: "SLOT_TAKEN",
        metadata: vec![("alternatives", alternatives.join(","))],
    })
}

/// What is free instead; nothing when there is no time left to look.
async fn free_instead(
    desk: &Desk,
    tenant: &TenantId,
    asked: &Asked,
    deadline: Instant,
) -> Result<Vec<String>, CommandError> {
    let find = alternatives::find(&desk.database, tenant, asked);
    timeout_at(deadline, find)
        .await
        .unwrap_or_else(|_| Ok(Vec::new()))
}
