//! The end: every secret is forgotten, kept addresses wait for the tenant to connect again.

use roomsync_domain::TenantId;
use sqlx::PgConnection;

use super::{job::Claimed, kept};
use crate::{access::announce, anonymise, status::CommandError};

/// Finishes, if nobody was faster; says so.
pub(super) async fn finish(tx: &mut PgConnection, claimed: &Claimed) -> Result<bool, CommandError> {
    let tenant = &claimed.tenant;
    let mine = sqlx::query_scalar!(
        "
        -- booking.connections.lock_disconnecting
        SELECT tenant_id
        FROM booking.connections
        WHERE tenant_id = $1
          AND state = 'disconnecting'
          AND disconnect_until = $2
        FOR UPDATE
        ",
        tenant.as_str(),
        claimed.until,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if mine.is_none() {
        return Ok(false);
    }
    kept::put_back(&mut *tx, tenant).await?;
    // After the objects, whose rows are locked before those of bookings everywhere.
    anonymise::drop_google_writes(&mut *tx, tenant).await?;
    forget_secrets(&mut *tx, tenant).await?;
    announce(tx, tenant, "disconnected", None).await?;
    Ok(true)
}

async fn forget_secrets(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), CommandError> {
    sqlx::query!(
        "
        -- booking.access_tokens.forget
        DELETE FROM booking.access_tokens
        WHERE tenant_id = $1
        ",
        tenant.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "
        -- booking.connections.disconnected
        UPDATE booking.connections
        SET state = 'disconnected',
            reason = NULL,
            -- An administrator is a person, too; nobody is asked for by these any more.
            directory_subject = 'nobody@' || domain,
            rooms_subject = 'nobody@' || domain,
            sealed_key = NULL,
            sealed_with = NULL,
            granted_scopes = '{}',
            account_id = NULL,
            delegated = false,
            shared_calendar = NULL,
            calendar_until = NULL,
            disconnecting_since = NULL,
            disconnect_until = NULL,
            updated_at = now()
        WHERE tenant_id = $1
        ",
        tenant.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
