//! The gate every rpc of a tenant passes: the tenant exists, and has bought the module (R2).

use roomsync_domain::TenantId;
use sqlx::PgExecutor;

use super::store::{self, Tenant};
use crate::status::CommandError;

/// The tenant. `NOT_FOUND` `TENANT_NOT_FOUND`.
pub async fn tenant(db: impl PgExecutor<'_>, tenant: &TenantId) -> Result<Tenant, CommandError> {
    store::get(db, tenant)
        .await?
        .ok_or(CommandError::NotFound("TENANT_NOT_FOUND"))
}

/// The tenant, if it has the module. `FAILED_PRECONDITION` `MODULE_MISSING`.
pub async fn module(db: impl PgExecutor<'_>, tenant: &TenantId) -> Result<Tenant, CommandError> {
    let tenant = self::tenant(db, tenant).await?;
    if tenant.module_enabled {
        Ok(tenant)
    } else {
        Err(CommandError::precondition("MODULE_MISSING"))
    }
}
