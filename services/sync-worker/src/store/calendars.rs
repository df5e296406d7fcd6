//! The calendars: generation, claim, lease, epoch, cursor.
//!
//! A push raises `generation_wanted`; a claim takes a dirty, free and due calendar under a new
//! epoch; the end stores the cursor and the generation that was wanted *before* the first request,
//! so a push during the listing leaves the calendar dirty. What else happens to a calendar is in
//! `upkeep.rs`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::CalendarId;
use roomsync_postgres::Database;

use super::{
    rows::{Claim, End, Ended, Swept, decode},
    seconds,
};

/// The table `sync.calendars`.
#[derive(Debug, Clone)]
pub(crate) struct Calendars {
    pub(super) database: Database,
}

impl Calendars {
    /// The table in a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Asks for a look at an open calendar, committed on its own: whatever happens next, the
    /// calendar is dirty. `false`: there is no such open calendar.
    pub(crate) async fn raise(
        &self,
        calendar: CalendarId,
        pushed_at: Option<DateTime<Utc>>,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.raise
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                pushed_at = LEAST(pushed_at, $2)
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
            pushed_at,
        )
        .execute(self.database.pool());
        let raised = self.database.answer(query).await?;
        Ok(raised.rows_affected() == 1)
    }

    /// Asks for a full sync of an open calendar.
    pub(crate) async fn raise_full(&self, calendar: CalendarId) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.raise_full
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                full_wanted = full_wanted + 1
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
        )
        .execute(self.database.pool());
        let raised = self.database.answer(query).await?;
        Ok(raised.rows_affected() == 1)
    }

    /// Takes a calendar that is dirty, free and due. `None`: nothing to do, or somebody is at it.
    pub(crate) async fn claim(
        &self,
        calendar: CalendarId,
        lease: Duration,
    ) -> sqlx::Result<Option<Claim>> {
        let query = sqlx::query!(
            "-- sync.calendars.claim
            UPDATE sync.calendars
            SET epoch = epoch + 1,
                lease_until = now() + make_interval(secs => $2),
                pushing_at = LEAST(pushing_at, pushed_at),
                pushed_at = NULL
            WHERE calendar_id = $1
              AND state = 'open'
              AND generation_done < generation_wanted
              AND lease_until < now()
              AND next_attempt_at <= now()
            RETURNING tenant_id, resource_email, horizon_days, epoch, generation_wanted, cursor,
                full_wanted, full_done, failures, access_role, pushing_at",
            calendar.0,
            seconds(lease),
        )
        .fetch_optional(self.database.pool());
        let row = self.database.answer(query).await?;
        row.map(|row| {
            Ok(Claim {
                calendar: decode(
                    calendar,
                    row.tenant_id,
                    row.resource_email,
                    row.horizon_days,
                )?,
                epoch: row.epoch,
                generation: row.generation_wanted,
                cursor: row.cursor,
                full: (row.full_done < row.full_wanted).then_some(row.full_wanted),
                full_wanted: row.full_wanted,
                failures: row.failures,
                access_role: row.access_role,
                pushed_at: row.pushing_at,
            })
        })
        .transpose()
    }

    /// Keeps the claim for another lease. `false`: it is lost.
    pub(crate) async fn renew(&self, claim: &Claim, lease: Duration) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.renew
            UPDATE sync.calendars
            SET lease_until = now() + make_interval(secs => $3)
            WHERE calendar_id = $1
              AND epoch = $2",
            claim.calendar.id.0,
            claim.epoch,
            seconds(lease),
        )
        .execute(self.database.pool());
        let renewed = self.database.answer(query).await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Stores what was listed and applied, and lets go, in one statement. `None`: the claim is lost.
    pub(crate) async fn end(
        &self,
        claim: &Claim,
        end: &End,
        coverage_every: Duration,
    ) -> sqlx::Result<Option<Ended>> {
        let query = sqlx::query_as!(
            Ended,
            r#"-- sync.calendars.end
            UPDATE sync.calendars
            SET cursor = $3,
                generation_done = COALESCE($4, generation_done),
                full_done = COALESCE($5, full_done),
                lease_until = '-infinity',
                failures = 0,
                not_found = 0,
                pushing_at = NULL,
                access_role = COALESCE($6, access_role),
                last_check_at = now(),
                last_full_sync_at = CASE WHEN $5::bigint IS NULL THEN last_full_sync_at ELSE now() END,
                next_poll_at = now() + make_interval(secs => $7 * (0.75 + 0.5 * random()))
            WHERE calendar_id = $1
              AND epoch = $2
            RETURNING generation_done < generation_wanted AS "more!",
                coverage_at <= now() - make_interval(secs => $8) AS "coverage_due!""#,
            claim.calendar.id.0,
            claim.epoch,
            end.cursor,
            end.done,
            end.full_done,
            end.access_role,
            seconds(end.poll),
            seconds(coverage_every),
        )
        .fetch_optional(self.database.pool());
        self.database.answer(query).await
    }

    /// Lets go without a result: the calendar stays dirty and can be claimed again at once.
    pub(crate) async fn release(&self, claim: &Claim) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.calendars.release
            UPDATE sync.calendars
            SET lease_until = '-infinity'
            WHERE calendar_id = $1
              AND epoch = $2",
            claim.calendar.id.0,
            claim.epoch,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// booking-command knows a later epoch than ours: goes past it, and lets go.
    pub(crate) async fn overtake(&self, claim: &Claim, current: i64) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.overtake
            UPDATE sync.calendars
            SET epoch = $3::bigint + 1,
                lease_until = '-infinity'
            WHERE calendar_id = $1
              AND epoch = $2",
            claim.calendar.id.0,
            claim.epoch,
            current,
        )
        .execute(self.database.pool());
        let overtaken = self.database.answer(query).await?;
        Ok(overtaken.rows_affected() == 1)
    }

    /// Lets go after a failure, until `delay` has passed (jittered here, by up to a fifth).
    /// `failed` counts against the calendar, `not_found` against its link. Returns how often in a
    /// row Google has not found the calendar; `None`: the claim is lost.
    pub(crate) async fn put_off(
        &self,
        claim: &Claim,
        delay: Duration,
        failed: bool,
        not_found: bool,
    ) -> sqlx::Result<Option<i32>> {
        let query = sqlx::query_scalar!(
            "-- sync.calendars.put_off
            UPDATE sync.calendars
            SET lease_until = '-infinity',
                next_attempt_at = now() + make_interval(secs => $3 * (1 + 0.2 * random())),
                failures = failures + $4::boolean::integer,
                not_found = CASE WHEN $5 THEN not_found + 1 ELSE not_found END
            WHERE calendar_id = $1
              AND epoch = $2
            RETURNING not_found",
            claim.calendar.id.0,
            claim.epoch,
            seconds(delay),
            failed,
            not_found,
        )
        .fetch_optional(self.database.pool());
        self.database.answer(query).await
    }

    /// Remembers that the link was reported failed, so that it is reported once, and reported
    /// verified when a listing works again.
    pub(crate) async fn reported_failed(&self, calendar: CalendarId) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.calendars.reported_failed
            UPDATE sync.calendars
            SET access_role = NULL
            WHERE calendar_id = $1",
            calendar.0,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// Calendars that are dirty, free and due, each at most once per `again`: the net under every
    /// lost message and every worker that died.
    pub(crate) async fn sweep(&self, again: Duration, limit: i64) -> sqlx::Result<Vec<Swept>> {
        let query = sqlx::query!(
            r#"-- sync.calendars.sweep
            UPDATE sync.calendars
            SET sweep_after = now() + make_interval(secs => $1)
            WHERE calendar_id IN (
                SELECT calendar_id
                FROM sync.calendars
                WHERE state = 'open'
                  AND generation_done < generation_wanted
                  AND lease_until < now()
                  AND next_attempt_at <= now()
                  AND sweep_after <= now()
                ORDER BY next_attempt_at
                LIMIT $2
                FOR UPDATE SKIP LOCKED
            )
            RETURNING calendar_id, (pushed_at IS NOT NULL OR pushing_at IS NOT NULL) AS "pushed!""#,
            seconds(again),
            limit,
        )
        .fetch_all(self.database.pool());
        let rows = self.database.answer(query).await?;
        Ok(rows
            .into_iter()
            .map(|row| Swept {
                calendar: CalendarId(row.calendar_id),
                pushed: row.pushed,
            })
            .collect())
    }

    /// Raises clean calendars whose poll is due; the sweep then finds them. The end of the listing
    /// sets the next poll, so a dirty calendar is never raised twice by this.
    pub(crate) async fn poll(&self, limit: i64) -> sqlx::Result<u64> {
        let query = sqlx::query!(
            "-- sync.calendars.poll
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                sweep_after = '-infinity'
            WHERE calendar_id IN (
                SELECT calendar_id
                FROM sync.calendars
                WHERE state = 'open'
                  AND generation_done = generation_wanted
                  AND next_poll_at <= now()
                ORDER BY next_poll_at
                LIMIT $1
                FOR UPDATE SKIP LOCKED
            )",
            limit,
        )
        .execute(self.database.pool());
        let raised = self.database.answer(query).await?;
        Ok(raised.rows_affected())
    }
}
