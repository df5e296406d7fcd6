//! Where each tenant's log begins and ends.

use sqlx::PgExecutor;
use uuid::Uuid;

/// A tenant's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantLog {
    /// Names this log in cursors; a log made anew (a restored or emptied database) has another.
    pub log_id: Uuid,
    /// The last position that was cleaned up.
    pub floor: i64,
    /// The end.
    pub last_position: i64,
}

/// A tenant's log, if this service has met the tenant.
pub async fn find(db: impl PgExecutor<'_>, tenant: &str) -> Result<Option<TenantLog>, sqlx::Error> {
    sqlx::query_as!(
        TenantLog,
        "-- notification.tenants.find
        SELECT log_id, floor, last_position
        FROM notification.tenants
        WHERE tenant_id = $1",
        tenant,
    )
    .fetch_optional(db)
    .await
}

/// Makes an empty log for a tenant that booking-command knows.
pub async fn create(db: impl PgExecutor<'_>, tenant: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "-- notification.tenants.create
        INSERT INTO notification.tenants (tenant_id)
        VALUES ($1)
        ON CONFLICT DO NOTHING",
        tenant,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The ends of several tenants' logs.
pub async fn ends(
    db: impl PgExecutor<'_>,
    tenants: &[String],
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        "-- notification.tenants.ends
        SELECT tenant_id, last_position
        FROM notification.tenants
        WHERE tenant_id = ANY($1)",
        tenants,
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.tenant_id, row.last_position))
        .collect())
}
