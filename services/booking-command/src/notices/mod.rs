//! `NoticeService`: what a mail needs to say, for notification alone.

use roomsync_postgres::Database;
use roomsync_proto::internal::v1::{self as pb, notice_service_server::NoticeService};
use tonic::{Request, Response, Status};

/// The service.
#[derive(Debug, Clone)]
pub struct NoticeRpc {
    database: Database,
}

impl NoticeRpc {
    /// The service over a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[tonic::async_trait]
impl NoticeService for NoticeRpc {
    async fn get_booking_notice(
        &self,
        _request: Request<pb::GetBookingNoticeRequest>,
    ) -> Result<Response<pb::GetBookingNoticeResponse>, Status> {
        let _ = &self.database;
        Err(Status::unimplemented("GetBookingNotice"))
    }

    async fn get_connection_notice(
        &self,
        _request: Request<pb::GetConnectionNoticeRequest>,
    ) -> Result<Response<pb::GetConnectionNoticeResponse>, Status> {
        Err(Status::unimplemented("GetConnectionNotice"))
    }
}
