//! Claiming a write: one process at a time, for as long as one write may take.

use std::time::Duration;

use roomsync_domain::{BookingId, LinkId, ResourceEmail, TenantId};

use super::Writer;
use crate::{
    bookings::{Booking, record::Row},
    status::CommandError,
};

/// The longest that somebody waits before looking again whether a claim was given back.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// A row that is ours to write, until somebody claims it later.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    /// Whose.
    pub(crate) tenant: TenantId,
    /// The booking as it was then.
    pub(crate) booking: Booking,
    /// Its link.
    pub(crate) link: LinkId,
    /// The room's calendar.
    pub(crate) room: ResourceEmail,
    /// Whether the room answers by itself, if Google told.
    pub(crate) answers_by_itself: Option<bool>,
    /// Tells this claim from every other.
    pub(crate) epoch: i64,
    /// The slot is held for it: the event stands where we put it.
    pub(crate) held: bool,
    /// An insert may have reached Google.
    pub(crate) attempted: bool,
    /// How long ago it was asked for.
    pub(crate) age: Duration,
    /// How long a request may still wait; zero when its time has passed.
    pub(crate) patience: Option<Duration>,
    /// The calendar with the main copy, if we made it.
    pub(crate) event_calendar: Option<String>,
}

/// What came of claiming.
#[derive(Debug)]
pub(super) enum Claim {
    /// Ours.
    Mine(Box<Claimed>),
    /// Google need not be told anything.
    Nothing,
    /// Somebody else is at it, for so long at most.
    Busy(Duration),
}

impl Writer {
    pub(super) async fn claim(
        &self,
        tenant: &TenantId,
        booking: BookingId,
    ) -> Result<Claim, CommandError> {
        let query = sqlx::query!(
            r#"
            -- booking.bookings.claim_write
            UPDATE booking.bookings AS b
            SET write_epoch = b.write_epoch + 1,
                write_until = clock_timestamp() + make_interval(secs => $3)
            FROM booking.links AS link
            WHERE b.tenant_id = $1
              AND b.booking_id = $2
              AND link.link_id = b.link_id
              AND link.tenant_id = b.tenant_id
              AND b.google_write IS NOT NULL
              AND (b.write_until IS NULL OR b.write_until <= clock_timestamp())
            RETURNING b.booking_id, b.object_id, b.event_id, b.series_id, b.original_start, b.state,
                b.starts_at, b.ends_at, b.all_day, b.booker_kind, b.booker_id, b.organizer_mail,
                b.private, b.title, b.flags, b.cause, b.placement, b.at_google, b.event_kept,
                b.google_write, b.object_version, b.created_at, b.updated_at, b.link_id,
                b.write_epoch, b.write_attempted, b.event_calendar, link.resource_email,
                link.answers_by_itself, b.held IS NOT NULL AS "held!",
                extract(epoch FROM b.give_up_at - clock_timestamp())::double precision
                    AS patience,
                extract(epoch FROM clock_timestamp() - b.created_at)::double precision AS "age!"
            "#,
            tenant.as_str(),
            booking.0,
            self.config.claim.as_secs_f64(),
        )
        .fetch_optional(self.database.pool());
        let Some(row) = self.database.answer(query).await? else {
            return self.why_not(tenant, booking).await;
        };
        let room = ResourceEmail::try_from(row.resource_email).map_err(anyhow::Error::from)?;
        let booking = Booking::try_from(Row {
            booking_id: row.booking_id,
            object_id: row.object_id,
            event_id: row.event_id,
            series_id: row.series_id,
            original_start: row.original_start,
            state: row.state,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            all_day: row.all_day,
            booker_kind: row.booker_kind,
            booker_id: row.booker_id,
            organizer_mail: row.organizer_mail,
            private: row.private,
            title: row.title,
            flags: row.flags,
            cause: row.cause,
            placement: row.placement,
            at_google: row.at_google,
            event_kept: row.event_kept,
            google_write: row.google_write,
            object_version: row.object_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })?;
        Ok(Claim::Mine(Box::new(Claimed {
            tenant: tenant.clone(),
            booking,
            link: LinkId(row.link_id),
            room,
            answers_by_itself: row.answers_by_itself,
            epoch: row.write_epoch,
            held: row.held,
            attempted: row.write_attempted,
            age: seconds(row.age),
            patience: row.patience.map(seconds),
            event_calendar: row.event_calendar,
        })))
    }

    async fn why_not(&self, tenant: &TenantId, booking: BookingId) -> Result<Claim, CommandError> {
        let query = sqlx::query_scalar!(
            r#"
            -- booking.bookings.claimed_for
            SELECT coalesce(
                extract(epoch FROM write_until - clock_timestamp())::double precision, 0
            ) AS "claimed_for!"
            FROM booking.bookings
            WHERE tenant_id = $1
              AND booking_id = $2
              AND google_write IS NOT NULL
            "#,
            tenant.as_str(),
            booking.0,
        )
        .fetch_optional(self.database.pool());
        let claimed_for = self.database.answer(query).await?;
        Ok(claimed_for.map_or(Claim::Nothing, |left| {
            Claim::Busy(seconds(left).min(LOOK_AGAIN))
        }))
    }

    /// Lets others claim it. That it was tried until now is kept: see `again.rs`.
    pub(super) async fn give_back(&self, claimed: &Claimed) -> Result<(), CommandError> {
        let query = sqlx::query!(
            "
            -- booking.bookings.give_back_write
            UPDATE booking.bookings
            SET write_until = least(write_until, clock_timestamp())
            WHERE tenant_id = $1
              AND booking_id = $2
              AND write_epoch = $3
            ",
            claimed.tenant.as_str(),
            claimed.booking.id.0,
            claimed.epoch,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }
}

/// A duration from PostgreSQL; what has passed already is none.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
