//! Reads what a display's state follows from, and whether anything of it may have changed since.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use roomsync_domain::{Capability, ObjectId, TenantId, TimeWindow};
use roomsync_postgres::Database;
use sqlx::PgConnection;
use tokio::time::Instant;

use super::{
    day,
    state::{AHEAD, Facts},
};
use crate::{
    bookings::{
        Booking, availability,
        record::{self, Row},
        snapshot,
    },
    links::capability,
    status::CommandError,
};

/// For so long what was read says everything that time alone changes; it reaches further ahead than what is
/// shown by this.
pub(super) const LASTS: TimeDelta = TimeDelta::hours(12);

/// What was read, and when.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) facts: Facts,
    /// Differs when anything that was read may differ.
    pub(super) mark: String,
    /// PostgreSQL's time, which is every replica's.
    now: DateTime<Utc>,
    at: Instant,
}

impl Reading {
    /// PostgreSQL's time now, as far as this machine can tell.
    pub(super) fn now(&self) -> DateTime<Utc> {
        let since = TimeDelta::from_std(self.at.elapsed()).unwrap_or(TimeDelta::MAX);
        self.now.checked_add_signed(since).unwrap_or(self.now)
    }

    /// Time has gone on so far that it has to be read anew.
    pub(super) fn is_old(&self) -> bool {
        self.now() - self.now > LASTS
    }
}

/// Everything, as of one moment. `NOT_FOUND` `OBJECT_NOT_FOUND`.
pub(super) async fn all(
    database: &Database,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<Reading, CommandError> {
    let mut tx = snapshot::begin(database).await?;
    let mark = mark(&mut tx, tenant, object).await?;
    let standing = standing(&mut tx, tenant, object).await?;
    let now = standing.now;
    let (from, _) = day::around(now, standing.zone);
    let window = TimeWindow::new(from, now + AHEAD + LASTS + LASTS)
        .map_err(|error| sqlx::Error::Decode(error.into()))?;
    let refused = match standing.refused {
        None => lacking(&mut tx, tenant, object).await?,
        refused => refused,
    };
    let facts = Facts {
        version: standing.version,
        zone: standing.zone,
        bookings: bookings(&mut tx, tenant, object, window).await?,
        blocked: blocked(&mut tx, tenant, object, window).await?,
        open: availability::is_open(&mut tx, tenant, object, window).await?,
        refused,
    };
    tx.commit().await?;
    let at = Instant::now();
    Ok(Reading {
        facts,
        mark,
        now,
        at,
    })
}

/// A text that changes with everything [`all`] reads, in one small query: with the object's version go its
/// bookings, with the others its blocked times, the settings, the connection and the link.
pub(super) async fn mark(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<String, CommandError> {
    sqlx::query_scalar!(
        r#"
        -- booking.objects.display_mark
        SELECT concat_ws(
            ' ',
            object.version,
            object.updated_at,
            tenant.updated_at,
            connection.state,
            connection.updated_at,
            (
                SELECT string_agg(
                    concat_ws(
                        ' ', link.link_id, link.state, link.opened_at, link.access_role,
                        link.answers_by_itself
                    ),
                    ' ' ORDER BY link.link_id
                )
                FROM booking.links AS link
                WHERE link.tenant_id = object.tenant_id
                  AND link.object_id = object.object_id
                  AND link.state <> 'removed'
            )
        ) AS "mark!"
        FROM booking.objects AS object
        JOIN booking.tenants AS tenant USING (tenant_id)
        LEFT JOIN booking.connections AS connection USING (tenant_id)
        WHERE object.tenant_id = $1
          AND object.object_id = $2
          AND object.deleted_at IS NULL
        "#,
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_optional(tx)
    .await?
    .ok_or(CommandError::NotFound("OBJECT_NOT_FOUND"))
}

/// How an object stands.
struct Standing {
    version: i64,
    zone: Tz,
    now: DateTime<Utc>,
    /// Why nobody can book it, in the order in which `CreateBooking` asks.
    refused: Option<&'static str>,
}

async fn standing(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<Standing, CommandError> {
    let row = sqlx::query!(
        r#"
        -- booking.objects.display_standing
        SELECT object.version, object.time_zone, now() AS "now!",
            CASE
                WHEN NOT tenant.module_enabled THEN 'MODULE_MISSING'
                WHEN link.link_id IS NULL THEN 'OBJECT_NOT_LINKED'
                WHEN link.state <> 'verified' THEN 'LINK_NOT_VERIFIED'
                WHEN link.opened_at IS NULL THEN 'OBJECT_NOT_OPEN'
                WHEN connection.state IS DISTINCT FROM 'active' THEN 'NOT_CONNECTED'
            END AS refused
        FROM booking.objects AS object
        JOIN booking.tenants AS tenant USING (tenant_id)
        LEFT JOIN booking.connections AS connection USING (tenant_id)
        LEFT JOIN booking.links AS link
            ON link.tenant_id = object.tenant_id
            AND link.object_id = object.object_id
            AND link.state NOT IN ('closing', 'removed')
            AND link.replaces_link_id IS NULL
        WHERE object.tenant_id = $1
          AND object.object_id = $2
        "#,
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_one(tx)
    .await?;
    let zone = row.time_zone.parse::<Tz>();
    Ok(Standing {
        version: row.version,
        zone: zone.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        now: row.now,
        refused: row.refused.as_deref().and_then(reason),
    })
}

/// The reasons of [`standing`]'s query.
fn reason(word: &str) -> Option<&'static str> {
    const REASONS: [&str; 5] = [
        "OBJECT_NOT_LINKED",
        "LINK_NOT_VERIFIED",
        "OBJECT_NOT_OPEN",
        "MODULE_MISSING",
        "NOT_CONNECTED",
    ];
    REASONS.into_iter().find(|reason| *reason == word)
}

/// Why a device cannot book a linked object.
async fn lacking(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<Option<&'static str>, CommandError> {
    let why = capability::refusal(tx, tenant, object, Capability::BookAsDevice).await?;
    Ok(why.map(|why| match why {
        "READ_ONLY" => why,
        _ => "CAPABILITY_MISSING",
    }))
}

async fn bookings(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    window: TimeWindow,
) -> Result<Vec<Booking>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.display
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause,
            placement, at_google, event_kept, google_write, object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND object_id = $2
          AND state NOT IN ('removed', 'rejected')
          AND tstzrange(starts_at, ends_at) && tstzrange($3, $4)
        ORDER BY starts_at, booking_id
        ",
        tenant.as_str(),
        object.as_str(),
        window.starts_at(),
        window.ends_at(),
    )
    .fetch_all(tx)
    .await?;
    record::read(rows)
}

async fn blocked(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
    window: TimeWindow,
) -> Result<Vec<TimeWindow>, sqlx::Error> {
    let rows = sqlx::query!(
        "
        -- booking.object_blocks.display
        SELECT starts_at, ends_at
        FROM booking.object_blocks
        WHERE tenant_id = $1
          AND object_id = $2
          AND starts_at < $4
          AND ends_at > $3
        ",
        tenant.as_str(),
        object.as_str(),
        window.starts_at(),
        window.ends_at(),
    )
    .fetch_all(tx)
    .await?;
    let window = |starts_at, ends_at| {
        TimeWindow::new(starts_at, ends_at).map_err(|error| sqlx::Error::Decode(error.into()))
    };
    rows.into_iter()
        .map(|row| window(row.starts_at, row.ends_at))
        .collect()
}
