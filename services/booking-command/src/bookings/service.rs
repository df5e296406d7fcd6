//! `BookingService` as gRPC: who may ask for which tenant; the answers are the neighbours' files.

use roomsync_postgres::Database;
use roomsync_proto::booking::v1::{self as pb, booking_service_server::BookingService};
use tonic::{Request, Response, Status};

use super::{
    Desk, availability, changes, create, deadline, delete, get, list, list_history, update,
};
use crate::caller;

/// The public bookings rpcs over one database.
#[derive(Debug, Clone)]
pub struct Bookings {
    database: Database,
    desk: Desk,
}

impl Bookings {
    /// The service at this desk.
    pub fn new(desk: Desk) -> Self {
        Self {
            database: desk.database.clone(),
            desk,
        }
    }
}

#[tonic::async_trait]
impl BookingService for Bookings {
    async fn get_booking(
        &self,
        request: Request<pb::GetBookingRequest>,
    ) -> Result<Response<pb::GetBookingResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let answer = get::get_booking(&self.database, &tenant, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_bookings(
        &self,
        request: Request<pb::ListBookingsRequest>,
    ) -> Result<Response<pb::ListBookingsResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let read = list::list_bookings(&self.database, &tenant, request.get_ref());
        let answer = self.database.answer(read).await?;
        Ok(Response::new(answer))
    }

    async fn check_availability(
        &self,
        request: Request<pb::CheckAvailabilityRequest>,
    ) -> Result<Response<pb::CheckAvailabilityResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let asked = request.get_ref();
        let read = availability::check_availability(&self.database, &tenant, asked);
        let answer = self.database.answer(read).await?;
        Ok(Response::new(answer))
    }

    async fn list_changes(
        &self,
        request: Request<pb::ListChangesRequest>,
    ) -> Result<Response<pb::ListChangesResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let read = changes::list_changes(&self.database, &tenant, request.get_ref());
        let answer = self.database.answer(read).await?;
        Ok(Response::new(answer))
    }

    async fn create_booking(
        &self,
        request: Request<pb::CreateBookingRequest>,
    ) -> Result<Response<pb::CreateBookingResponse>, Status> {
        let deadline = deadline::of(&request);
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let answer =
            create::create_booking(&self.desk, &tenant, request.get_ref(), deadline).await?;
        Ok(Response::new(answer))
    }

    async fn delete_booking(
        &self,
        request: Request<pb::DeleteBookingRequest>,
    ) -> Result<Response<pb::DeleteBookingResponse>, Status> {
        let deadline = deadline::of(&request);
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let answer =
            delete::delete_booking(&self.desk, &tenant, request.get_ref(), deadline).await?;
        Ok(Response::new(answer))
    }

    async fn update_booking(
        &self,
        request: Request<pb::UpdateBookingRequest>,
    ) -> Result<Response<pb::UpdateBookingResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let answer = update::update_booking(&self.database, &tenant, request.get_ref()).await?;
        Ok(Response::new(answer))
    }

    async fn list_history(
        &self,
        request: Request<pb::ListHistoryRequest>,
    ) -> Result<Response<pb::ListHistoryResponse>, Status> {
        let tenant = caller::tenant(&request, &request.get_ref().tenant_id)?;
        let answer = list_history::list_history(&self.database, &tenant, request.get_ref()).await?;
        Ok(Response::new(answer))
    }
}
