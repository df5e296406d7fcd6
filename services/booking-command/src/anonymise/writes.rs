//! Bookings that have ended, but about which Google has yet to be told something: it could not be said without the
//! person, so the person leaves when it has been said, or when nothing can be said any more.

use roomsync_domain::{BookingId, ObjectId, TenantId};
use sqlx::PgConnection;

use super::leave;
use crate::{
    bookings::record::{self, Row},
    changes,
    status::CommandError,
};

/// Google has been told. The person leaves if it was only for this that it stayed: the booking has ended, and its
/// link was removed or its user deleted meanwhile.
pub async fn after_write(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: BookingId,
) -> Result<(), CommandError> {
    // An event that we made has a booker: one that is nobody's has lost its user.
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.left_behind
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags,
            cause, placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings AS booking
        WHERE tenant_id = $1
          AND booking_id = $2
          AND state IN ('removed', 'rejected')
          AND google_write IS NULL
          AND (
              booker_kind = 'user'
              OR organizer_mail IS NOT NULL
              OR title IS NOT NULL
              OR event_calendar IS NOT NULL
              OR declined_by_id IS NOT NULL AND declined_by_kind <> 'device'
          )
          AND (
              (placement IS NOT NULL AND booker_kind = 'anonymous')
              OR EXISTS (
                  SELECT
                  FROM booking.links AS link
                  WHERE link.tenant_id = booking.tenant_id
                    AND link.link_id = booking.link_id
                    AND link.state = 'removed'
              )
          )
        ",
        tenant.as_str(),
        booking.0,
    )
    .fetch_all(&mut *tx)
    .await?;
    let bookings = record::read(rows)?;
    let Some(object) = bookings.first().map(|booking| booking.object.clone()) else {
        return Ok(());
    };
    let locked = changes::lock(&mut *tx, tenant, &object).await?;
    leave::leave_all(tx, tenant, locked, bookings).await
}

/// The tenant has disconnected: nothing more can be said to Google, not even about bookings that have ended.
pub async fn drop_google_writes(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    let objects = sqlx::query_scalar!(
        "
        -- booking.bookings.objects_with_writes
        SELECT DISTINCT object_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND google_write IS NOT NULL
        ORDER BY object_id
        ",
        tenant.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    for object in objects {
        let object: ObjectId = object.parse().map_err(anyhow::Error::from)?;
        let locked = changes::lock(&mut *tx, tenant, &object).await?;
        let rows = sqlx::query_as!(
            Row,
            "
            -- booking.bookings.waiting_writes
            SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
                ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags,
                cause, placement, at_google, event_kept, google_write, object_version, created_at, updated_at
            FROM booking.bookings
            WHERE tenant_id = $1
              AND object_id = $2
              AND google_write IS NOT NULL
            ORDER BY starts_at, booking_id
            ",
            tenant.as_str(),
            object.as_str(),
        )
        .fetch_all(&mut *tx)
        .await?;
        leave::leave_all(&mut *tx, tenant, locked, record::read(rows)?).await?;
    }
    Ok(())
}
