//! `OccupancyService` as gRPC: who may ask for which tenant.

use roomsync_postgres::Database;
use roomsync_proto::booking::v1::{self as pb, occupancy_service_server::OccupancyService};
use tonic::{Request, Response, Status};

use super::read;
use crate::caller;

/// The service.
#[derive(Debug, Clone)]
pub struct OccupancyRpc {
    database: Database,
}

impl OccupancyRpc {
    /// The service over a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl OccupancyService for OccupancyRpc {
    async fn get_occupancy(
        &self,
        request: Request<pb::GetOccupancyRequest>,
    ) -> Result<Response<pb::GetOccupancyResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let asked = read::get_occupancy(&self.database, &tenant, request.get_ref());
        let answer = self.database.answer(asked).await?;
        Ok(Response::new(answer))
    }

    async fn erase_facts(
        &self,
        request: Request<pb::EraseFactsRequest>,
    ) -> Result<Response<pb::EraseFactsResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let answer = read::erase_facts(&self.database, &tenant, request.get_ref()).await?;
        Ok(Response::new(answer))
    }
}
