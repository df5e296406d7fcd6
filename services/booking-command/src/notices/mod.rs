//! `NoticeService`: what a mail needs to say, for notification alone. It is asked when a mail is sent, so that no
//! message and no other service keeps a person.
//!
//! To let a mail say more: a field in the `.proto`, and its column in `booking.rs` or `connection.rs`.

mod booking;
mod connection;
#[cfg(test)]
mod tests;

use roomsync_postgres::Database;
use roomsync_proto::internal::v1::{self as pb, notice_service_server::NoticeService};
use tonic::{Request, Response, Status};

use crate::{caller, validate};

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
        request: Request<pb::GetBookingNoticeRequest>,
    ) -> Result<Response<pb::GetBookingNoticeResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let booking = validate::id("booking_id", &request.get_ref().booking_id)?;
        let notice = booking::read(&self.database, &tenant, booking).await?;
        Ok(Response::new(notice))
    }

    async fn get_connection_notice(
        &self,
        request: Request<pb::GetConnectionNoticeRequest>,
    ) -> Result<Response<pb::GetConnectionNoticeResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let notice = connection::read(&self.database, &tenant).await?;
        Ok(Response::new(notice))
    }
}
