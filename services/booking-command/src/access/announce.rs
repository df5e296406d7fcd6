//! Telling notification that the state of a tenant's connection changed, in the transaction that changed it:
//! administrators get a mail when it degrades (B11).

use roomsync_domain::TenantId;
use roomsync_messages::ConnectionChanged;
use roomsync_postgres::outbox;
use sqlx::PgConnection;

use crate::{status::CommandError, watch};

/// Announces the state that the connection has from this transaction on: `active`, `lost`, `disconnecting` or
/// `disconnected`; and for a lost one why.
pub async fn announce(
    tx: &mut PgConnection,
    tenant: &TenantId,
    state: &str,
    reason: Option<&str>,
) -> Result<(), CommandError> {
    let changed_at = sqlx::query_scalar!(
        r#"
        -- booking.connections.announced_at
        SELECT clock_timestamp() AS "now!"
        "#,
    )
    .fetch_one(&mut *tx)
    .await?;
    let changed = ConnectionChanged {
        tenant: tenant.clone(),
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        changed_at,
    };
    outbox::push(&mut *tx, &changed).await?;
    // Displays say at once that nothing can be booked, or can again.
    Ok(watch::tell_of(tx, tenant, &[]).await?)
}
