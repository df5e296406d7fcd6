//! Writing many bookings in few statements: an import of a year is one insert.
//!
//! The caller holds the lock of the bookings' object and has put the versions under which they are
//! published into `object_version`.

use chrono::{DateTime, Utc};
use roomsync_domain::{GoogleWrite, LinkId, OccurrenceKey, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Booking, record::booker_columns};
use crate::changes::LockedObject;

/// Adds bookings of a link.
pub async fn insert(
    tx: &mut PgConnection,
    object: &LockedObject,
    link: LinkId,
    bookings: &[Booking],
) -> Result<(), sqlx::Error> {
    if bookings.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(bookings);
    sqlx::query!(
        "
        -- booking.bookings.insert
        INSERT INTO booking.bookings (
            tenant_id, object_id, link_id, booking_id, event_id, series_id, original_start, state,
            starts_at, ends_at, all_day, booker_kind, booker_id, organizer_mail, private, title,
            flags, cause, object_version, created_at, updated_at
        )
        SELECT
            $1, $2, $3, new.booking_id, new.event_id, new.series_id, new.original_start, new.state,
            new.starts_at, new.ends_at, new.all_day, new.booker_kind, new.booker_id,
            new.organizer_mail, new.private, new.title, string_to_array(new.flags, ','), new.cause,
            new.object_version, $4, $4
        FROM unnest(
            $5::uuid[], $6::text[], $7::text[], $8::timestamptz[], $9::text[], $10::timestamptz[],
            $11::timestamptz[], $12::boolean[], $13::text[], $14::text[], $15::text[],
            $16::boolean[], $17::text[], $18::text[], $19::text[], $20::bigint[]
        ) AS new (
            booking_id, event_id, series_id, original_start, state, starts_at,
            ends_at, all_day, booker_kind, booker_id, organizer_mail,
            private, title, flags, cause, object_version
        )
        ",
        object.tenant().as_str(),
        object.object().as_str(),
        link.0,
        object.now(),
        &columns.booking_id,
        &columns.event_id as &[&str],
        &columns.series_id as &[Option<&str>],
        &columns.original_start as &[Option<DateTime<Utc>>],
        &columns.state as &[&str],
        &columns.starts_at,
        &columns.ends_at,
        &columns.all_day,
        &columns.booker_kind as &[&str],
        &columns.booker_id as &[Option<&str>],
        &columns.organizer_mail as &[Option<&str>],
        &columns.private,
        &columns.title as &[Option<&str>],
        &columns.flags,
        &columns.cause as &[Option<&str>],
        &columns.object_version,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Brings rows to what `bookings` say, also as which occurrence each goes on. A slot held for a request is let go when the booking ends,
/// or when Google put it elsewhere: what Google says is never refused for its times.
pub async fn update(
    tx: &mut PgConnection,
    tenant: &TenantId,
    bookings: &[Booking],
) -> Result<(), sqlx::Error> {
    if bookings.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(bookings);
    sqlx::query!(
        "
        -- booking.bookings.update
        UPDATE booking.bookings AS old
        SET event_id = new.event_id,
            series_id = new.series_id,
            original_start = new.original_start,
            state = new.state,
            starts_at = new.starts_at,
            ends_at = new.ends_at,
            all_day = new.all_day,
            booker_kind = new.booker_kind,
            booker_id = new.booker_id,
            organizer_mail = new.organizer_mail,
            private = new.private,
            title = new.title,
            flags = string_to_array(new.flags, ','),
            cause = new.cause,
            at_google = new.at_google,
            event_kept = new.event_kept,
            google_write = new.google_write,
            look_at = CASE
                WHEN new.state IN ('pending', 'undecided') AND old.state <> 'confirmed'
                THEN old.look_at
            END,
            answer_due_at = CASE WHEN new.state = 'pending' THEN old.answer_due_at END,
            object_version = new.object_version,
            updated_at = new.updated_at,
            held = CASE
                WHEN new.state NOT IN ('removed', 'rejected')
                    AND lower(old.held) = new.starts_at
                    AND upper(old.held) = new.ends_at
                THEN old.held
            END
        FROM unnest(
            $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::boolean[], $8::text[], $9::text[], $10::text[], $11::boolean[], $12::text[],
            $13::text[], $14::text[], $15::bigint[], $16::timestamptz[], $17::text[],
            $18::timestamptz[], $19::boolean[], $20::boolean[], $21::text[]
        ) AS new (
            booking_id, event_id, state, starts_at, ends_at,
            all_day, booker_kind, booker_id, organizer_mail, private, title,
            flags, cause, object_version, updated_at, series_id, original_start,
            at_google, event_kept, google_write
        )
        WHERE old.tenant_id = $1
          AND old.booking_id = new.booking_id
        ",
        tenant.as_str(),
        &columns.booking_id,
        &columns.event_id as &[&str],
        &columns.state as &[&str],
        &columns.starts_at,
        &columns.ends_at,
        &columns.all_day,
        &columns.booker_kind as &[&str],
        &columns.booker_id as &[Option<&str>],
        &columns.organizer_mail as &[Option<&str>],
        &columns.private,
        &columns.title as &[Option<&str>],
        &columns.flags,
        &columns.cause as &[Option<&str>],
        &columns.object_version,
        &columns.updated_at,
        &columns.series_id as &[Option<&str>],
        &columns.original_start as &[Option<DateTime<Utc>>],
        &columns.at_google,
        &columns.event_kept,
        &columns.google_write as &[Option<&str>],
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Bookings column by column, as `unnest` takes them. Flags are joined by commas, because arrays of
/// arrays must be rectangular.
#[derive(Default)]
struct Columns<'a> {
    booking_id: Vec<Uuid>,
    event_id: Vec<&'a str>,
    series_id: Vec<Option<&'a str>>,
    original_start: Vec<Option<DateTime<Utc>>>,
    state: Vec<&'static str>,
    starts_at: Vec<DateTime<Utc>>,
    ends_at: Vec<DateTime<Utc>>,
    all_day: Vec<bool>,
    booker_kind: Vec<&'static str>,
    booker_id: Vec<Option<&'a str>>,
    organizer_mail: Vec<Option<&'a str>>,
    private: Vec<bool>,
    title: Vec<Option<&'a str>>,
    flags: Vec<String>,
    cause: Vec<Option<&'static str>>,
    at_google: Vec<bool>,
    event_kept: Vec<bool>,
    google_write: Vec<Option<&'static str>>,
    object_version: Vec<i64>,
    updated_at: Vec<DateTime<Utc>>,
}

impl<'a> Columns<'a> {
    fn of(bookings: &'a [Booking]) -> Self {
        let mut columns = Self::default();
        for booking in bookings {
            columns.push(booking);
        }
        columns
    }

    fn push(&mut self, booking: &'a Booking) {
        let details = &booking.details;
        let (series_id, original_start) = match &booking.key {
            OccurrenceKey::Event(_) => (None, None),
            OccurrenceKey::Slot {
                series,
                original_start,
            } => (Some(series.as_str()), Some(*original_start)),
        };
        let (booker_kind, booker_id) = booker_columns(&details.booker);
        self.booking_id.push(booking.id.0);
        self.event_id.push(&details.event_id);
        self.series_id.push(series_id);
        self.original_start.push(original_start);
        self.state.push(booking.state.as_str());
        self.starts_at.push(details.window.starts_at());
        self.ends_at.push(details.window.ends_at());
        self.all_day.push(details.all_day);
        self.booker_kind.push(booker_kind);
        self.booker_id.push(booker_id);
        self.organizer_mail.push(details.organizer_mail.as_deref());
        self.private.push(details.private);
        self.title.push(details.title.as_deref());
        self.at_google.push(booking.at_google);
        self.event_kept.push(booking.event_kept);
        let write = booking.google_write.map(GoogleWrite::as_str);
        self.google_write.push(write);
        self.flags.push(booking.flags.words().join(","));
        self.cause
            .push(booking.cause.map(roomsync_domain::Cause::as_str));
        self.object_version.push(booking.object_version);
        self.updated_at.push(booking.updated_at);
    }
}
