//! The rows that `DeleteBooking` reads and writes.

use roomsync_domain::{BookingId, LinkId, ObjectId, TenantId, policy::Leave};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    bookings::{
        Booking,
        record::{self, Row},
    },
    changes::LockedObject,
    status::CommandError,
};

/// Where a booking is; that never changes.
pub(super) struct Place {
    pub(super) link: LinkId,
    pub(super) object: ObjectId,
}

/// Where a booking is, if the tenant has it.
pub(super) async fn place(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: BookingId,
) -> Result<Option<Place>, CommandError> {
    let row = sqlx::query!(
        "
        -- booking.bookings.place
        SELECT link_id, object_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
        ",
        tenant.as_str(),
        booking.0,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Place {
        link: LinkId(row.link_id),
        object: row.object_id.parse().map_err(anyhow::Error::from)?,
    }))
}

/// The booking as it is; its object is locked.
pub(super) async fn booking(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: BookingId,
) -> Result<Booking, sqlx::Error> {
    sqlx::query_as!(
        Row,
        "
        -- booking.bookings.to_delete
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause,
            placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
        FOR NO KEY UPDATE
        ",
        tenant.as_str(),
        booking.0,
    )
    .fetch_one(tx)
    .await?
    .try_into()
}

/// What the policy asks besides the booking itself.
pub(super) struct Facts {
    /// The slot is held for it: the event stands where we put it.
    pub(super) held: bool,
    /// What administrators allow.
    pub(super) leave: Leave,
}

/// Reads them.
pub(super) async fn facts(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: BookingId,
) -> Result<Facts, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        -- booking.bookings.policy
        SELECT booking.held IS NOT NULL AS "held!",
            tenant.decline_allowed,
            tenant.read_only OR object.read_only AS "read_only!"
        FROM booking.bookings AS booking
        JOIN booking.tenants AS tenant USING (tenant_id)
        JOIN booking.objects AS object USING (tenant_id, object_id)
        WHERE booking.tenant_id = $1
          AND booking.booking_id = $2
        "#,
        tenant.as_str(),
        booking.0,
    )
    .fetch_one(tx)
    .await?;
    Ok(Facts {
        held: row.held,
        leave: Leave {
            decline: row.decline_allowed,
            read_only: row.read_only,
        },
    })
}

/// The other confirmed dates of a series that have not ended.
pub(super) async fn other_dates(
    tx: &mut PgConnection,
    object: &LockedObject,
    link: LinkId,
    series: &str,
    asked: BookingId,
) -> Result<Vec<Booking>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.other_dates
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause,
            placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND link_id = $2
          AND series_id = $3
          AND booking_id <> $4
          AND state = 'confirmed'
          AND ends_at > $5
        ORDER BY starts_at, booking_id
        FOR NO KEY UPDATE
        ",
        object.tenant().as_str(),
        link.0,
        series,
        asked.0,
        object.now(),
    )
    .fetch_all(tx)
    .await?;
    record::read(rows)
}

/// Notes who declined these bookings.
pub(super) async fn declined_by(
    tx: &mut PgConnection,
    object: &LockedObject,
    bookings: &[Booking],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = bookings.iter().map(|booking| booking.id.0).collect();
    let (kind, id) = object.actor().columns();
    sqlx::query!(
        "
        -- booking.bookings.declined_by
        UPDATE booking.bookings
        SET declined_by_kind = $3,
            declined_by_id = $4
        WHERE tenant_id = $1
          AND booking_id = ANY($2)
        ",
        object.tenant().as_str(),
        &ids,
        kind,
        id,
    )
    .execute(tx)
    .await?;
    Ok(())
}
