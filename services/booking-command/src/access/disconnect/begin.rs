//! The beginning: the one transaction from which on nothing new is synced, linked or booked.

use std::time::Duration;

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use sqlx::PgConnection;

use crate::{access::announce, gate, links, status::CommandError};

/// Begins to end a connection. One that is ending or has ended is left as it is.
pub(in crate::access) async fn disconnect(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<(), CommandError> {
    gate::module_in(&mut *tx, tenant).await?;
    if begin(&mut *tx, tenant).await? {
        tracing::info!(%tenant, "disconnecting");
    }
    Ok(())
}

/// The same for every tenant whose module has been off for `keep_for` (D23).
pub(super) async fn without_module(
    database: &Database,
    keep_for: Duration,
) -> Result<(), CommandError> {
    let seconds = keep_for.as_secs_f64();
    let query = sqlx::query_scalar!(
        "
        -- booking.connections.without_module
        SELECT tenant_id
        FROM booking.connections
        JOIN booking.tenants USING (tenant_id)
        WHERE state IN ('connecting', 'active', 'lost')
          AND NOT module_enabled
          AND module_disabled_at < now() - interval '1 second' * $1::float8
        ",
        seconds,
    )
    .fetch_all(database.pool());
    for tenant in database.answer(query).await? {
        let tenant: TenantId = tenant.parse().map_err(anyhow::Error::from)?;
        let tenant = &tenant;
        let begun = database
            .tx("disconnect_without_module", |tx| {
                Box::pin(async move {
                    Ok::<_, CommandError>(
                        is_without_module(&mut *tx, tenant, seconds).await?
                            && begin(tx, tenant).await?,
                    )
                })
            })
            .await?;
        if begun {
            tracing::info!(%tenant, "disconnecting: the module has been off for long");
        }
    }
    Ok(())
}

/// The module may have been turned on again just now; until the end of the transaction it stays as it is.
async fn is_without_module(
    tx: &mut PgConnection,
    tenant: &TenantId,
    seconds: f64,
) -> Result<bool, CommandError> {
    let found = sqlx::query_scalar!(
        "
        -- booking.tenants.lock_without_module
        SELECT tenant_id
        FROM booking.tenants
        WHERE tenant_id = $1
          AND NOT module_enabled
          AND module_disabled_at < now() - interval '1 second' * $2::float8
        FOR NO KEY UPDATE
        ",
        tenant.as_str(),
        seconds,
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.is_some())
}

/// Says whether there was anything to end.
async fn begin(tx: &mut PgConnection, tenant: &TenantId) -> Result<bool, CommandError> {
    let done = sqlx::query!(
        "
        -- booking.connections.disconnect
        UPDATE booking.connections
        SET state = 'disconnecting',
            reason = NULL,
            disconnecting_since = now(),
            disconnect_until = NULL,
            updated_at = now()
        WHERE tenant_id = $1
          AND state IN ('connecting', 'active', 'lost')
        ",
        tenant.as_str(),
    )
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    links::close_all_and_keep(&mut *tx, tenant).await?;
    announce(tx, tenant, "disconnecting", None).await?;
    Ok(true)
}
