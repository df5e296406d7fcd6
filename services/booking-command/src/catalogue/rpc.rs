//! `CatalogueService`.

use roomsync_domain::{ObjectId, TenantId};
use roomsync_postgres::Database;
use roomsync_proto::integration::v1 as proto;
use sqlx::PgConnection;
use tonic::{Request, Response, Status};

use super::{read, store};
use crate::{caller, gate, links, mirror, status::CommandError, validate, watch};

const MOST_DELETED: usize = 500;

/// `CatalogueService` on a database.
#[derive(Debug, Clone)]
pub struct CatalogueRpc {
    database: Database,
}

impl CatalogueRpc {
    /// The service.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Blocked times may have changed, and with them the flags of bookings that stand and what displays show.
async fn upsert(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[read::Object],
) -> Result<(), CommandError> {
    store::upsert(&mut *tx, tenant, objects).await?;
    let ids: Vec<_> = objects.iter().map(|object| object.id.as_str()).collect();
    mirror::reflag(&mut *tx, tenant, &ids).await?;
    Ok(watch::tell_of(tx, tenant, &ids).await?)
}

async fn delete(
    tx: &mut PgConnection,
    tenant: &TenantId,
    objects: &[String],
) -> Result<(), CommandError> {
    gate::tenant_in(&mut *tx, tenant).await?;
    links::close_of_objects(&mut *tx, tenant, objects).await?;
    store::delete(&mut *tx, tenant, objects).await?;
    // Once more: a link made since is visible now, and none can be made any more.
    links::close_of_objects(&mut *tx, tenant, objects).await?;
    let ids: Vec<_> = objects.iter().map(String::as_str).collect();
    Ok(watch::tell_of(tx, tenant, &ids).await?)
}

#[tonic::async_trait]
impl proto::catalogue_service_server::CatalogueService for CatalogueRpc {
    async fn upsert_objects(
        &self,
        request: Request<proto::UpsertObjectsRequest>,
    ) -> Result<Response<proto::UpsertObjectsResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        gate::tenant(&self.database, &tenant).await?;
        let objects = read::objects(&sent.objects)?;
        self.database
            .tx("upsert_objects", |tx| {
                Box::pin(upsert(tx, &tenant, &objects))
            })
            .await?;
        Ok(Response::new(proto::UpsertObjectsResponse {}))
    }

    async fn delete_objects(
        &self,
        request: Request<proto::DeleteObjectsRequest>,
    ) -> Result<Response<proto::DeleteObjectsResponse>, Status> {
        let sent = request.get_ref();
        let tenant = caller::tenant(&request, &sent.tenant_id)?;
        validate::at_most(
            "object_ids",
            &sent.object_ids,
            MOST_DELETED,
            "at most 500 ids",
        )?;
        for (index, id) in sent.object_ids.iter().enumerate() {
            validate::id::<ObjectId>(format_args!("object_ids[{index}]"), id)?;
        }
        let ids = sent.object_ids.as_slice();
        self.database
            .tx("delete_objects", |tx| Box::pin(delete(tx, &tenant, ids)))
            .await?;
        Ok(Response::new(proto::DeleteObjectsResponse {}))
    }
}
