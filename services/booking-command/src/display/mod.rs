//! `DisplayService`: what a display at a door shows.

use futures_util::stream::BoxStream;
use roomsync_postgres::Database;
use roomsync_proto::booking::v1::{self as pb, display_service_server::DisplayService};
use tonic::{Request, Response, Status};

use crate::watch::Watch;

/// The service.
#[derive(Debug, Clone)]
pub struct DisplayRpc {
    database: Database,
    watch: Watch,
}

impl DisplayRpc {
    /// The service over a database.
    pub fn new(database: Database, watch: Watch) -> Self {
        Self { database, watch }
    }
}

#[tonic::async_trait]
impl DisplayService for DisplayRpc {
    type WatchObjectStream = BoxStream<'static, Result<pb::WatchObjectResponse, Status>>;

    async fn watch_object(
        &self,
        _request: Request<pb::WatchObjectRequest>,
    ) -> Result<Response<Self::WatchObjectStream>, Status> {
        let _ = (&self.database, &self.watch);
        Err(Status::unimplemented("WatchObject"))
    }
}
