//! Work that one replica does for all.

use std::time::Duration;

use roomsync_postgres::Database;

use super::seconds;

/// The comparison of all links with booking-command.
pub(crate) const COMPARE_LINKS: &str = "compare_links";

/// Takes a job when it is due and puts its next due time ahead, so that no other replica does it
/// too. A replica that dies in the middle only delays it by one interval.
pub(crate) async fn take(database: &Database, job: &str, every: Duration) -> sqlx::Result<bool> {
    let query = sqlx::query!(
        "-- sync.jobs.take
        UPDATE sync.jobs
        SET due_at = now() + make_interval(secs => $2)
        WHERE job = $1
          AND due_at <= now()",
        job,
        seconds(every),
    )
    .execute(database.pool());
    let taken = database.answer(query).await?;
    Ok(taken.rows_affected() == 1)
}
