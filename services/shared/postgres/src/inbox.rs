//! Which messages were worked on. A handler whose work is only SQL notes the message first, in the
//! same transaction: when it arrives again, there is nothing left to do.

use sqlx::PgConnection;
use uuid::Uuid;

/// Notes the message for this consumer; `false` when it was noted before.
///
/// A second delivery that races the first waits here for the first one's commit or rollback.
pub async fn first_time(
    tx: &mut PgConnection,
    message_id: Uuid,
    consumer: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "-- inbox.first_time
        INSERT INTO inbox (message_id, consumer)
        VALUES ($1, $2)
        ON CONFLICT DO NOTHING",
    )
    .bind(message_id)
    .bind(consumer)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
