//! Declines that are still waiting for Google when a person leaves the booking that carries them, long after its end.
//!
//! A date of its own is over: it was held, and is confirmed again. A series goes on: another date that waits for
//! the same decline carries it from now on, or the others would wait for ever.

use std::{collections::HashSet, time::Duration};

use roomsync_domain::{BookingId, BookingState, GoogleWrite, OccurrenceKey, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{bookings::Booking, status::CommandError, writing};

/// Those of the bookings whose decline is given up with their persons. To be called before these leave.
pub(super) async fn given_up(
    tx: &mut PgConnection,
    tenant: &TenantId,
    bookings: &[Booking],
) -> Result<HashSet<BookingId>, CommandError> {
    let leaving: Vec<Uuid> = bookings.iter().map(|booking| booking.id.0).collect();
    let mut given_up = HashSet::new();
    for booking in bookings {
        match booking.google_write {
            Some(GoogleWrite::Decline | GoogleWrite::DeclineSeries) if is_declining(booking) => {}
            _ => continue,
        }
        given_up.insert(booking.id);
        let OccurrenceKey::Slot { series, .. } = &booking.key else {
            continue;
        };
        let is_of_all = booking.google_write == Some(GoogleWrite::DeclineSeries);
        if is_of_all && !hand_over(&mut *tx, tenant, booking.id, &leaving).await? {
            let waiting = bookings.iter().filter(|other| {
                let is_date =
                    matches!(&other.key, OccurrenceKey::Slot { series: of, .. } if of == series);
                is_date && is_declining(other) && other.google_write.is_none()
            });
            given_up.extend(waiting.map(|other| other.id));
        }
    }
    Ok(given_up)
}

fn is_declining(booking: &Booking) -> bool {
    booking.state == BookingState::Declining
}

/// The date furthest ahead that waits for this decline carries it from now on; false when none is left.
async fn hand_over(
    tx: &mut PgConnection,
    tenant: &TenantId,
    asked: BookingId,
    leaving: &[Uuid],
) -> Result<bool, CommandError> {
    let heir = sqlx::query_scalar!(
        "
        -- booking.bookings.hand_over_decline
        UPDATE booking.bookings
        SET google_write = 'decline_series'
        WHERE tenant_id = $1
          AND booking_id = (
              SELECT other.booking_id
              FROM booking.bookings AS asked
              JOIN booking.bookings AS other USING (tenant_id, link_id, series_id)
              WHERE tenant_id = $1
                AND asked.booking_id = $2
                AND other.booking_id <> ALL($3)
                AND other.state = 'declining'
                AND other.google_write IS NULL
              ORDER BY other.starts_at DESC, other.booking_id
              LIMIT 1
          )
        RETURNING booking_id
        ",
        tenant.as_str(),
        asked.0,
        leaving,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(heir) = heir else {
        return Ok(false);
    };
    writing::request(tx, tenant, BookingId(heir), Duration::ZERO).await?;
    Ok(true)
}
