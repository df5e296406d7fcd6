//! `OccupancyService`: how much linked objects are occupied.

use roomsync_postgres::Database;
use roomsync_proto::booking::v1::{self as pb, occupancy_service_server::OccupancyService};
use tonic::{Request, Response, Status};

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
        _request: Request<pb::GetOccupancyRequest>,
    ) -> Result<Response<pb::GetOccupancyResponse>, Status> {
        let _ = &self.database;
        Err(Status::unimplemented("GetOccupancy"))
    }

    async fn erase_facts(
        &self,
        _request: Request<pb::EraseFactsRequest>,
    ) -> Result<Response<pb::EraseFactsResponse>, Status> {
        Err(Status::unimplemented("EraseFacts"))
    }
}
