//! `TenantService`.

use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use super::{Settings, Tenant, gate, store};
use crate::{caller, links, status::CommandError, watch};

/// `TenantService` on a database.
#[derive(Debug, Clone)]
pub struct TenantRpc {
    database: Database,
}

impl TenantRpc {
    /// The service.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

async fn put(tx: &mut PgConnection, tenant: &Tenant) -> Result<(), CommandError> {
    let before = store::get(&mut *tx, &tenant.id).await?;
    store::put(&mut *tx, tenant).await?;
    // Syncing begins or ends with the module, and reaches as far as the horizon: every link is looked at
    // again.
    let syncs = |tenant: &Tenant| (tenant.module_enabled, tenant.settings.horizon_days);
    match before {
        Some(before) if tenant.module_enabled && !before.module_enabled => {
            links::verify_all_with_module(&mut *tx, &tenant.id).await?;
        }
        Some(before) if syncs(&before) != syncs(tenant) => {
            links::all_due(&mut *tx, &tenant.id).await?;
        }
        _ => {}
    }
    // Settings say what can be booked at a display.
    Ok(watch::tell_of(tx, &tenant.id, &[]).await?)
}

#[tonic::async_trait]
impl proto::tenant_service_server::TenantService for TenantRpc {
    async fn put_tenant(
        &self,
        request: Request<proto::PutTenantRequest>,
    ) -> Result<Response<proto::PutTenantResponse>, Status> {
        let sent = request.get_ref().tenant.clone();
        let sent = sent.ok_or_else(|| CommandError::invalid("tenant", "a tenant"))?;
        let tenant = Tenant {
            id: caller::tenant(&request, &sent.tenant_id)?,
            module_enabled: sent.module_enabled,
            settings: Settings::of(sent.settings)?,
        };
        self.database
            .tx("put_tenant", |tx| Box::pin(put(tx, &tenant)))
            .await?;
        Ok(Response::new(proto::PutTenantResponse {
            tenant: Some(to_proto(&tenant)),
        }))
    }

    async fn get_tenant(
        &self,
        request: Request<proto::GetTenantRequest>,
    ) -> Result<Response<proto::GetTenantResponse>, Status> {
        let id = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let tenant = gate::tenant(&self.database, &id).await?;
        Ok(Response::new(proto::GetTenantResponse {
            tenant: Some(to_proto(&tenant)),
        }))
    }
}

fn to_proto(tenant: &Tenant) -> proto::Tenant {
    proto::Tenant {
        tenant_id: tenant.id.to_string(),
        module_enabled: tenant.module_enabled,
        settings: Some(tenant.settings.to_proto()),
    }
}
