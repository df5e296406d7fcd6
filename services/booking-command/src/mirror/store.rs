//! What an `Apply` reads about bookings, and what it notes about its link.

use chrono::{DateTime, Utc};
use roomsync_domain::{
    BookingId, LinkId, ObjectId, OccurrenceKey, TenantId, TimeWindow,
    decide::{Listing, Scope},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    bookings::{
        Booking,
        record::{self, Row},
    },
    changes::LockedObject,
};

/// Which bookings listings cover or name.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Google's ids of events, instances and series.
    ids: Vec<String>,
    from: Vec<DateTime<Utc>>,
    to: Vec<DateTime<Utc>>,
}

impl Reach {
    pub(super) fn of(listings: &[Listing]) -> Self {
        let mut reach = Self::default();
        for listing in listings {
            match &listing.scope {
                Scope::Event(id) => reach.ids.push(id.clone()),
                Scope::Series { series, .. } => reach.ids.push(series.clone()),
                Scope::Window(window) => {
                    reach.from.push(window.starts_at());
                    reach.to.push(window.ends_at());
                }
            }
            reach
                .ids
                .extend(listing.seen.iter().map(|seen| match &seen.key {
                    OccurrenceKey::Event(_) => seen.event_id.clone(),
                    OccurrenceKey::Slot { series, .. } => series.clone(),
                }));
        }
        reach.ids.sort_unstable();
        reach.ids.dedup();
        reach
    }

    /// Where the earliest window begins; `None` without any.
    pub(super) fn from(&self) -> Option<DateTime<Utc>> {
        self.from.iter().min().copied()
    }
}

/// The link's live bookings within reach.
pub(super) async fn known(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
    reach: &Reach,
) -> Result<Vec<Booking>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.known
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause, placement, at_google, event_kept, google_write,
            object_version, created_at, updated_at
        FROM booking.bookings AS known
        WHERE tenant_id = $1
          AND link_id = $2
          AND state NOT IN ('removed', 'rejected')
          AND (
              event_id = ANY($3)
              OR series_id = ANY($3)
              OR EXISTS (
                  SELECT
                  FROM unnest($4::timestamptz[], $5::timestamptz[]) AS listed (starts_at, ends_at)
                  WHERE known.starts_at < listed.ends_at
                    AND known.ends_at > listed.starts_at
              )
          )
        ORDER BY starts_at, booking_id
        ",
        tenant.as_str(),
        link.0,
        &reach.ids,
        &reach.from,
        &reach.to,
    )
    .fetch_all(tx)
    .await?;
    record::read(rows)
}

/// Every live booking of a link.
pub(super) async fn live_of_link(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<Vec<Booking>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.live_of_link
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause, placement, at_google, event_kept, google_write,
            object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND link_id = $2
          AND state NOT IN ('removed', 'rejected')
        ORDER BY starts_at, booking_id
        ",
        tenant.as_str(),
        link.0,
    )
    .fetch_all(tx)
    .await?;
    record::read(rows)
}

/// Whether we wrote a booking within reach to Google after a listing began. Ended ones count: what
/// we just declined may still stand in the listing, and would come back as a new booking.
pub(super) async fn written_since(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
    listed_since: DateTime<Utc>,
    reach: &Reach,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        -- booking.bookings.written_since
        SELECT EXISTS (
            SELECT
            FROM booking.bookings AS written
            WHERE tenant_id = $1
              AND link_id = $2
              AND written_at > $6
              AND (
                  event_id = ANY($3)
                  OR series_id = ANY($3)
                  OR EXISTS (
                      SELECT
                      FROM unnest($4::timestamptz[], $5::timestamptz[])
                          AS listed (starts_at, ends_at)
                      WHERE written.starts_at < listed.ends_at
                        AND written.ends_at > listed.starts_at
                  )
              )
        ) AS "written!"
        "#,
        tenant.as_str(),
        link.0,
        &reach.ids,
        &reach.from,
        &reach.to,
        listed_since,
    )
    .fetch_one(tx)
    .await
}

/// Google's ids of the events that we are about to take back: their bookings were never granted, or gave
/// way to somebody who was faster, and what a listing still shows of them is no new one.
pub(super) async fn being_undone(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "
        -- booking.bookings.being_undone
        SELECT event_id
        FROM booking.bookings
        WHERE tenant_id = $1
          AND link_id = $2
          AND google_write = 'undo'
          AND (state = 'rejected' OR (state = 'removed' AND cause = 'slot_taken'))
        ",
        tenant.as_str(),
        link.0,
    )
    .fetch_all(tx)
    .await
}

/// Asks for the events of live bookings to be taken back; what the bookings say does not change by it.
pub(super) async fn take_back(
    tx: &mut PgConnection,
    tenant: &TenantId,
    bookings: &[Uuid],
) -> Result<Vec<BookingId>, sqlx::Error> {
    let asked = sqlx::query_scalar!(
        "
        -- booking.bookings.take_back
        UPDATE booking.bookings
        SET google_write = 'undo'
        WHERE tenant_id = $1
          AND booking_id = ANY($2)
          AND google_write IS NULL
          AND state NOT IN ('removed', 'rejected')
        RETURNING booking_id
        ",
        tenant.as_str(),
        bookings,
    )
    .fetch_all(tx)
    .await?;
    Ok(asked.into_iter().map(BookingId).collect())
}

/// Counts requests that the room of a link declined although nothing else stood in their slot.
pub(super) async fn count_declined_while_free(
    tx: &mut PgConnection,
    tenant: &TenantId,
    link: LinkId,
    more: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "
        -- booking.links.declined_while_free
        UPDATE booking.links
        SET declined_while_free = declined_while_free + $3
        WHERE tenant_id = $1
          AND link_id = $2
        ",
        tenant.as_str(),
        link.0,
        more,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The object's live bookings that overlap the window, and those that overlap one of these: enough
/// to know every conflict within the window.
pub(super) async fn neighbours(
    tx: &mut PgConnection,
    object: &LockedObject,
    window: TimeWindow,
) -> Result<Vec<Booking>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "
        -- booking.bookings.neighbours
        WITH within AS (
            SELECT
                least($3, min(starts_at)) AS starts_at,
                greatest($4, max(ends_at)) AS ends_at
            FROM booking.bookings
            WHERE tenant_id = $1
              AND object_id = $2
              AND state NOT IN ('removed', 'rejected')
              AND tstzrange(starts_at, ends_at) && tstzrange($3, $4)
        )
        SELECT booking_id, object_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title, flags, cause, placement, at_google, event_kept, google_write,
            object_version, created_at, updated_at
        FROM booking.bookings
        WHERE tenant_id = $1
          AND object_id = $2
          AND state NOT IN ('removed', 'rejected')
          AND tstzrange(starts_at, ends_at)
              && (SELECT tstzrange(within.starts_at, within.ends_at) FROM within)
        ",
        object.tenant().as_str(),
        object.object().as_str(),
        window.starts_at(),
        window.ends_at(),
    )
    .fetch_all(tx)
    .await?;
    record::read(rows)
}

/// The times within the window for which the main app blocked the object.
pub(super) async fn blocked(
    tx: &mut PgConnection,
    object: &LockedObject,
    window: TimeWindow,
) -> Result<Vec<TimeWindow>, sqlx::Error> {
    let rows = sqlx::query!(
        "
        -- booking.object_blocks.within
        SELECT starts_at, ends_at
        FROM booking.object_blocks
        WHERE tenant_id = $1
          AND object_id = $2
          AND starts_at < $4
          AND ends_at > $3
        ",
        object.tenant().as_str(),
        object.object().as_str(),
        window.starts_at(),
        window.ends_at(),
    )
    .fetch_all(tx)
    .await?;
    let window = |starts_at, ends_at| TimeWindow::new(starts_at, ends_at);
    rows.into_iter()
        .map(|row| window(row.starts_at, row.ends_at).map_err(|e| sqlx::Error::Decode(e.into())))
        .collect()
}

/// What an `Apply` notes about its link. A check that found nothing moves only `last_check_at`.
pub(super) struct Applied {
    pub(super) link: LinkId,
    pub(super) epoch: i64,
    pub(super) changed: bool,
    pub(super) full_sync: bool,
    /// Of a reconcile: how many bookings had drifted.
    pub(super) drift: Option<i32>,
    pub(super) now: DateTime<Utc>,
}

/// Notes that a listing was applied.
pub(super) async fn note(
    tx: &mut PgConnection,
    tenant: &TenantId,
    applied: &Applied,
) -> Result<(), sqlx::Error> {
    // A full sync compares everything as a reconcile does; what it changes is no drift, because it
    // makes up for a cursor that died, or imports. Its import takes the place of the link before it.
    sqlx::query!(
        "
        -- booking.links.applied
        UPDATE booking.links
        SET epoch = $3,
            last_check_at = greatest(last_check_at, $6),
            last_change_at = CASE WHEN $4 THEN $6 ELSE last_change_at END,
            imported_at = coalesce(imported_at, CASE WHEN $5 THEN $6 END),
            replaces_link_id = CASE WHEN NOT $5 THEN replaces_link_id END,
            last_reconcile_at = CASE
                WHEN $5 OR $7::integer IS NOT NULL
                THEN $6
                ELSE last_reconcile_at
            END,
            drift_found = coalesce($7, drift_found),
            drift_total = drift_total + coalesce($7, 0)
        WHERE tenant_id = $1
          AND link_id = $2
        ",
        tenant.as_str(),
        applied.link.0,
        applied.epoch,
        applied.changed,
        applied.full_sync,
        applied.now,
        applied.drift,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The version of an object, which need not be locked.
pub(super) async fn version(
    tx: &mut PgConnection,
    tenant: &TenantId,
    object: &ObjectId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        "
        -- booking.objects.version_now
        SELECT version
        FROM booking.objects
        WHERE tenant_id = $1
          AND object_id = $2
        ",
        tenant.as_str(),
        object.as_str(),
    )
    .fetch_one(tx)
    .await
}
