//! Who finds a dirty calendar that nobody works on.
//!
//! `sweep_after` keeps one that was found from being found again while its message is under way; the
//! end of a listing takes it back, because what is dirty then is dirty anew.

use std::time::Duration;

use roomsync_domain::CalendarId;

use super::{calendars::Calendars, rows::Swept, seconds};

impl Calendars {
    /// Calendars that are free, due, and dirty or wanting a reconcile that is due, each at most once per
    /// `again`: the net under every lost message and every worker that died.
    pub(crate) async fn sweep(&self, again: Duration, limit: i64) -> sqlx::Result<Vec<Swept>> {
        let query = sqlx::query!(
            r#"-- sync.calendars.sweep
            UPDATE sync.calendars
            SET sweep_after = now() + make_interval(secs => $1)
            WHERE calendar_id IN (
                SELECT calendar_id
                FROM sync.calendars
                WHERE state = 'open'
                  AND (
                      generation_done < generation_wanted
                      OR (reconcile_done < reconcile_wanted AND reconcile_attempt_at <= now())
                  )
                  AND lease_until < now()
                  AND next_attempt_at <= now()
                  AND sweep_after <= now()
                ORDER BY next_attempt_at
                LIMIT $2
                FOR UPDATE SKIP LOCKED
            )
            RETURNING calendar_id,
                (pushed_at IS NOT NULL OR pushing_at IS NOT NULL OR awaited) AS "live!""#,
            seconds(again),
            limit,
        )
        .fetch_all(self.database.pool());
        let rows = self.database.answer(query).await?;
        Ok(rows
            .into_iter()
            .map(|row| Swept {
                calendar: CalendarId(row.calendar_id),
                live: row.live,
            })
            .collect())
    }

    /// As [`Self::sweep`], of the calendars that a push, or a booking that waits for its room, left dirty:
    /// while it rested after a pull, or was being pulled. Of several replicas that look at once, one finds a calendar.
    pub(crate) async fn wake(&self, again: Duration, limit: i64) -> sqlx::Result<Vec<CalendarId>> {
        let query = sqlx::query_scalar!(
            "-- sync.calendars.wake
            UPDATE sync.calendars
            SET sweep_after = now() + make_interval(secs => $1)
            WHERE calendar_id IN (
                SELECT calendar_id
                FROM sync.calendars
                WHERE state = 'open'
                  AND generation_done < generation_wanted
                  AND (pushed_at IS NOT NULL OR pushing_at IS NOT NULL OR awaited)
                  AND lease_until < now()
                  AND next_attempt_at <= now()
                  AND sweep_after <= now()
                ORDER BY next_attempt_at
                LIMIT $2
                FOR UPDATE SKIP LOCKED
            )
            RETURNING calendar_id",
            seconds(again),
            limit,
        )
        .fetch_all(self.database.pool());
        let ids = self.database.answer(query).await?;
        Ok(ids.into_iter().map(CalendarId).collect())
    }

    /// A calendar that was put off without a message that comes back for it: it is swept as soon as it is due.
    pub(crate) async fn leave_to_the_sweep(&self, calendar: CalendarId) -> sqlx::Result<()> {
        let query = sqlx::query!(
            "-- sync.calendars.leave_to_the_sweep
            UPDATE sync.calendars
            SET sweep_after = '-infinity'
            WHERE calendar_id = $1",
            calendar.0,
        )
        .execute(self.database.pool());
        self.database.answer(query).await?;
        Ok(())
    }
}
