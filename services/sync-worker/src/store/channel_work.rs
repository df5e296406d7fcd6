//! When a calendar's channel has to be looked after: the columns of `sync.calendars` that say so, how long its
//! channel lives, and how many calendars have one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::CalendarId;

use super::{
    channels::{Channels, lasting},
    rows::{Calendar, decode},
    seconds,
};

/// How many open calendars hear of their changes in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// By pushes.
    pub(crate) pushed: i64,
    /// By polls, although there is a channel.
    pub(crate) silent: i64,
    /// By polls, since Google does not push.
    pub(crate) refused: i64,
    /// By polls, until there is a channel.
    pub(crate) none: i64,
}

impl Channels {
    /// Takes the channel work of a calendar when it is due, for a minute, or for half of the time that is left
    /// of its channel: should this worker die, the next one comes in time. `false`: it is not due, or another
    /// worker is at it.
    pub(crate) async fn claim(&self, calendar: CalendarId) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.channels.claim
            UPDATE sync.calendars AS c
            SET channel_due_at = now() + LEAST(
                interval '1 minute',
                GREATEST(
                    interval '5 seconds',
                    COALESCE(
                        (
                            SELECT max(h.expires_at) - now()
                            FROM sync.channels AS h
                            WHERE h.calendar_id = c.calendar_id
                              AND h.state = 'open'
                              AND h.expires_at > now()
                        ) / 2,
                        interval '1 minute'
                    )
                )
            )
            WHERE calendar_id = $1
              AND state = 'open'
              AND channel_due_at <= now()",
            calendar.0,
        )
        .execute(self.database.pool());
        let claimed = self.database.answer(query).await?;
        Ok(claimed.rows_affected() == 1)
    }

    /// Takes the channel work of calendars where it is due, as [`Self::claim`] does.
    pub(crate) async fn claim_due(&self, limit: i64) -> sqlx::Result<Vec<Calendar>> {
        let query = sqlx::query!(
            "-- sync.channels.claim_due
            UPDATE sync.calendars AS c
            SET channel_due_at = now() + LEAST(
                interval '1 minute',
                GREATEST(
                    interval '5 seconds',
                    COALESCE(
                        (
                            SELECT max(h.expires_at) - now()
                            FROM sync.channels AS h
                            WHERE h.calendar_id = c.calendar_id
                              AND h.state = 'open'
                              AND h.expires_at > now()
                        ) / 2,
                        interval '1 minute'
                    )
                )
            )
            WHERE calendar_id IN (
                SELECT calendar_id
                FROM sync.calendars
                WHERE state = 'open'
                  AND channel_due_at <= now()
                ORDER BY channel_due_at
                LIMIT $1
                FOR UPDATE SKIP LOCKED
            )
            RETURNING calendar_id, tenant_id, resource_email, horizon_days",
            limit,
        )
        .fetch_all(self.database.pool());
        let rows = self.database.answer(query).await?;
        rows.into_iter()
            .map(|row| {
                let id = CalendarId(row.calendar_id);
                decode(id, row.tenant_id, row.resource_email, row.horizon_days)
            })
            .collect()
    }

    /// Puts the next channel work of a calendar ahead.
    pub(crate) async fn due_in(&self, calendar: CalendarId, delay: Duration) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.channels.due_in
            UPDATE sync.calendars
            SET channel_due_at = now() + make_interval(secs => $2)
            WHERE calendar_id = $1",
            calendar.0,
            seconds(delay),
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// Google does not push for this calendar: remembered, and tried again after `delay`.
    pub(crate) async fn push_refused(
        &self,
        calendar: CalendarId,
        delay: Duration,
    ) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.channels.push_refused
            UPDATE sync.calendars
            SET push_refused_until = now() + make_interval(secs => $2),
                channel_due_at = now() + make_interval(secs => $2)
            WHERE calendar_id = $1",
            calendar.0,
            seconds(delay),
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// For how long pushes still come through a channel of a calendar; `None`: through none, or nobody knows.
    pub(crate) async fn left(&self, calendar: CalendarId) -> sqlx::Result<Option<Duration>> {
        let query = sqlx::query_scalar!(
            "-- sync.channels.left
            SELECT EXTRACT(EPOCH FROM max(expires_at) - now())::float8
            FROM sync.channels
            WHERE calendar_id = $1
              AND state = 'open'
              AND expires_at > now()",
            calendar.0,
        )
        .fetch_one(self.database.pool());
        let left = self.database.answer(query).await?;
        Ok(left.map(lasting))
    }

    /// A change was found that is as old as this, and no push has told of it: the channel that was open when it
    /// was made is silent. `false`: a push was on its way, or there was no channel to tell of it.
    ///
    /// The first such change may be the backlog of an outage of ours, in which Google gave up on pushes of many
    /// calendars: nothing is wrong with their channels. So a new channel is due at once only when a change made
    /// since then was not told of either, and once: it is believed when a push comes.
    pub(crate) async fn silent(
        &self,
        calendar: CalendarId,
        changed_at: DateTime<Utc>,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.channels.silent
            UPDATE sync.calendars AS c
            SET push_silent_since = COALESCE(push_silent_since, now()),
                channel_due_at = CASE
                    WHEN push_silent_since < $2 AND NOT EXISTS (
                        SELECT
                        FROM sync.channels AS h
                        WHERE h.calendar_id = c.calendar_id
                          AND h.created_at > c.push_silent_since
                    ) THEN LEAST(channel_due_at, now())
                    ELSE channel_due_at
                END
            WHERE calendar_id = $1
              AND state = 'open'
              AND pushed_at IS NULL
              AND EXISTS (
                  SELECT
                  FROM sync.channels AS h
                  WHERE h.calendar_id = c.calendar_id
                    AND h.state = 'open'
                    AND h.created_at < $2
                    AND (h.expires_at IS NULL OR h.expires_at > now())
              )",
            calendar.0,
            changed_at,
        )
        .execute(self.database.pool());
        let found = self.database.answer(query).await?;
        Ok(found.rows_affected() == 1)
    }

    /// How many open calendars hear of their changes in which way.
    pub(crate) async fn coverage(&self) -> sqlx::Result<Coverage> {
        let query = sqlx::query_as!(
            Coverage,
            r#"-- sync.channels.coverage
            SELECT
                count(*) FILTER (WHERE live AND silent_since IS NULL) AS "pushed!",
                count(*) FILTER (WHERE live AND silent_since IS NOT NULL) AS "silent!",
                count(*) FILTER (WHERE NOT live AND refused) AS "refused!",
                count(*) FILTER (WHERE NOT live AND NOT refused) AS "none!"
            FROM (
                SELECT c.push_silent_since AS silent_since,
                    COALESCE(c.push_refused_until > now(), false) AS refused,
                    EXISTS (
                        SELECT
                        FROM sync.channels AS h
                        WHERE h.calendar_id = c.calendar_id
                          AND h.state = 'open'
                          AND (h.expires_at IS NULL OR h.expires_at > now())
                    ) AS live
                FROM sync.calendars AS c
                WHERE c.state = 'open'
            ) AS calendar"#,
        )
        .fetch_one(self.database.pool());
        self.database.answer(query).await
    }
}
