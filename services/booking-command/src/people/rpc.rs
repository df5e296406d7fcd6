//! `PeopleService`.

use roomsync_domain::{TenantId, UserId};
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use tonic::{Request, Response, Status};

use super::{ownership, read, store};
use crate::{caller, gate, status::CommandError, validate};

const MOST_DELETED: usize = 1000;

/// `PeopleService` on a database.
#[derive(Debug, Clone)]
pub struct PeopleRpc {
    database: Database,
}

impl PeopleRpc {
    /// The service.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn upsert(&self, tenant: &TenantId, users: &read::Users) -> Result<(), CommandError> {
        self.database
            .tx("upsert_users", async |tx| {
                store::upsert(&mut *tx, tenant, users).await?;
                ownership::claim(tx, tenant, users).await
            })
            .await
    }

    async fn delete(&self, tenant: &TenantId, users: &[String]) -> Result<(), CommandError> {
        self.database
            .tx("delete_users", async |tx| {
                gate::tenant(&mut *tx, tenant).await?;
                store::delete(&mut *tx, tenant, users).await?;
                ownership::anonymise(tx, tenant, users).await
            })
            .await
    }
}

#[tonic::async_trait]
impl proto::people_service_server::PeopleService for PeopleRpc {
    async fn upsert_users(
        &self,
        request: Request<proto::UpsertUsersRequest>,
    ) -> Result<Response<proto::UpsertUsersResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::tenant(self.database.pool(), &tenant).await?;
        let users = read::users(&sent.users)?;
        self.upsert(&tenant, &users).await?;
        Ok(Response::new(proto::UpsertUsersResponse {}))
    }

    async fn delete_users(
        &self,
        request: Request<proto::DeleteUsersRequest>,
    ) -> Result<Response<proto::DeleteUsersResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        validate::at_most("user_ids", &sent.user_ids, MOST_DELETED, "at most 1000 ids")?;
        for (index, id) in sent.user_ids.iter().enumerate() {
            validate::id::<UserId>(format_args!("user_ids[{index}]"), id)?;
        }
        self.delete(&tenant, &sent.user_ids).await?;
        Ok(Response::new(proto::DeleteUsersResponse {}))
    }
}
