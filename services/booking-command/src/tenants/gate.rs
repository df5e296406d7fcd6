//! The gates of a tenant's rpcs: the tenant exists, and, where Google comes in (connection and links),
//! has bought the module (R2).

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use sqlx::PgExecutor;

use super::store::{self, Tenant};
use crate::status::CommandError;

/// The tenant. `NOT_FOUND` `TENANT_NOT_FOUND`.
pub async fn tenant(database: &Database, tenant: &TenantId) -> Result<Tenant, CommandError> {
    database.answer(tenant_in(database.pool(), tenant)).await
}

/// The same in a transaction, which has a bound of its own.
pub async fn tenant_in(db: impl PgExecutor<'_>, tenant: &TenantId) -> Result<Tenant, CommandError> {
    store::get(db, tenant)
        .await?
        .ok_or(CommandError::NotFound("TENANT_NOT_FOUND"))
}

/// The tenant, if it has the module. `FAILED_PRECONDITION` `MODULE_MISSING`.
pub async fn module(database: &Database, tenant: &TenantId) -> Result<Tenant, CommandError> {
    database.answer(module_in(database.pool(), tenant)).await
}

/// The same in a transaction, which has a bound of its own.
pub async fn module_in(db: impl PgExecutor<'_>, tenant: &TenantId) -> Result<Tenant, CommandError> {
    let tenant = tenant_in(db, tenant).await?;
    if tenant.module_enabled {
        Ok(tenant)
    } else {
        Err(CommandError::precondition("MODULE_MISSING"))
    }
}
