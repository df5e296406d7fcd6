//! Typed calls about how much objects are occupied.

use chrono::{DateTime, Utc};
use roomsync_process::grpc;
use roomsync_proto::booking::v1::{
    EraseFactsRequest, GetOccupancyRequest, ObjectOccupancy,
    occupancy_service_client::OccupancyServiceClient,
};
use tonic::Status;

use super::{FakeBookingApp, window};

impl FakeBookingApp {
    /// `OccupancyService`.
    pub fn occupancy(&self) -> OccupancyServiceClient<grpc::Channel> {
        OccupancyServiceClient::new(self.booking_command.clone())
    }

    /// How much an object is occupied from and to.
    pub async fn occupancy_of(
        &self,
        tenant: &str,
        object: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<ObjectOccupancy, Status> {
        let request = GetOccupancyRequest {
            tenant_id: tenant.to_owned(),
            object_ids: vec![object.to_owned()],
            window: Some(window(from, to)),
        };
        let answer = self.occupancy().get_occupancy(request).await?.into_inner();
        Ok(answer.objects.into_iter().next().unwrap_or_default())
    }

    /// Erases what was kept of a tenant, or of some objects.
    pub async fn erase_facts(&self, tenant: &str, objects: &[&str]) -> Result<i64, Status> {
        let request = EraseFactsRequest {
            tenant_id: tenant.to_owned(),
            object_ids: objects.iter().map(|id| (*id).to_owned()).collect(),
        };
        Ok(self
            .occupancy()
            .erase_facts(request)
            .await?
            .into_inner()
            .erased)
    }
}
