//! What a `CreateBooking` reads and writes.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::{
    Booker, BookingId, GoogleWrite, LinkId, ObjectId, Placement, ResourceEmail, TenantId,
    TimeWindow,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::request::Asked;
use crate::{
    bookings::{
        Booking,
        record::{Row, booker_columns},
    },
    status::CommandError,
};

/// What is known of the tenant, the object, its link and the booker.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) now: DateTime<Utc>,
    module_enabled: bool,
    link: Option<InUse>,
    user_exists: bool,
    /// The booker's own address.
    pub(super) mail: Option<String>,
    /// The title that the event will have, where the tenant stores titles.
    pub(super) title: Option<String>,
    horizon: TimeDelta,
}

/// The link in use.
#[derive(Debug)]
struct InUse {
    id: LinkId,
    state: String,
    room: String,
    open: bool,
    compared_at: Option<DateTime<Utc>>,
}

impl Facts {
    /// The link through which the object can be booked. `NOT_FOUND` `USER_NOT_FOUND`; `FAILED_PRECONDITION`
    /// `MODULE_MISSING`, `OBJECT_NOT_LINKED`, `LINK_NOT_VERIFIED`, `OBJECT_NOT_OPEN`.
    pub(super) fn check(&self, asked: &Asked) -> Result<LinkId, CommandError> {
        if matches!(asked.booker, Booker::User { .. }) && !self.user_exists {
            return Err(CommandError::NotFound("USER_NOT_FOUND"));
        }
        if !self.module_enabled {
            return Err(CommandError::precondition("MODULE_MISSING"));
        }
        let Some(link) = &self.link else {
            return Err(CommandError::precondition("OBJECT_NOT_LINKED"));
        };
        if link.state != "verified" {
            return Err(CommandError::Precondition {
                reason: "LINK_NOT_VERIFIED",
                metadata: vec![("state", link.state.to_uppercase())],
            });
        }
        if !link.open {
            return Err(CommandError::precondition("OBJECT_NOT_OPEN"));
        }
        Ok(link.id)
    }

    /// Whether the mirror does not reach as far: the horizon rolls with the daily comparison (D14).
    pub(super) fn is_beyond_horizon(&self, window: TimeWindow) -> bool {
        let compared_at = self.link.as_ref().and_then(|link| link.compared_at);
        compared_at.is_none_or(|at| window.ends_at() > at + self.horizon)
    }

    /// The room's calendar.
    pub(super) fn room(&self) -> Result<Option<ResourceEmail>, CommandError> {
        let room = self.link.as_ref().map(|link| link.room.parse());
        Ok(room.transpose().map_err(anyhow::Error::from)?)
    }
}

/// Reads them. `NOT_FOUND` `OBJECT_NOT_FOUND`.
pub(super) async fn facts(
    tx: &mut PgConnection,
    tenant: &TenantId,
    asked: &Asked,
) -> Result<Facts, CommandError> {
    let user = match &asked.booker {
        Booker::User { user } => Some(user.as_str()),
        Booker::Device { .. } | Booker::Anonymous => None,
    };
    let row = sqlx::query!(
        r#"
        -- booking.create.facts
        SELECT clock_timestamp() AS "now!",
            tenant.module_enabled,
            tenant.horizon_days,
            CASE WHEN tenant.store_titles THEN nullif(tenant.neutral_title, '') END AS title,
            link.link_id AS "link_id?",
            link.state AS "link_state?",
            link.resource_email AS "room?",
            coalesce(
                link.imported_at IS NOT NULL AND link.opened_at IS NOT NULL, false
            ) AS "open!",
            greatest(link.imported_at, link.last_reconcile_at) AS compared_at,
            EXISTS (
                SELECT
                FROM booking.users AS known
                WHERE known.tenant_id = $1
                  AND known.user_id = $3
            ) AS "user_exists!",
            (
                SELECT mail
                FROM booking.user_mails AS held
                WHERE held.tenant_id = $1
                  AND held.user_id = $3
                  AND NOT held.is_alias
            ) AS mail
        FROM booking.objects AS object
        JOIN booking.tenants AS tenant USING (tenant_id)
        LEFT JOIN booking.links AS link
            ON link.tenant_id = object.tenant_id
            AND link.object_id = object.object_id
            AND link.state NOT IN ('closing', 'removed')
            AND link.replaces_link_id IS NULL
        WHERE object.tenant_id = $1
          AND object.object_id = $2
          AND object.deleted_at IS NULL
        "#,
        tenant.as_str(),
        asked.object.as_str(),
        user,
    )
    .fetch_optional(tx)
    .await?
    .ok_or(CommandError::NotFound("OBJECT_NOT_FOUND"))?;
    let link = match (row.link_id, row.link_state, row.room) {
        (Some(id), Some(state), Some(room)) => Some(InUse {
            id: LinkId(id),
            state,
            room,
            open: row.open,
            compared_at: row.compared_at,
        }),
        _ => None,
    };
    Ok(Facts {
        now: row.now,
        module_enabled: row.module_enabled,
        link,
        user_exists: row.user_exists,
        mail: row.mail,
        title: row.title,
        horizon: TimeDelta::days(row.horizon_days.into()),
    })
}

/// The booking and the content of an earlier request of this id.
pub(super) async fn request(
    tx: &mut PgConnection,
    tenant: &TenantId,
    request_id: &str,
) -> Result<Option<(Uuid, Vec<u8>)>, sqlx::Error> {
    let row = sqlx::query!(
        "
        -- booking.create_requests.get
        SELECT booking_id, fingerprint
        FROM booking.create_requests
        WHERE tenant_id = $1
          AND request_id = $2
        ",
        tenant.as_str(),
        request_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.booking_id, row.fingerprint)))
}

/// A booking by its id.
pub(super) async fn booking(
    tx: &mut PgConnection,
    tenant: &TenantId,
    booking: Uuid,
) -> Result<Option<Booking>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "
        -- booking.create.booking
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause,
            placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND booking_id = $2
        ",
        tenant.as_str(),
        booking,
    )
    .fetch_optional(tx)
    .await?;
    row.map(Booking::try_from).transpose()
}

/// Whether a live booking, or a time for which the main app blocked the object, stands in the slot.
pub(super) async fn is_taken(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    window: TimeWindow,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        -- booking.create.is_taken
        SELECT EXISTS (
            SELECT
            FROM booking.bookings
            WHERE tenant_id = $1
              AND object_id = $2
              AND state NOT IN ('removed', 'rejected')
              AND tstzrange(starts_at, ends_at) && tstzrange($3, $4)
        ) OR EXISTS (
            SELECT
            FROM booking.object_blocks
            WHERE tenant_id = $1
              AND object_id = $2
              AND starts_at < $4
              AND ends_at > $3
        ) AS "taken!"
        "#,
        tenant.as_str(),
        object.as_str(),
        window.starts_at(),
        window.ends_at(),
    )
    .fetch_one(tx)
    .await
}

/// Adds the request; its slot is held from now on.
pub(super) async fn insert(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
    booking: &Booking,
    give_up_after: Duration,
) -> Result<(), sqlx::Error> {
    let details = &booking.details;
    let (booker_kind, booker_id) = booker_columns(&details.booker);
    sqlx::query!(
        "
        -- booking.create.insert
        INSERT INTO booking.bookings (
            tenant_id, object_id, link_id, booking_id, event_id, state, starts_at, ends_at, held,
            booker_kind, booker_id, organizer_mail, title, object_version, created_at, updated_at,
            placement, at_google, google_write, give_up_at
        )
        VALUES (
            $1, $2, $3, $4, $5, $6, $7, $8, tstzrange($7, $8),
            $9, $10, $11, $12, $13, $14::timestamptz, $14::timestamptz,
            $15, false, $16, least($14::timestamptz + make_interval(secs => $17), $8)
        )
        ",
        tenant.as_str(),
        booking.object.as_str(),
        link.0,
        booking.id.0,
        details.event_id,
        booking.state.as_str(),
        details.window.starts_at(),
        details.window.ends_at(),
        booker_kind,
        booker_id,
        details.organizer_mail,
        details.title,
        booking.object_version,
        booking.created_at,
        booking.placement.map(Placement::as_str),
        booking.google_write.map(GoogleWrite::as_str),
        give_up_after.as_secs_f64(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes which booking a request id has.
pub(super) async fn note_request(
    tx: &mut PgConnection,
    tenant: &TenantId,
    asked: &Asked,
    booking: BookingId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        -- booking.create_requests.add
        INSERT INTO booking.create_requests (tenant_id, request_id, booking_id, fingerprint)
        VALUES ($1, $2, $3, $4)
        ",
        tenant.as_str(),
        asked.request_id,
        booking.0,
        asked.fingerprint(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
