//! The transaction that stores a request, and with it what Google has to be told.

use std::time::Duration;

use roomsync_domain::{
    BookingId, BookingState, Flags, GoogleWrite, OccurrenceKey, TenantId, decide::Details,
};
use sqlx::PgConnection;
use tokio::time::Instant;

use super::{request::Asked, store};
use crate::{
    access::connections,
    bookings::{Booking, locks, property},
    changes,
    links::capability,
    status::CommandError,
    writing,
};

/// What became of the request.
#[derive(Debug)]
pub(super) enum Begun {
    /// Stored.
    New(Booking),
    /// It was stored before.
    Again(Booking),
}

/// The booking that was made for the same request before. `ALREADY_EXISTS` `REQUEST_ID_REUSED` when that
/// had another content.
pub(super) async fn again(
    tx: &mut PgConnection,
    tenant: &TenantId,
    asked: &Asked,
) -> Result<Option<Booking>, CommandError> {
    let Some((booking, fingerprint)) = store::request(tx, tenant, &asked.request_id).await? else {
        return Ok(None);
    };
    if fingerprint != asked.fingerprint() {
        return Err(CommandError::AlreadyExists {
            reason: "REQUEST_ID_REUSED",
            metadata: Vec::new(),
        });
    }
    Ok(store::booking(tx, tenant, booking).await?)
}

/// Checks and stores; `None`: the slot is taken.
pub(super) async fn begin(
    tx: &mut PgConnection,
    tenant: &TenantId,
    asked: &Asked,
    deadline: Instant,
    give_up_after: Duration,
) -> Result<Option<Begun>, CommandError> {
    locks::wait_until(&mut *tx, deadline).await?;
    let object = changes::lock(tx, tenant, &asked.object).await?;
    // Who waited for the lock may have waited for the same request.
    if let Some(booking) = again(tx, tenant, asked).await? {
        return Ok(Some(Begun::Again(booking)));
    }
    let facts = store::facts(tx, tenant, asked).await?;
    let link = facts.check(asked)?;
    connections::require_active(&mut *tx, tenant).await?;
    capability::require(tx, tenant, &asked.object, asked.capability()).await?;
    if store::is_taken(tx, tenant, &asked.object, asked.window).await? {
        return Ok(None);
    }
    let object = object.by(asked.actor());
    let id = BookingId::new();
    let event_id = property::event_id(id);
    let mut booking = Booking {
        id,
        object: asked.object.clone(),
        key: OccurrenceKey::Event(event_id.clone()),
        state: BookingState::Requested,
        details: Details {
            event_id,
            window: asked.window,
            all_day: false,
            booker: asked.booker.clone(),
            organizer_mail: facts.mail,
            private: false,
            title: facts.title,
        },
        flags: Flags::default(),
        cause: None,
        placement: Some(asked.placement()),
        at_google: false,
        event_kept: false,
        google_write: Some(GoogleWrite::Insert),
        object_version: object.version(),
        created_at: object.now(),
        updated_at: object.now(),
    };
    let mut items = Vec::new();
    booking.stage(&object, &mut items);
    store::insert(tx, tenant, link, &booking, give_up_after).await?;
    store::note_request(tx, tenant, asked, id).await?;
    object.publish(tx, items, None).await?;
    let left = deadline.saturating_duration_since(Instant::now());
    writing::request(tx, tenant, id, left + writing::GRACE).await?;
    Ok(Some(Begun::New(booking)))
}
