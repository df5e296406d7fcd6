//! The calendars: generation, claim, lease, epoch, cursor.
//!
//! A push raises `generation_wanted`; a claim takes a dirty, free and due calendar under a new
//! epoch; the end stores the cursor and the generation that was wanted *before* the first request,
//! so a push during the listing leaves the calendar dirty.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, ResourceEmail, TenantId};
use sqlx::PgPool;

use super::{seconds, undecodable};

/// The table `sync.calendars`.
#[derive(Debug, Clone)]
pub(crate) struct Calendars {
    pool: PgPool,
}

/// A calendar as a link wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    /// Equal to the link's id.
    pub(crate) id: CalendarId,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The resource calendar at Google.
    pub(crate) resource: ResourceEmail,
    /// How far ahead bookings are mirrored.
    pub(crate) horizon_days: i32,
}

/// The right to list one calendar and apply what was listed, once.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// What was claimed.
    pub(crate) calendar: Calendar,
    /// Ours; a greater one in the row means that the claim is lost.
    pub(crate) epoch: i64,
    /// `generation_wanted` as it was before the first request.
    pub(crate) generation: i64,
    /// Google's sync token, if there is one.
    pub(crate) cursor: Option<String>,
    /// `full_wanted` when a full sync is asked for.
    pub(crate) full: Option<i64>,
    /// `full_wanted` as it was before the first request.
    pub(crate) full_wanted: i64,
    /// Failures in a row before this claim.
    pub(crate) failures: i32,
    /// Google's role on the calendar as last reported; `None` when the link is reported failed.
    pub(crate) access_role: Option<String>,
    /// When the oldest push that this claim answers was received.
    pub(crate) pushed_at: Option<DateTime<Utc>>,
}

/// What a finished listing writes.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// The new cursor.
    pub(crate) cursor: String,
    /// Clean up to this generation; `None` after a full sync, which a pull from its cursor follows.
    pub(crate) done: Option<i64>,
    /// The full sync that is done.
    pub(crate) full_done: Option<i64>,
    /// The interval of the next poll, before jitter.
    pub(crate) poll: Duration,
    /// Google's role on the calendar, where the page said it.
    pub(crate) access_role: Option<String>,
}

/// How a calendar stands after an end.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// More was wanted meanwhile.
    pub(crate) more: bool,
    /// Its coverage was not reported for a while.
    pub(crate) coverage_due: bool,
}

/// What coverage is made of.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Open calendars of the same tenant.
    pub(crate) rooms: i64,
    /// `open`, `opening`, `refused` or `none`.
    pub(crate) channel_state: String,
    /// When the open channel expires.
    pub(crate) channel_expires_at: Option<DateTime<Utc>>,
    /// When Google was last listed and the result applied.
    pub(crate) last_check_at: Option<DateTime<Utc>>,
    /// When the last full sync was applied.
    pub(crate) last_full_sync_at: Option<DateTime<Utc>>,
}

/// A dirty, free and due calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Which.
    pub(crate) calendar: CalendarId,
    /// A push waits to be applied.
    pub(crate) pushed: bool,
}

/// A row as the comparison of links reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// The calendar as it is.
    pub(crate) calendar: Calendar,
    /// Neither closing nor closed.
    pub(crate) open: bool,
    /// Closed for good.
    pub(crate) closed: bool,
    /// Its link was reported verified and not failed since.
    pub(crate) verified: bool,
}

/// How many calendars there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Open ones.
    pub(crate) open: i64,
    /// Open ones with something to do.
    pub(crate) dirty: i64,
    /// Open ones whose last attempt failed.
    pub(crate) failing: i64,
}

impl Calendars {
    /// The table behind a pool.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Asks for a look at an open calendar, committed on its own: whatever happens next, the
    /// calendar is dirty. `false`: there is no such open calendar.
    pub(crate) async fn raise(
        &self,
        calendar: CalendarId,
        pushed_at: Option<DateTime<Utc>>,
    ) -> sqlx::Result<bool> {
        let raised = sqlx::query!(
            "-- sync.calendars.raise
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                pushed_at = LEAST(pushed_at, $2)
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
            pushed_at,
        )
        .execute(&self.pool)
        .await?;
        Ok(raised.rows_affected() == 1)
    }

    /// Asks for a full sync of an open calendar.
    pub(crate) async fn raise_full(&self, calendar: CalendarId) -> sqlx::Result<bool> {
        let raised = sqlx::query!(
            "-- sync.calendars.raise_full
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                full_wanted = full_wanted + 1
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
        )
        .execute(&self.pool)
        .await?;
        Ok(raised.rows_affected() == 1)
    }

    /// Takes a calendar that is dirty, free and due. `None`: nothing to do, or somebody is at it.
    pub(crate) async fn claim(
        &self,
        calendar: CalendarId,
        lease: Duration,
    ) -> sqlx::Result<Option<Claim>> {
        let row = sqlx::query!(
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
        .fetch_optional(&self.pool)
        .await?;
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
        let renewed = sqlx::query!(
            "-- sync.calendars.renew
            UPDATE sync.calendars
            SET lease_until = now() + make_interval(secs => $3)
            WHERE calendar_id = $1
              AND epoch = $2",
            claim.calendar.id.0,
            claim.epoch,
            seconds(lease),
        )
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Stores what was listed and applied, and lets go, in one statement. `None`: the claim is lost.
    pub(crate) async fn end(
        &self,
        claim: &Claim,
        end: &End,
        coverage_every: Duration,
    ) -> sqlx::Result<Option<Ended>> {
        sqlx::query_as!(
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
        .fetch_optional(&self.pool)
        .await
    }

    /// Lets go without a result: the calendar stays dirty and can be claimed again at once.
    pub(crate) async fn release(&self, claim: &Claim) -> sqlx::Result<()> {
        sqlx::query!(
            "-- sync.calendars.release
            UPDATE sync.calendars
            SET lease_until = '-infinity'
            WHERE calendar_id = $1
              AND epoch = $2",
            claim.calendar.id.0,
            claim.epoch,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// booking-command knows a later epoch than ours: goes past it, and lets go.
    pub(crate) async fn overtake(&self, claim: &Claim, current: i64) -> sqlx::Result<bool> {
        let overtaken = sqlx::query!(
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
        .execute(&self.pool)
        .await?;
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
        sqlx::query_scalar!(
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
        .fetch_optional(&self.pool)
        .await
    }

    /// Remembers that the link was reported failed, so that it is reported once, and reported
    /// verified when a listing works again.
    pub(crate) async fn reported_failed(&self, calendar: CalendarId) -> sqlx::Result<()> {
        sqlx::query!(
            "-- sync.calendars.reported_failed
            UPDATE sync.calendars
            SET access_role = NULL
            WHERE calendar_id = $1",
            calendar.0,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Calendars that are dirty, free and due, each at most once per `again`: the net under every
    /// lost message and every worker that died.
    pub(crate) async fn sweep(&self, again: Duration, limit: i64) -> sqlx::Result<Vec<Swept>> {
        let rows = sqlx::query!(
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
        .fetch_all(&self.pool)
        .await?;
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
        let raised = sqlx::query!(
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
        .execute(&self.pool)
        .await?;
        Ok(raised.rows_affected())
    }

    /// What coverage is made of.
    pub(crate) async fn standing(&self, calendar: CalendarId) -> sqlx::Result<Option<Standing>> {
        sqlx::query_as!(
            Standing,
            r#"-- sync.calendars.standing
            SELECT
                (SELECT count(*)
                 FROM sync.calendars AS r
                 WHERE r.tenant_id = c.tenant_id
                   AND r.state = 'open') AS "rooms!",
                CASE
                    WHEN o.state IS NOT NULL THEN o.state
                    WHEN c.push_refused_until > now() THEN 'refused'
                    ELSE 'none'
                END AS "channel_state!",
                o.expires_at AS channel_expires_at,
                c.last_check_at,
                c.last_full_sync_at
            FROM sync.calendars AS c
            LEFT JOIN LATERAL (
                SELECT h.state, h.expires_at
                FROM sync.channels AS h
                WHERE h.calendar_id = c.calendar_id
                  AND h.state IN ('open', 'opening')
                  AND (h.expires_at IS NULL OR h.expires_at > now())
                ORDER BY h.state = 'open' DESC, h.created_at DESC
                LIMIT 1
            ) AS o ON true
            WHERE c.calendar_id = $1"#,
            calendar.0,
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// Coverage was reported just now.
    pub(crate) async fn covered(&self, calendar: CalendarId) -> sqlx::Result<()> {
        sqlx::query!(
            "-- sync.calendars.covered
            UPDATE sync.calendars
            SET coverage_at = now()
            WHERE calendar_id = $1",
            calendar.0,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The row of a calendar.
    pub(crate) async fn find(&self, calendar: CalendarId) -> sqlx::Result<Option<Known>> {
        let row = sqlx::query!(
            "-- sync.calendars.find
            SELECT tenant_id, resource_email, horizon_days, state, access_role
            FROM sync.calendars
            WHERE calendar_id = $1",
            calendar.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(Known {
                calendar: decode(
                    calendar,
                    row.tenant_id,
                    row.resource_email,
                    row.horizon_days,
                )?,
                open: row.state == "open",
                closed: row.state == "closed",
                verified: row.access_role.is_some(),
            })
        })
        .transpose()
    }

    /// Makes the row of a verified link, or brings it up to date. It is not dirty by this: the
    /// channel is opened first.
    pub(crate) async fn open(&self, calendar: &Calendar, access_role: &str) -> sqlx::Result<()> {
        sqlx::query!(
            "-- sync.calendars.open
            INSERT INTO sync.calendars AS c (calendar_id, tenant_id, resource_email, horizon_days, access_role)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (calendar_id) DO UPDATE
            SET resource_email = EXCLUDED.resource_email,
                horizon_days = EXCLUDED.horizon_days,
                access_role = EXCLUDED.access_role,
                state = 'open',
                next_attempt_at = '-infinity',
                channel_due_at = CASE WHEN c.state = 'open' THEN c.channel_due_at ELSE '-infinity' END,
                failures = 0,
                not_found = 0
            WHERE c.tenant_id = EXCLUDED.tenant_id",
            calendar.id.0,
            calendar.tenant.as_str(),
            calendar.resource.as_str(),
            calendar.horizon_days,
            access_role,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Begins to close: nothing is claimed any more, and whoever is at it loses its claim.
    pub(crate) async fn closing(&self, calendar: CalendarId) -> sqlx::Result<()> {
        sqlx::query!(
            "-- sync.calendars.closing
            UPDATE sync.calendars
            SET state = 'closing',
                epoch = epoch + 1,
                lease_until = '-infinity'
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Closed: the row stays, the cursor goes.
    pub(crate) async fn closed(&self, calendar: CalendarId) -> sqlx::Result<()> {
        sqlx::query!(
            "-- sync.calendars.closed
            UPDATE sync.calendars
            SET state = 'closed',
                cursor = NULL,
                full_wanted = full_wanted + 1,
                pushed_at = NULL,
                pushing_at = NULL
            WHERE calendar_id = $1
              AND state = 'closing'",
            calendar.0,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Every calendar that is not closed, in the order of its id, after `after`.
    pub(crate) async fn not_closed(
        &self,
        after: Option<CalendarId>,
        limit: i64,
    ) -> sqlx::Result<Vec<Known>> {
        let rows = sqlx::query!(
            "-- sync.calendars.not_closed
            SELECT calendar_id, tenant_id, resource_email, horizon_days, state, access_role
            FROM sync.calendars
            WHERE state <> 'closed'
              AND ($1::uuid IS NULL OR calendar_id > $1)
            ORDER BY calendar_id
            LIMIT $2",
            after.map(|id| id.0),
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let id = CalendarId(row.calendar_id);
                Ok(Known {
                    calendar: decode(id, row.tenant_id, row.resource_email, row.horizon_days)?,
                    open: row.state == "open",
                    closed: row.state == "closed",
                    verified: row.access_role.is_some(),
                })
            })
            .collect()
    }

    /// Numbers for the metrics.
    pub(crate) async fn counts(&self) -> sqlx::Result<Counts> {
        sqlx::query_as!(
            Counts,
            r#"-- sync.calendars.counts
            SELECT
                count(*) AS "open!",
                count(*) FILTER (WHERE generation_done < generation_wanted) AS "dirty!",
                count(*) FILTER (WHERE failures > 0) AS "failing!"
            FROM sync.calendars
            WHERE state = 'open'"#,
        )
        .fetch_one(&self.pool)
        .await
    }
}

fn decode(
    id: CalendarId,
    tenant: String,
    resource: String,
    horizon_days: i32,
) -> sqlx::Result<Calendar> {
    Ok(Calendar {
        id,
        tenant: tenant.try_into().map_err(undecodable)?,
        resource: resource.try_into().map_err(undecodable)?,
        horizon_days,
    })
}
