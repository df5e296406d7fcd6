//! `PeopleService`.

use roomsync_domain::{TenantId, UserId};
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use super::{ownership, read, store};
use crate::{bookings::history, caller, gate, status::CommandError, validate};

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
}

async fn upsert(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &read::Users,
) -> Result<(), CommandError> {
    ownership::hold_bookings(&mut *tx, tenant).await?;
    let given_up = store::upsert(&mut *tx, tenant, users).await?;
    ownership::claim(tx, tenant, users, &given_up).await
}

async fn delete(
    tx: &mut PgConnection,
    tenant: &TenantId,
    users: &[String],
) -> Result<(), CommandError> {
    gate::tenant_in(&mut *tx, tenant).await?;
    ownership::hold_bookings(&mut *tx, tenant).await?;
    store::delete(&mut *tx, tenant, users).await?;
    history::forget(&mut *tx, tenant, users).await?;
    ownership::anonymise(tx, tenant, users).await
}

#[tonic::async_trait]
impl proto::people_service_server::PeopleService for PeopleRpc {
    async fn upsert_users(
        &self,
        request: Request<proto::UpsertUsersRequest>,
    ) -> Result<Response<proto::UpsertUsersResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::tenant(&self.database, &tenant).await?;
        let users = read::users(&sent.users)?;
        self.database
            .tx("upsert_users", |tx| Box::pin(upsert(tx, &tenant, &users)))
            .await?;
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
        let ids = sent.user_ids.as_slice();
        self.database
            .tx("delete_users", |tx| Box::pin(delete(tx, &tenant, ids)))
            .await?;
        // The rows say what is still to do: a call that is repeated goes on where this one ended.
        while self
            .database
            .tx("anonymise_ended", |tx| {
                Box::pin(ownership::anonymise_ended(tx, &tenant, ids))
            })
            .await?
        {}
        Ok(Response::new(proto::DeleteUsersResponse {}))
    }
}
