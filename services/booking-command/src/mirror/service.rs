//! `MirrorService` as gRPC, on the internal listener only; the answers are the neighbours' files.

use std::{sync::Arc, time::Duration};

use roomsync_postgres::Database;
use roomsync_process::grpc::Caller;
use roomsync_proto::internal::v1::{self as pb, mirror_service_server::MirrorService};
use roomsync_sealing::Keyring;
use tonic::{Request, Response, Status, Streaming};

use super::{apply, list_links, report_closed, report_coverage, report_link, request::Gathering};
use crate::caller;

/// The mirror's rpcs over one database.
#[derive(Debug, Clone)]
pub struct Mirror {
    database: Database,
    ring: Arc<Keyring>,
    pending_for: Duration,
}

impl Mirror {
    /// The service over this database, with the keys that signed our events, where a link may be pending
    /// for so long.
    pub fn new(database: Database, ring: Arc<Keyring>, pending_for: Duration) -> Self {
        Self {
            database,
            ring,
            pending_for,
        }
    }
}

#[tonic::async_trait]
impl MirrorService for Mirror {
    async fn apply(
        &self,
        mut request: Request<Streaming<pb::ApplyRequest>>,
    ) -> Result<Response<pb::ApplyResponse>, Status> {
        let mut gathering = Gathering::default();
        while let Some(message) = request.get_mut().message().await? {
            gathering.take(message)?;
        }
        let listing = gathering.finish()?;
        caller::tenant(&request, listing.tenant.as_str())?;
        let answer = apply::apply(&self.database, &self.ring, &listing).await?;
        Ok(Response::new(answer))
    }

    async fn report_link(
        &self,
        request: Request<pb::ReportLinkRequest>,
    ) -> Result<Response<pb::ReportLinkResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let report = request.get_ref();
        let answer =
            report_link::report_link(&self.database, &tenant, report, self.pending_for).await?;
        Ok(Response::new(answer))
    }

    async fn report_coverage(
        &self,
        request: Request<pb::ReportCoverageRequest>,
    ) -> Result<Response<pb::ReportCoverageResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let report = request.get_ref();
        let answer = report_coverage::report_coverage(&self.database, &tenant, report).await?;
        Ok(Response::new(answer))
    }

    async fn report_closed(
        &self,
        request: Request<pb::ReportClosedRequest>,
    ) -> Result<Response<pb::ReportClosedResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let report = request.get_ref();
        let answer = report_closed::report_closed(&self.database, &tenant, report).await?;
        Ok(Response::new(answer))
    }

    async fn list_links(
        &self,
        request: Request<pb::ListLinksRequest>,
    ) -> Result<Response<pb::ListLinksResponse>, Status> {
        let caller = Caller::of(&request);
        let answer = list_links::list_links(&self.database, caller, request.get_ref()).await?;
        Ok(Response::new(answer))
    }
}
