//! `DisplayService` as gRPC: who may watch what; each stream has a follower of its own.

use std::{sync::Arc, time::Duration};

use futures_util::stream::BoxStream;
use roomsync_domain::ObjectId;
use roomsync_postgres::Database;
use roomsync_process::Spawner;
use roomsync_proto::booking::v1::{self as pb, display_service_server::DisplayService};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{follow::Follower, outlet};
use crate::{caller, validate, watch::Watch};

/// How many displays of one replica read at once.
const READERS: usize = 4;
/// How long a display may leave its stream unread.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a display reads.
pub(super) type Inlet = BoxStream<'static, Result<pb::WatchObjectResponse, Status>>;

/// The service.
#[derive(Debug, Clone)]
pub struct DisplayRpc {
    database: Database,
    watch: Watch,
    spawner: Spawner,
    soft: CancellationToken,
    readers: Arc<Semaphore>,
}

impl DisplayRpc {
    /// The service over a database. Streams end when `soft` is cancelled.
    pub fn new(
        database: Database,
        watch: Watch,
        spawner: Spawner,
        soft: CancellationToken,
    ) -> Self {
        Self {
            database,
            watch,
            spawner,
            soft,
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }
}

#[tonic::async_trait]
impl DisplayService for DisplayRpc {
    type WatchObjectStream = Inlet;

    async fn watch_object(
        &self,
        request: Request<pb::WatchObjectRequest>,
    ) -> Result<Response<Inlet>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let object: ObjectId = validate::id("object_id", &request.get_ref().object_id)?;
        let follower = Follower {
            database: self.database.clone(),
            tenant,
            object,
            // First hear, then read: what comes in between is heard.
            hints: self.watch.hear(),
            readers: Arc::clone(&self.readers),
        };
        let reading = follower.read().await?;
        let (outlet, inlet) = outlet::channel(PATIENCE);
        self.spawner
            .spawn("display", follower.run(reading, outlet, self.soft.clone()));
        Ok(Response::new(inlet))
    }
}
