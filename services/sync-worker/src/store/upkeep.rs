//! The calendars outside of the claim: opened, closed, compared, reported.

use std::time::Duration;

use roomsync_domain::{CalendarId, TenantId};

use super::{
    calendars::Calendars,
    rows::{Calendar, Counts, Known, Standing, decode},
    seconds,
};

impl Calendars {
    /// What coverage is made of.
    pub(crate) async fn standing(&self, calendar: CalendarId) -> sqlx::Result<Option<Standing>> {
        let query = sqlx::query_as!(
            Standing,
            r#"-- sync.calendars.standing
            SELECT
                CASE
                    WHEN o.state = 'open' AND c.push_silent_since IS NOT NULL THEN 'silent'
                    WHEN o.state IS NOT NULL THEN o.state
                    WHEN c.push_refused_until > now() THEN 'refused'
                    ELSE 'none'
                END AS "channel_state!",
                o.expires_at AS channel_expires_at,
                c.last_check_at,
                c.last_full_sync_at,
                c.cursor_since
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
        .fetch_optional(self.database.pool());
        self.database.answer(query).await
    }

    /// How many open calendars a tenant has.
    pub(crate) async fn rooms(&self, tenant: &TenantId) -> sqlx::Result<i64> {
        let query = sqlx::query_scalar!(
            r#"-- sync.calendars.rooms
            SELECT count(*) AS "rooms!"
            FROM sync.calendars
            WHERE tenant_id = $1
              AND state = 'open'"#,
            tenant.as_str(),
        )
        .fetch_one(self.database.pool());
        self.database.answer(query).await
    }

    /// Coverage was reported just now. Of a calendar that is wanted again it stays due: the report may be of
    /// before.
    pub(crate) async fn covered(&self, calendar: CalendarId) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.calendars.covered
            UPDATE sync.calendars
            SET coverage_at = now()
            WHERE calendar_id = $1
              AND generation_done = generation_wanted",
            calendar.0,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// The row of a calendar.
    pub(crate) async fn find(&self, calendar: CalendarId) -> sqlx::Result<Option<Known>> {
        let query = sqlx::query!(
            "-- sync.calendars.find
            SELECT tenant_id, resource_email, horizon_days, state, access_role
            FROM sync.calendars
            WHERE calendar_id = $1",
            calendar.0,
        )
        .fetch_optional(self.database.pool());
        let row = self.database.answer(query).await?;
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

    /// Makes the row of a verified link, or brings it up to date. It is not dirty by this, and not
    /// polled for a minute: the channel is opened first. The channel work is the caller's for that
    /// minute, whatever was planned: the channel's subject may have changed.
    pub(crate) async fn open(&self, calendar: &Calendar, access_role: &str) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.calendars.open
            INSERT INTO sync.calendars AS c (
                calendar_id, tenant_id, resource_email, horizon_days, access_role,
                next_poll_at, channel_due_at
            )
            VALUES (
                $1, $2, $3, $4, $5,
                now() + interval '1 minute', now() + interval '1 minute'
            )
            ON CONFLICT (calendar_id) DO UPDATE
            SET resource_email = EXCLUDED.resource_email,
                horizon_days = EXCLUDED.horizon_days,
                access_role = EXCLUDED.access_role,
                state = 'open',
                closing_since = NULL,
                next_attempt_at = '-infinity',
                next_poll_at = GREATEST(c.next_poll_at, EXCLUDED.next_poll_at),
                channel_due_at = EXCLUDED.channel_due_at,
                push_silent_since = NULL,
                failures = 0,
                not_found = 0
            WHERE c.tenant_id = EXCLUDED.tenant_id",
            calendar.id.0,
            calendar.tenant.as_str(),
            calendar.resource.as_str(),
            calendar.horizon_days,
            access_role,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// Begins to close: nothing is claimed any more, and whoever is at it loses its claim.
    pub(crate) async fn closing(&self, calendar: CalendarId) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.calendars.closing
            UPDATE sync.calendars
            SET state = 'closing',
                closing_since = now(),
                epoch = epoch + 1,
                lease_until = '-infinity'
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// Whether a calendar has been closing for longer than `patience`.
    pub(crate) async fn closing_for_long(
        &self,
        calendar: CalendarId,
        patience: Duration,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query_scalar!(
            r#"-- sync.calendars.closing_for_long
            SELECT closing_since <= now() - make_interval(secs => $2) AS "long!"
            FROM sync.calendars
            WHERE calendar_id = $1
              AND state = 'closing'"#,
            calendar.0,
            seconds(patience),
        )
        .fetch_optional(self.database.pool());
        let long = self.database.answer(query).await?;
        Ok(long.unwrap_or(false))
    }

    /// Closed: the row stays, the cursor goes.
    pub(crate) async fn closed(&self, calendar: CalendarId) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.calendars.closed
            UPDATE sync.calendars
            SET state = 'closed',
                cursor = NULL,
                cursor_since = NULL,
                mirrored_until = NULL,
                full_wanted = full_wanted + 1,
                pushed_at = NULL,
                pushing_at = NULL,
                dirty_since = NULL,
                awaited = false
            WHERE calendar_id = $1
              AND state = 'closing'",
            calendar.0,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// Every calendar that is not closed, in the order of its id, after `after`.
    pub(crate) async fn not_closed(
        &self,
        after: Option<CalendarId>,
        limit: i64,
    ) -> sqlx::Result<Vec<Known>> {
        let query = sqlx::query!(
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
        .fetch_all(self.database.pool());
        let rows = self.database.answer(query).await?;
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
        let query = sqlx::query_as!(
            Counts,
            r#"-- sync.calendars.counts
            SELECT count(*) AS "open!",
                count(*) FILTER (WHERE c.dirty) AS "dirty!",
                count(*) FILTER (WHERE c.failing) AS "failing!",
                COALESCE(MAX(c.age) FILTER (WHERE c.dirty AND c.live), 0) AS "oldest_live!",
                COALESCE(MAX(c.age) FILTER (WHERE c.dirty AND NOT c.live), 0) AS "oldest_background!"
            FROM (
                SELECT generation_done < generation_wanted AS dirty,
                    failures > 0 OR reconcile_failures > 0 AS failing,
                    pushed_at IS NOT NULL OR pushing_at IS NOT NULL OR awaited AS live,
                    EXTRACT(EPOCH FROM now() - COALESCE(
                        LEAST(pushed_at, pushing_at, CASE WHEN awaited THEN dirty_since END),
                        dirty_since
                    ))::float8 AS age
                FROM sync.calendars
                WHERE state = 'open'
            ) c"#,
        )
        .fetch_one(self.database.pool());
        self.database.answer(query).await
    }
}
