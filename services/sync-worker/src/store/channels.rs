//! The watch channels at Google. A row is stored before the watch call, because the first push may
//! come before the call returns, and because Google has no list of channels: what is not stored
//! can never be stopped.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, ChannelId};
use roomsync_postgres::Database;

use super::{
    rows::{Calendar, decode},
    seconds,
};

/// The tables `sync.channels` and, for when the next channel work is due, `sync.calendars`.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    database: Database,
}

/// A channel that Google may still send pushes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveChannel {
    /// Our id of it.
    pub(crate) id: ChannelId,
    /// Who opened it: only the same can stop it.
    pub(crate) subject: String,
    /// Google's id of what it watches; without it the channel cannot be stopped.
    pub(crate) resource_id: Option<String>,
}

/// What has become of a channel that Google opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Opened {
    /// `false`: it was taken out of use meanwhile (another one took its place, the calendar closed) and has
    /// to be stopped, which only now is possible.
    pub(crate) in_use: bool,
    /// How long it lives, by PostgreSQL's clock, which its renewal is planned by; `None` when Google does not
    /// say.
    pub(crate) life: Option<Duration>,
}

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

/// What is negative is over.
fn lasting(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

impl Channels {
    /// The tables in a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

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

    /// A channel that is about to be asked for. `false`: the calendar is being closed. The lock makes
    /// a closing wait, so that it finds every channel that was begun.
    pub(crate) async fn opening(
        &self,
        channel: ChannelId,
        calendar: CalendarId,
        subject: &str,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.channels.opening
            INSERT INTO sync.channels (channel_id, calendar_id, subject)
            SELECT $1::uuid, calendar_id, $3::text
            FROM sync.calendars
            WHERE calendar_id = $2
              AND state = 'open'
            FOR SHARE",
            channel.0,
            calendar.0,
            subject,
        )
        .execute(self.database.pool());
        let begun = self.database.answer(query).await?;
        Ok(begun.rows_affected() == 1)
    }

    /// Google opened it. Its first push may have said so before.
    pub(crate) async fn opened(
        &self,
        channel: ChannelId,
        resource_id: &str,
        expires_at: Option<DateTime<Utc>>,
    ) -> sqlx::Result<Opened> {
        let query = sqlx::query!(
            r#"-- sync.channels.opened
            UPDATE sync.channels
            SET state = CASE WHEN state IN ('opening', 'open') THEN 'open' ELSE 'stopping' END,
                resource_id = $2,
                expires_at = $3
            WHERE channel_id = $1
            RETURNING state = 'open' AS "in_use!",
                EXTRACT(EPOCH FROM expires_at - now())::float8 AS life"#,
            channel.0,
            resource_id,
            expires_at,
        )
        .fetch_optional(self.database.pool());
        let row = self.database.answer(query).await?;
        Ok(row.map_or_else(Opened::default, |row| Opened {
            in_use: row.in_use,
            life: row.life.map(lasting),
        }))
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

    /// Google did not open it.
    pub(crate) async fn failed(&self, channel: ChannelId) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.channels.failed
            UPDATE sync.channels
            SET state = 'failed'
            WHERE channel_id = $1
              AND state = 'opening'",
            channel.0,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }

    /// A push came through a channel: whether it is one of this calendar that we still listen to, and
    /// names what the channel watches, once that is known.
    /// Completes one whose watch call has not returned, or never will.
    pub(crate) async fn heard(
        &self,
        channel: ChannelId,
        calendar: CalendarId,
        resource_id: &str,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query_scalar!(
            "-- sync.channels.heard
            SELECT state
            FROM sync.channels
            WHERE channel_id = $1
              AND calendar_id = $2
              AND COALESCE(resource_id, $3) = $3",
            channel.0,
            calendar.0,
            resource_id,
        )
        .fetch_optional(self.database.pool());
        let state = self.database.answer(query).await?;
        match state.as_deref() {
            Some("open") => Ok(true),
            Some("opening") => self.completed(channel, resource_id).await,
            _ => Ok(false),
        }
    }

    async fn completed(&self, channel: ChannelId, resource_id: &str) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.channels.completed
            UPDATE sync.channels
            SET state = 'open',
                resource_id = COALESCE(resource_id, $2)
            WHERE channel_id = $1
              AND state IN ('opening', 'open')",
            channel.0,
            resource_id,
        )
        .execute(self.database.pool());
        let live = self.database.answer(query).await?;
        Ok(live.rows_affected() == 1)
    }

    /// Takes every channel of a calendar that is older than `keep` out of use, and says which of them
    /// Google may still send pushes through. Only older ones: of two that open at the same time, each
    /// would else end the other.
    pub(crate) async fn retire(
        &self,
        calendar: CalendarId,
        keep: Option<ChannelId>,
    ) -> sqlx::Result<Vec<LiveChannel>> {
        let query = sqlx::query!(
            "-- sync.channels.retire
            UPDATE sync.channels
            SET state = 'stopping'
            WHERE calendar_id = $1
              AND state IN ('opening', 'open', 'stopping')
              AND (
                  $2::uuid IS NULL
                  OR (created_at, channel_id) < (
                      SELECT kept.created_at, kept.channel_id
                      FROM sync.channels AS kept
                      WHERE kept.channel_id = $2
                  )
              )
            RETURNING channel_id, subject, resource_id",
            calendar.0,
            keep.map(|id| id.0),
        )
        .fetch_all(self.database.pool());
        let rows = self.database.answer(query).await?;
        Ok(rows
            .into_iter()
            .map(|row| LiveChannel {
                id: ChannelId(row.channel_id),
                subject: row.subject,
                resource_id: row.resource_id,
            })
            .collect())
    }

    /// It is stopped, or can never be.
    pub(crate) async fn stopped(&self, channel: ChannelId) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.channels.stopped
            UPDATE sync.channels
            SET state = 'stopped'
            WHERE channel_id = $1",
            channel.0,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
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

    /// Forgets channels that are over since long, in one batch.
    pub(crate) async fn forget_old(&self, limit: i64) -> sqlx::Result<u64> {
        let query = sqlx::query!(
            "-- sync.channels.forget_old
            DELETE FROM sync.channels
            WHERE channel_id IN (
                SELECT channel_id
                FROM sync.channels
                WHERE state IN ('stopped', 'failed')
                  AND created_at < now() - interval '60 days'
                LIMIT $1
            )",
            limit,
        )
        .execute(self.database.pool());
        let gone = self.database.answer(query).await?;
        Ok(gone.rows_affected())
    }
}
