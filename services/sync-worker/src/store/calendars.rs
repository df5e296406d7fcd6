//! The calendars: generation, claim, lease, epoch, cursor.
//!
//! A push raises `generation_wanted`; a claim takes a dirty, free and due calendar under a new
//! epoch; the end stores the cursor and the generation that was wanted *before* the first request,
//! so a push during the listing leaves the calendar dirty. How it gets dirty is in `raise.rs`, who
//! finds it then in `sweep.rs`, what else happens to a calendar in `upkeep.rs`.

use std::time::Duration;

use roomsync_domain::CalendarId;
use roomsync_postgres::Database;

use super::{
    rows::{Claim, End, Ended, PutOff, decode},
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

    /// Takes a calendar that is free, due, and dirty or wanting a reconcile that is due. `None`: nothing to do, or somebody is at it.
    pub(crate) async fn claim(
        &self,
        calendar: CalendarId,
        lease: Duration,
    ) -> sqlx::Result<Option<Claim>> {
        let query = sqlx::query!(
            r#"-- sync.calendars.claim
            UPDATE sync.calendars
            SET epoch = epoch + 1,
                lease_until = now() + make_interval(secs => $2),
                pushing_at = LEAST(pushing_at, pushed_at),
                pushed_at = NULL
            WHERE calendar_id = $1
              AND state = 'open'
              AND (
                  generation_done < generation_wanted
                  OR (reconcile_done < reconcile_wanted AND reconcile_attempt_at <= now())
              )
              AND lease_until < now()
              AND next_attempt_at <= now()
            RETURNING tenant_id, resource_email, horizon_days, epoch, generation_wanted, cursor,
                full_wanted, full_done, reconcile_wanted, reconcile_failures, mirrored_until,
                (reconcile_done < reconcile_wanted AND reconcile_attempt_at <= now()) AS "reconcile!",
                EXTRACT(EPOCH FROM now() - cursor_since)::float8 AS cursor_age,
                failures, access_role, pushing_at, now() AS "claimed_at!""#,
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
                reconcile: row.reconcile,
                reconcile_wanted: row.reconcile_wanted,
                reconcile_failures: row.reconcile_failures,
                mirrored_until: row.mirrored_until,
                cursor_age: row
                    .cursor_age
                    .map(|age| Duration::try_from_secs_f64(age).unwrap_or_default()),
                failures: row.failures,
                access_role: row.access_role,
                pushed_at: row.pushing_at,
                claimed_at: row.claimed_at,
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
    ///
    /// Failures are over only when something is done: a full sync whose cursor dies at once must not
    /// be tried again without a delay for ever. The pushes that the claim answers are over too, unless
    /// the calendar is clean only up to an earlier generation: then they wait for the next pull. After a
    /// full sync the calendar is dirty also if a reconcile alone was wanted of it. Who waits for a look waits
    /// until nothing more is wanted. What was wanted since the claim is not older than the claim.
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
            SET cursor = COALESCE($3, cursor),
                generation_done = GREATEST(generation_done, $4),
                generation_wanted = CASE
                    WHEN $4::bigint IS NULL THEN GREATEST(generation_wanted, generation_done + 1)
                    ELSE generation_wanted
                END,
                full_done = COALESCE($5, full_done),
                reconcile_done = COALESCE($6, reconcile_done),
                reconcile_failures = CASE WHEN $6::bigint IS NULL THEN reconcile_failures ELSE 0 END,
                mirrored_until = COALESCE($7, mirrored_until),
                lease_until = '-infinity',
                next_attempt_at = now() + make_interval(secs => $8),
                sweep_after = '-infinity',
                failures = CASE
                    WHEN $4::bigint IS NULL THEN failures + $13::boolean::integer
                    ELSE 0
                END,
                not_found = 0,
                pushing_at = CASE WHEN $4::bigint < $14 THEN pushing_at END,
                awaited = awaited AND coalesce($4::bigint < generation_wanted, true),
                dirty_since = CASE
                    WHEN $4::bigint >= generation_wanted THEN NULL
                    WHEN $4::bigint >= $14 THEN $15
                    ELSE COALESCE(dirty_since, now())
                END,
                access_role = COALESCE($9, access_role),
                last_check_at = now(),
                last_full_sync_at = CASE WHEN $5::bigint IS NULL THEN last_full_sync_at ELSE now() END,
                cursor_since = CASE WHEN $5::bigint IS NULL THEN cursor_since ELSE now() END,
                next_poll_at = now() + make_interval(secs => $10 * (0.75 + 0.5 * random())),
                next_reconcile_at = CASE
                    WHEN $6::bigint IS NULL THEN next_reconcile_at
                    ELSE now() + make_interval(secs => $11 * (0.75 + 0.5 * random()))
                END
            WHERE calendar_id = $1
              AND epoch = $2
            RETURNING generation_done < generation_wanted AS "more!",
                coverage_at <= now() - make_interval(secs => $12) AS "coverage_due!""#,
            claim.calendar.id.0,
            claim.epoch,
            end.cursor,
            end.done,
            end.full_done,
            end.reconcile_done,
            end.mirrored_until,
            seconds(end.pause),
            end.access_role,
            seconds(end.poll),
            seconds(end.reconcile_every),
            seconds(coverage_every),
            end.cursor_died,
            claim.generation,
            claim.claimed_at,
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

    /// Lets go after a failure, until the delay has passed (jittered here, by up to a fifth). Returns
    /// how often in a row Google has not found the calendar; `None`: the claim is lost.
    pub(crate) async fn put_off(&self, claim: &Claim, off: PutOff) -> sqlx::Result<Option<i32>> {
        let query = sqlx::query_scalar!(
            "-- sync.calendars.put_off
            UPDATE sync.calendars
            SET lease_until = '-infinity',
                next_attempt_at = now() + make_interval(secs => $3 * (1 + 0.2 * random())),
                failures = failures + $4::boolean::integer,
                not_found = CASE WHEN $5 THEN not_found + 1 ELSE not_found END,
                cursor = CASE WHEN $6 THEN NULL ELSE cursor END,
                cursor_since = CASE WHEN $6 THEN NULL ELSE cursor_since END
            WHERE calendar_id = $1
              AND epoch = $2
            RETURNING not_found",
            claim.calendar.id.0,
            claim.epoch,
            seconds(off.delay),
            off.failed,
            off.not_found,
            off.cursor_dead,
        )
        .fetch_optional(self.database.pool());
        self.database.answer(query).await
    }

    /// Lets go after the window of a reconcile failed: it waits until the delay has passed (jittered
    /// here, by up to a fifth), and the calendar itself for nothing. `false`: the claim is lost.
    pub(crate) async fn put_off_reconcile(
        &self,
        claim: &Claim,
        delay: Duration,
        failed: bool,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.put_off_reconcile
            UPDATE sync.calendars
            SET lease_until = '-infinity',
                sweep_after = '-infinity',
                reconcile_attempt_at = now() + make_interval(secs => $3 * (1 + 0.2 * random())),
                reconcile_failures = reconcile_failures + $4::boolean::integer
            WHERE calendar_id = $1
              AND epoch = $2",
            claim.calendar.id.0,
            claim.epoch,
            seconds(delay),
            failed,
        )
        .execute(self.database.pool());
        let put_off = self.database.answer(query).await?;
        Ok(put_off.rows_affected() == 1)
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
}
