//! Which tenants may have a log: those it has, and those that booking-command knows.
//!
//! A tenant whose objects never changed has no log yet; subscribing to it is no mistake, so
//! booking-command is asked once and the empty log is made.

use roomsync_domain::TenantId;
use roomsync_postgres::Database;
use roomsync_process::grpc;
use roomsync_proto::integration::v1::{
    GetTenantRequest, tenant_service_client::TenantServiceClient,
};
use tonic::{Code, Status};

use crate::log::tenants::{self, TenantLog};

/// Finds tenants' logs.
#[derive(Debug, Clone)]
pub struct KnownTenants {
    database: Database,
    booking_command: TenantServiceClient<grpc::Channel>,
}

/// Why there is no log to read.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// Nobody knows the tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// The log's database did not answer.
    #[error("failed to look the tenant up")]
    Database(#[from] sqlx::Error),
    /// booking-command did not answer.
    #[error("failed to ask booking-command for the tenant")]
    BookingCommand(#[source] Box<Status>),
}

impl KnownTenants {
    /// Looks into `database`, and asks `booking_command` where that knows nothing.
    pub fn new(database: Database, booking_command: grpc::Channel) -> Self {
        Self {
            database,
            booking_command: TenantServiceClient::new(booking_command),
        }
    }

    /// The tenant's log.
    pub async fn log_of(&self, tenant: &TenantId) -> Result<TenantLog, TenantError> {
        if let Some(log) = self.find(tenant).await? {
            return Ok(log);
        }
        let request = GetTenantRequest {
            tenant_id: tenant.to_string(),
        };
        match self.booking_command.clone().get_tenant(request).await {
            Ok(_) => {
                let create = tenants::create(self.database.pool(), tenant.as_str());
                self.database.answer(create).await?;
            }
            Err(status) if status.code() == Code::NotFound => return Err(TenantError::Unknown),
            Err(status) => return Err(TenantError::BookingCommand(Box::new(status))),
        }
        let made = self.find(tenant).await?;
        made.ok_or(TenantError::Unknown)
    }

    async fn find(&self, tenant: &TenantId) -> Result<Option<TenantLog>, sqlx::Error> {
        let find = tenants::find(self.database.pool(), tenant.as_str());
        self.database.answer(find).await
    }
}
