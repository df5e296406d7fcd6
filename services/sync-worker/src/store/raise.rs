//! How a calendar gets dirty: somebody raises what is wanted of it, and from then on it is wanted
//! until it is done, whoever dies. `dirty_since` says since when, and means nothing while it is clean: so
//! what a replica of an earlier version leaves there does no harm.

use chrono::{DateTime, Utc};
use roomsync_domain::CalendarId;

use super::calendars::Calendars;

impl Calendars {
    /// Asks for a look at an open calendar, committed on its own: whatever happens next, the
    /// calendar is dirty. `false`: there is no such open calendar. Without a push somebody asked for it, who
    /// is told that it was looked at: coverage is due, however shortly ago it was reported.
    pub(crate) async fn raise(
        &self,
        calendar: CalendarId,
        pushed_at: Option<DateTime<Utc>>,
    ) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.raise
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                dirty_since = CASE
                    WHEN generation_done = generation_wanted THEN now()
                    ELSE COALESCE(dirty_since, now())
                END,
                pushed_at = LEAST(pushed_at, $2),
                push_silent_since = CASE WHEN $2::timestamptz IS NULL THEN push_silent_since END,
                coverage_at = CASE WHEN $2::timestamptz IS NULL THEN '-infinity' ELSE coverage_at END
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
            pushed_at,
        )
        .execute(self.database.pool());
        let raised = self.database.answer(query).await?;
        Ok(raised.rows_affected() == 1)
    }

    /// As [`Self::raise`], for somebody who waits: the calendar is woken as after a push, also when it rests
    /// or is being pulled just now.
    pub(crate) async fn raise_awaited(&self, calendar: CalendarId) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.raise_awaited
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                dirty_since = CASE
                    WHEN generation_done = generation_wanted THEN now()
                    ELSE COALESCE(dirty_since, now())
                END,
                awaited = true
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
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
                dirty_since = CASE
                    WHEN generation_done = generation_wanted THEN now()
                    ELSE COALESCE(dirty_since, now())
                END,
                full_wanted = full_wanted + 1
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
        )
        .execute(self.database.pool());
        let raised = self.database.answer(query).await?;
        Ok(raised.rows_affected() == 1)
    }

    /// As [`Self::raise_full`], unless one is asked for and not done yet.
    pub(crate) async fn raise_full_once(&self, calendar: CalendarId) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.raise_full_once
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                dirty_since = CASE
                    WHEN generation_done = generation_wanted THEN now()
                    ELSE COALESCE(dirty_since, now())
                END,
                full_wanted = full_wanted + 1
            WHERE calendar_id = $1
              AND state = 'open'
              AND full_done = full_wanted",
            calendar.0,
        )
        .execute(self.database.pool());
        let raised = self.database.answer(query).await?;
        Ok(raised.rows_affected() == 1)
    }

    /// Asks for a reconcile of an open calendar, also of one whose last reconcile was put off. Several
    /// that come before one has begun are one.
    pub(crate) async fn raise_reconcile(&self, calendar: CalendarId) -> sqlx::Result<bool> {
        let query = sqlx::query!(
            "-- sync.calendars.raise_reconcile
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                dirty_since = CASE
                    WHEN generation_done = generation_wanted THEN now()
                    ELSE COALESCE(dirty_since, now())
                END,
                reconcile_wanted = reconcile_wanted + 1,
                reconcile_attempt_at = '-infinity'
            WHERE calendar_id = $1
              AND state = 'open'",
            calendar.0,
        )
        .execute(self.database.pool());
        let raised = self.database.answer(query).await?;
        Ok(raised.rows_affected() == 1)
    }

    /// Raises clean calendars whose poll is due; the sweep then finds them. The end of the listing
    /// sets the next poll, so a dirty calendar is never raised twice by this.
    pub(crate) async fn poll(&self, limit: i64) -> sqlx::Result<u64> {
        let query = sqlx::query!(
            "-- sync.calendars.poll
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                dirty_since = CASE
                    WHEN generation_done = generation_wanted THEN now()
                    ELSE COALESCE(dirty_since, now())
                END,
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

    /// Raises calendars whose reconcile is due; the sweep then finds them. One that was raised before
    /// and is not done yet is left alone, and so is one that was never imported or lost its cursor:
    /// a full sync comes first, and is a reconcile too.
    pub(crate) async fn reconcile_due(&self, limit: i64) -> sqlx::Result<u64> {
        let query = sqlx::query!(
            "-- sync.calendars.reconcile_due
            UPDATE sync.calendars
            SET generation_wanted = generation_wanted + 1,
                dirty_since = CASE
                    WHEN generation_done = generation_wanted THEN now()
                    ELSE COALESCE(dirty_since, now())
                END,
                reconcile_wanted = reconcile_wanted + 1,
                reconcile_attempt_at = '-infinity',
                sweep_after = '-infinity'
            WHERE calendar_id IN (
                SELECT calendar_id
                FROM sync.calendars
                WHERE state = 'open'
                  AND next_reconcile_at <= now()
                  AND reconcile_done = reconcile_wanted
                  AND full_done = full_wanted
                  AND cursor IS NOT NULL
                ORDER BY next_reconcile_at
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
