//! The transaction that stores what somebody asked for, and with it what Google has to be told.

use roomsync_domain::{
    BookingState, Capability, Cause, Flags, GoogleWrite, OccurrenceKey, TenantId,
    policy::{self, Ending, Refusal},
};
use sqlx::PgConnection;
use tokio::time::Instant;

use super::{Asked, store};
use crate::{
    access::connections,
    bookings::{Booking, locks, write},
    changes::{self, LockedObject},
    links::capability,
    mirror,
    status::CommandError,
    writing,
};

/// What became of the request.
#[derive(Debug)]
pub(super) enum Begun {
    /// It has ended: nothing to do.
    Ended(Booking),
    /// It is withdrawn; what we made of it at Google goes.
    Withdrawn(Booking),
    /// Google is being told.
    Declining(Booking),
}

/// Decides, and stores what was decided.
pub(super) async fn begin(
    tx: &mut PgConnection,
    tenant: &TenantId,
    asked: &Asked,
    deadline: Instant,
) -> Result<Begun, CommandError> {
    locks::wait_until(&mut *tx, deadline).await?;
    let place = store::place(tx, tenant, asked.booking).await?;
    let place = place.ok_or(CommandError::NotFound("BOOKING_NOT_FOUND"))?;
    let object = changes::lock(tx, tenant, &place.object).await?;
    let object = object.by(asked.actor.clone());
    let booking = store::booking(tx, tenant, asked.booking).await?;
    let facts = store::facts(tx, tenant, asked.booking).await?;
    let ending = policy::ending(
        &asked.actor,
        &policy::Asked {
            booker: &booking.details.booker,
            placement: booking.placement,
            state: booking.state,
            as_written: facts.held,
            over: booking.details.window.ends_at() <= object.now(),
            of_series: matches!(booking.key, OccurrenceKey::Slot { .. }),
            declining_alone: booking.google_write == Some(GoogleWrite::Decline),
        },
        asked.series,
        facts.leave,
    );
    let after = deadline.saturating_duration_since(Instant::now()) + writing::GRACE;
    match ending {
        Ending::Ended => Ok(Begun::Ended(booking)),
        Ending::InHand => Ok(Begun::Declining(booking)),
        Ending::Refuse(refusal) => Err(refused(tx, &object, refusal).await?),
        // Always (D24). While the connection is lost the event has to wait; the slot is free at once.
        Ending::Withdraw => {
            let booking = withdraw(tx, object, booking).await?;
            writing::request(tx, tenant, booking.id, after).await?;
            Ok(Begun::Withdrawn(booking))
        }
        Ending::Decline | Ending::DeleteDeviceBooking | Ending::DeclineSeries => {
            connections::require_active(&mut *tx, tenant).await?;
            capability::require(tx, tenant, object.object(), Capability::Decline).await?;
            let series = ending == Ending::DeclineSeries;
            let booking = decline(tx, object, place.link, booking, series).await?;
            writing::request(tx, tenant, booking.id, after).await?;
            Ok(Begun::Declining(booking))
        }
    }
}

async fn refused(
    tx: &mut PgConnection,
    object: &LockedObject,
    refusal: Refusal,
) -> Result<CommandError, CommandError> {
    match refusal {
        Refusal::NotYours => Ok(CommandError::Forbidden(refusal.reason())),
        // Says whose switch it is.
        Refusal::ReadOnly => {
            let required =
                capability::require(tx, object.tenant(), object.object(), Capability::Decline);
            required.await?;
            Ok(CommandError::precondition(refusal.reason()))
        }
        _ => Ok(CommandError::precondition(refusal.reason())),
    }
}

/// The slot is free at once. An insert that is under way keeps its claim: what takes it back waits for that.
async fn withdraw(
    tx: &mut PgConnection,
    object: LockedObject,
    mut booking: Booking,
) -> Result<Booking, CommandError> {
    booking.state = BookingState::Rejected;
    booking.cause = Some(Cause::Withdrawn);
    booking.flags = Flags::default();
    booking.google_write = Some(GoogleWrite::Undo);
    let mut items = Vec::new();
    booking.stage(&object, &mut items);
    write::update(tx, object.tenant(), std::slice::from_ref(&booking)).await?;
    let mut neighbours = mirror::flagged_anew(tx, &object, booking.details.window).await?;
    for neighbour in &mut neighbours {
        neighbour.stage(&object, &mut items);
    }
    write::update(tx, object.tenant(), &neighbours).await?;
    object.publish(tx, items, None).await?;
    Ok(booking)
}

/// The booking that was asked for carries the write; of its series, the other dates only wait for it.
async fn decline(
    tx: &mut PgConnection,
    object: LockedObject,
    link: roomsync_domain::LinkId,
    asked: Booking,
    series: bool,
) -> Result<Booking, CommandError> {
    let id = asked.id;
    let mut bookings = match &asked.key {
        OccurrenceKey::Slot { series: of, .. } if series => {
            store::other_dates(tx, &object, link, of, id).await?
        }
        _ => Vec::new(),
    };
    bookings.insert(0, asked);
    let mut items = Vec::new();
    for booking in &mut bookings {
        booking.google_write = (booking.id == id).then_some(if series {
            GoogleWrite::DeclineSeries
        } else {
            GoogleWrite::Decline
        });
        if booking.state != BookingState::Declining {
            booking.state = BookingState::Declining;
            booking.stage(&object, &mut items);
        }
    }
    write::update(tx, object.tenant(), &bookings).await?;
    store::declined_by(tx, &object, &bookings).await?;
    object.publish(tx, items, None).await?;
    Ok(bookings.swap_remove(0))
}
