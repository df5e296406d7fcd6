//! The end of a decline, in one transaction: what Google took is removed, what it refused is confirmed
//! again. As [`super::settle`], but of all dates of a series that waited for it.

use roomsync_domain::{
    BookingId, BookingState, Cause, Flags, GoogleWrite, OccurrenceKey, TimeWindow,
};
use roomsync_postgres::outbox;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Claimed, WriteError, Writer};
use crate::{
    anonymise,
    bookings::{
        Booking,
        record::{self, Row},
        write,
    },
    changes::{self, LockedObject},
    mirror,
    status::CommandError,
};

/// What Google took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Declined {
    /// Everything that was asked for.
    All,
    /// These alone.
    These(Vec<BookingId>),
    /// Nothing.
    None,
}

impl Declined {
    fn has(&self, booking: BookingId) -> bool {
        match self {
            Self::All => true,
            Self::These(bookings) => bookings.contains(&booking),
            Self::None => false,
        }
    }
}

impl Writer {
    /// Writes what came of it. [`WriteError::Overtaken`] when somebody else claimed the row since, or more
    /// was asked of it.
    pub(super) async fn settle_decline(
        &self,
        claimed: &Claimed,
        declined: &Declined,
    ) -> Result<(), WriteError> {
        let settled = self
            .database
            .tx("settle_decline", |tx| {
                Box::pin(settle(tx, claimed, declined))
            })
            .await
            .map_err(WriteError::Command)?;
        if settled {
            Ok(())
        } else {
            Err(WriteError::Overtaken)
        }
    }
}

async fn settle(
    tx: &mut PgConnection,
    claimed: &Claimed,
    declined: &Declined,
) -> Result<bool, CommandError> {
    let object = changes::lock(tx, &claimed.tenant, &claimed.booking.object).await?;
    if !finish(tx, claimed, &object).await? {
        return Ok(false);
    }
    let mut items = Vec::new();
    let mut ended = Vec::new();
    let mut bookings = declining(tx, claimed).await?;
    for booking in &mut bookings {
        if declined.has(booking.id) {
            booking.state = BookingState::Removed;
            booking.cause = Some(Cause::Declined);
            booking.flags = Flags::default();
            ended.push(booking.details.window);
        } else {
            booking.state = BookingState::Confirmed;
        }
        booking.google_write = None;
        booking.stage(&object, &mut items);
    }
    write::update(tx, &claimed.tenant, &bookings).await?;
    note_written(tx, &object, &bookings).await?;
    if let Some(within) = TimeWindow::hull(ended) {
        let mut neighbours = mirror::flagged_anew(tx, &object, within).await?;
        for booking in &mut neighbours {
            booking.stage(&object, &mut items);
        }
        write::update(tx, &claimed.tenant, &neighbours).await?;
    }
    object.publish(tx, items, None).await?;
    anonymise::after_write(tx, &claimed.tenant, claimed.booking.id).await?;
    Ok(true)
}

/// Ends the write itself, whatever became of the booking; the message is needed no longer.
async fn finish(
    tx: &mut PgConnection,
    claimed: &Claimed,
    object: &LockedObject,
) -> Result<bool, CommandError> {
    let message = sqlx::query_scalar!(
        "
        -- booking.bookings.declined
        SELECT write_message
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
          AND write_epoch = $3
          AND google_write = $4
        FOR NO KEY UPDATE
        ",
        claimed.tenant.as_str(),
        claimed.booking.id.0,
        claimed.epoch,
        claimed.booking.google_write.map(GoogleWrite::as_str),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(message) = message else {
        return Ok(false);
    };
    if let Some(message) = message {
        outbox::take_back(&mut *tx, message).await?;
    }
    sqlx::query!(
        "
        -- booking.bookings.finish_decline
        UPDATE booking.bookings
        SET google_write = NULL,
            write_until = NULL,
            write_message = NULL,
            written_at = $3
        WHERE tenant_id = $1
          AND booking_id = $2
        ",
        claimed.tenant.as_str(),
        claimed.booking.id.0,
        object.now(),
    )
    .execute(tx)
    .await?;
    Ok(true)
}

/// The bookings that wait for this decline, as they are now: the one that carried it, and of a series the
/// dates without a write of their own. The mirror may have ended some.
async fn declining(tx: &mut PgConnection, claimed: &Claimed) -> Result<Vec<Booking>, sqlx::Error> {
    let series = match (&claimed.booking.key, claimed.booking.google_write) {
        (OccurrenceKey::Slot { series, .. }, Some(GoogleWrite::DeclineSeries)) => Some(series),
        _ => None,
    };
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.being_declined
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause,
            placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND link_id = $2
          AND state = 'declining'
          AND (booking_id = $3 OR (series_id = $4 AND google_write IS NULL))
        ORDER BY starts_at, booking_id
        FOR NO KEY UPDATE
        ",
        claimed.tenant.as_str(),
        claimed.link.0,
        claimed.booking.id.0,
        series,
    )
    .fetch_all(tx)
    .await?;
    record::read(rows)
}

/// A listing that began before now is too old for them.
async fn note_written(
    tx: &mut PgConnection,
    object: &LockedObject,
    bookings: &[Booking],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.id.0).collect();
    sqlx::query!(
        "
        -- booking.bookings.note_declined
        UPDATE booking.bookings
        SET written_at = $3
        WHERE tenant_id = $1
          AND booking_id = ANY($2)
        ",
        object.tenant().as_str(),
        &ids,
        object.now(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
