//! The end of the waiting, one way or the other, by whoever holds the claim.

use sqlx::PgConnection;

use super::job::Claimed;
use crate::{
    access::{activate::NewConnection, announce, connect},
    status::CommandError,
};

/// Connects with the key that was proved, exactly as if it had been proved at once; false when somebody was
/// faster.
pub(super) async fn activate(
    tx: &mut PgConnection,
    claimed: &Claimed,
    new: &NewConnection<'_>,
) -> Result<bool, CommandError> {
    let mine = sqlx::query_scalar!(
        "
        -- booking.connections.lock_connecting
        SELECT tenant_id
        FROM booking.connections
        WHERE tenant_id = $1
          AND state = 'connecting'
          AND retry_at = $2
        FOR UPDATE
        ",
        claimed.tenant.as_str(),
        claimed.until,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if mine.is_none() {
        return Ok(false);
    }
    connect::store(tx, new).await?;
    Ok(true)
}

/// Forgets the key; false when somebody was faster. Nothing can have been linked or booked while it waited, and
/// addresses that an earlier connection left go on to wait for the next one.
pub(super) async fn give_up(
    tx: &mut PgConnection,
    claimed: &Claimed,
    reason: &str,
) -> Result<bool, CommandError> {
    let done = sqlx::query!(
        "
        -- booking.connections.give_up_connecting
        UPDATE booking.connections
        SET state = 'disconnected',
            reason = $3,
            directory_subject = 'nobody@' || domain,
            rooms_subject = 'nobody@' || domain,
            sealed_key = NULL,
            sealed_with = NULL,
            retry_at = NULL,
            updated_at = now()
        WHERE tenant_id = $1
          AND state = 'connecting'
          AND retry_at = $2
        ",
        claimed.tenant.as_str(),
        claimed.until,
        reason,
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    announce(tx, &claimed.tenant, "disconnected", None).await?;
    Ok(true)
}
