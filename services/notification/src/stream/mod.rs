//! `SubscriptionService`: changes as they happen, over a server stream that reads only the log. Its rpcs
//! about webhooks are answered by [`crate::webhooks`].
//!
//! Each subscriber has a [`follow::Follower`] of its own with a short buffer: one that reads slowly
//! blocks only itself, one that does not read at all is ended. A subscriber may hang on any replica.

pub mod convert;
pub mod cursor;
pub mod follow;
pub mod hub;
pub mod outlet;

use roomsync_proto::notification::v1 as api;
use std::{sync::Arc, time::Duration};

use roomsync_domain::{SharedClock, TenantId};
use roomsync_postgres::Database;
use roomsync_process::grpc;
use roomsync_proto::notification::v1::{
    SubscribeRequest, subscription_service_server::SubscriptionService,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Code, Request, Response, Status, async_trait};

use self::{follow::Follower, hub::Hub, outlet::Inlet};
use crate::{
    config::StreamConfig,
    known_tenants::{KnownTenants, TenantError},
    metrics::Metrics,
    webhooks::Webhooks,
};

const DEFAULT_HEARTBEAT: i32 = 15;

/// The service.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    /// Where the log is.
    pub database: Database,
    /// The domain's clock.
    pub clock: SharedClock,
    /// What wakes the followers.
    pub hub: Hub,
    /// Who may have a log.
    pub tenants: KnownTenants,
    /// The other way out.
    pub webhooks: Webhooks,
    /// Settings.
    pub config: StreamConfig,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Where followers run, so that shutdown waits for them.
    pub tasks: TaskTracker,
    /// Ends every stream.
    pub soft: CancellationToken,
}

#[async_trait]
impl SubscriptionService for Subscriptions {
    type SubscribeStream = Inlet;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Inlet>, Status> {
        let may_see = grpc::Caller::of(&request).may_see(&request.get_ref().tenant_id);
        let request = request.into_inner();
        let heartbeat = heartbeat(request.heartbeat_seconds)?;
        if !may_see {
            return Err(tenant_not_found());
        }
        let tenant: TenantId = request.tenant_id.parse().map_err(|_| tenant_not_found())?;
        // First follow, then read where the log stands: what comes in between is heard.
        let ends = self.hub.follow(tenant.as_str());
        let log = self
            .tenants
            .log_of(&tenant)
            .await
            .map_err(|error| refuse(&error))?;
        let greet = request.cursor.is_empty();
        let position = if greet {
            log.last_position
        } else {
            cursor::decode(&request.cursor, &log).map_err(follow::expired)?
        };
        let follower = Follower {
            database: self.database.clone(),
            clock: Arc::clone(&self.clock),
            metrics: Arc::clone(&self.metrics),
            tenant: tenant.into(),
            log_id: log.log_id,
            position,
            end: log.last_position,
            ends,
            heartbeat,
            page_size: self.config.page_size,
        };
        let (outlet, inlet) = outlet::channel(self.config.buffer, self.config.write_timeout);
        let open = self.metrics.stream_opened();
        let soft = self.soft.clone();
        self.tasks.spawn(async move {
            let _open = open;
            follower.run(outlet, greet, soft).await;
        });
        Ok(Response::new(inlet))
    }

    async fn create_webhook(
        &self,
        request: Request<api::CreateWebhookRequest>,
    ) -> Result<Response<api::CreateWebhookResponse>, Status> {
        self.webhooks.create(request).await
    }

    async fn list_webhooks(
        &self,
        request: Request<api::ListWebhooksRequest>,
    ) -> Result<Response<api::ListWebhooksResponse>, Status> {
        self.webhooks.list(request).await
    }

    async fn update_webhook(
        &self,
        request: Request<api::UpdateWebhookRequest>,
    ) -> Result<Response<api::UpdateWebhookResponse>, Status> {
        self.webhooks.update(request).await
    }

    async fn rotate_webhook_secret(
        &self,
        request: Request<api::RotateWebhookSecretRequest>,
    ) -> Result<Response<api::RotateWebhookSecretResponse>, Status> {
        self.webhooks.rotate(request).await
    }

    async fn delete_webhook(
        &self,
        request: Request<api::DeleteWebhookRequest>,
    ) -> Result<Response<api::DeleteWebhookResponse>, Status> {
        self.webhooks.delete(request).await
    }

    async fn replay_webhook(
        &self,
        request: Request<api::ReplayWebhookRequest>,
    ) -> Result<Response<api::ReplayWebhookResponse>, Status> {
        self.webhooks.replay(request).await
    }

    async fn redeliver_change(
        &self,
        request: Request<api::RedeliverChangeRequest>,
    ) -> Result<Response<api::RedeliverChangeResponse>, Status> {
        self.webhooks.redeliver(request).await
    }
}

fn heartbeat(seconds: i32) -> Result<Duration, Status> {
    let seconds = if seconds == 0 {
        DEFAULT_HEARTBEAT
    } else {
        seconds
    };
    match u64::try_from(seconds) {
        Ok(seconds @ 1..=60) => Ok(Duration::from_secs(seconds)),
        _ => Err(grpc::problem(
            Code::InvalidArgument,
            "INVALID_FIELD",
            "heartbeat_seconds is not between 1 and 60",
            &[
                ("field", "heartbeat_seconds"),
                ("expected", "1..60, or 0 for 15"),
            ],
        )),
    }
}

pub(crate) fn refuse(error: &TenantError) -> Status {
    match error {
        TenantError::Unknown => tenant_not_found(),
        TenantError::Database(error) => follow::database_away(error),
        TenantError::BookingCommand(status) => {
            tracing::warn!(code = ?status.code(), "booking-command could not be asked for a tenant");
            grpc::problem(
                Code::Unavailable,
                "TENANT_UNKNOWN_YET",
                "whether the tenant exists cannot be told right now",
                &[],
            )
        }
    }
}

pub(crate) fn tenant_not_found() -> Status {
    grpc::problem(
        Code::NotFound,
        "TENANT_NOT_FOUND",
        "there is no such tenant",
        &[],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, Some(15))]
    #[case(1, Some(1))]
    #[case(60, Some(60))]
    #[case(61, None)]
    #[case(-1, None)]
    fn heartbeats_are_1_to_60_seconds(#[case] asked: i32, #[case] given: Option<u64>) {
        assert_eq!(heartbeat(asked).ok(), given.map(Duration::from_secs));
    }
}
