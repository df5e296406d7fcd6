//! The watch channels at Google. A row is stored before the watch call, because the first push may
//! come before the call returns, and because Google has no list of channels: what is not stored
//! can never be stopped.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, ChannelId};
use roomsync_postgres::Database;

/// The table `sync.channels`; see [`super::channel_work`] for when a calendar needs another one.
#[derive(Debug, Clone)]
pub(crate) struct Channels {
    pub(super) database: Database,
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

/// What is negative is over.
pub(super) fn lasting(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

impl Channels {
    /// The tables in a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
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
