//! How long a call waits for others at its object: as long as its caller does, not as long as the database lets a
//! statement run.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::Instant;

use crate::status::CommandError;

/// How soon whoever did not get through may try again.
const RETRY: Duration = Duration::from_secs(1);
/// What PostgreSQL says when a lock was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// From here to the end of the transaction nobody waits for a lock beyond the deadline. To be called first.
pub(super) async fn wait_until(
    tx: &mut PgConnection,
    deadline: Instant,
) -> Result<(), sqlx::Error> {
    let left = deadline.saturating_duration_since(Instant::now());
    // None at all would mean for ever.
    let left = left.as_millis().max(1);
    sqlx::query_scalar!(
        "
        -- booking.bookings.wait_for_locks
        SELECT set_config('lock_timeout', $1, true)
        ",
        format!("{left}ms"),
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}

/// What a caller is told of an error of such a transaction.
pub(super) fn busy(error: CommandError) -> CommandError {
    match error {
        CommandError::Database(error) if is_busy(&error) => object_busy(),
        error => error,
    }
}

/// UNAVAILABLE `OBJECT_BUSY`: those who were first at the object take longer than the caller has time. Nothing is
/// stored.
pub(super) fn object_busy() -> CommandError {
    CommandError::Unavailable {
        reason: "OBJECT_BUSY",
        retry_after: RETRY,
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == LOCK_NOT_AVAILABLE)
}
