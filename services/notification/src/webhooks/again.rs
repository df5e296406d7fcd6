//! The rpcs that send again: everything from a point of the log on, or one change.

use chrono::{DateTime, Utc};
use roomsync_process::grpc;
use roomsync_proto::notification::v1::{self as api, replay_webhook_request};
use tonic::{Code, Request, Response, Status};

use super::{
    queue::{self, Again, From, Replay},
    rpc::{Webhooks, invalid, tenant, trouble, webhook_id, webhook_not_found},
    send::Refusal,
};
use crate::stream::{cursor::CursorExpired, follow};

impl Webhooks {
    pub(crate) async fn replay(
        &self,
        request: Request<api::ReplayWebhookRequest>,
    ) -> Result<Response<api::ReplayWebhookResponse>, Status> {
        let tenant = tenant(&request, &request.get_ref().tenant_id)?;
        let request = request.into_inner();
        let webhook = webhook_id(&request.webhook_id)?;
        let (from, keep) = (&from(request.from)?, self.log_keep);
        let tenant_id = tenant.as_str();
        let replay: Result<_, sqlx::Error> = self
            .database
            .tx("replay_webhook", |tx| {
                Box::pin(queue::replay(tx, tenant_id, webhook, from, keep))
            })
            .await;
        match replay.map_err(|error| trouble(&error))? {
            Replay::Begun(changes) => {
                self.wake_sweep.notify_one();
                tracing::info!(tenant = tenant_id, %webhook, changes, "a webhook is sent changes again");
                let webhook = Some(self.read(&tenant, webhook).await?);
                Ok(Response::new(api::ReplayWebhookResponse {
                    webhook,
                    changes,
                }))
            }
            Replay::Unknown => Err(webhook_not_found()),
            Replay::Disabled => Err(disabled()),
            Replay::Running => Err(grpc::problem(
                Code::FailedPrecondition,
                "REPLAY_RUNNING",
                "another replay of the webhook is not through",
                &[],
            )),
            Replay::Expired => Err(follow::expired(CursorExpired)),
        }
    }

    pub(crate) async fn redeliver(
        &self,
        request: Request<api::RedeliverChangeRequest>,
    ) -> Result<Response<api::RedeliverChangeResponse>, Status> {
        let tenant = tenant(&request, &request.get_ref().tenant_id)?;
        let request = request.into_inner();
        let webhook = webhook_id(&request.webhook_id)?;
        let (tenant_id, change_id) = (tenant.as_str(), request.change_id.as_str());
        let again: Result<_, sqlx::Error> = self
            .database
            .tx("redeliver_change", |tx| {
                Box::pin(queue::again(tx, tenant_id, webhook, change_id))
            })
            .await;
        let letter = match again.map_err(|error| trouble(&error))? {
            Again::Letter(letter) => letter,
            Again::UnknownWebhook => return Err(webhook_not_found()),
            Again::Disabled => return Err(disabled()),
            Again::Paused(seconds) => return Err(paused(seconds)),
            Again::UnknownChange => return Err(change_not_found()),
            Again::Waits => return Err(waits()),
        };
        let sent = self
            .deliveries
            .send_again(tenant_id, webhook, &letter)
            .await;
        let sent = sent.map_err(|_full| {
            grpc::problem(
                Code::ResourceExhausted,
                "TOO_MANY_REQUESTS",
                "enough requests to the webhook are under way",
                &[],
            )
        })?;
        Ok(Response::new(api::RedeliverChangeResponse {
            taken: sent.is_ok(),
            failure: sent.err().map(Refusal::word).unwrap_or_default(),
        }))
    }
}

fn from(from: Option<replay_webhook_request::From>) -> Result<From, Status> {
    match from {
        Some(replay_webhook_request::From::Cursor(cursor)) if !cursor.is_empty() => {
            Ok(From::Cursor(cursor))
        }
        Some(replay_webhook_request::From::Time(time)) => instant(time)
            .map(From::Time)
            .ok_or_else(|| invalid("from", "a time that exists")),
        _ => Err(invalid("from", "a cursor or a time")),
    }
}

/// A time between the years 1 and 9999, which PostgreSQL knows too.
fn instant(time: prost_types::Timestamp) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(time.nanos).ok()?;
    DateTime::from_timestamp(time.seconds, nanos)
        .filter(|time| (1..=9999).contains(&chrono::Datelike::year(time)))
}

fn disabled() -> Status {
    grpc::problem(
        Code::FailedPrecondition,
        "WEBHOOK_DISABLED",
        "the webhook is disabled: enable it first",
        &[],
    )
}

fn paused(seconds: f64) -> Status {
    let seconds = format!("{:.0}", seconds.ceil().max(1.0));
    grpc::problem(
        Code::FailedPrecondition,
        "WEBHOOK_PAUSED",
        "the receiver asked to be left alone for a while",
        &[("seconds", &seconds)],
    )
}

fn change_not_found() -> Status {
    grpc::problem(
        Code::NotFound,
        "CHANGE_NOT_FOUND",
        "the log has no such change, or no longer",
        &[],
    )
}

fn waits() -> Status {
    grpc::problem(
        Code::FailedPrecondition,
        "NOT_DELIVERED_YET",
        "the change waits to be sent: it would overtake others",
        &[],
    )
}
