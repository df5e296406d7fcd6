//! `OperatorService`.

use std::time::Duration;

use roomsync_broker::parked::{Parked, ParkedError, REACH};
use roomsync_postgres::Database;
use roomsync_process::grpc::{Caller, Role};
use roomsync_proto::operator::v1 as proto;
use tonic::{Request, Response, Status};

use super::{convert, coverage};
use crate::{status::CommandError, validate};

/// How long an operator should wait when RabbitMQ is away.
const BROKER_RETRY: Duration = Duration::from_secs(1);
/// Messages of a page, unless the request says so.
const PAGE: i64 = 100;

/// `OperatorService` on a database and a broker.
#[derive(Debug, Clone)]
pub struct OperatorRpc {
    database: Database,
    parked: Parked,
}

impl OperatorRpc {
    /// The service.
    pub fn new(database: Database, parked: Parked) -> Self {
        Self { database, parked }
    }
}

/// The operator's name. `PERMISSION_DENIED` `ROLE_NOT_ALLOWED` or `ALL_TENANTS_REQUIRED`.
fn admit<T>(request: &Request<T>) -> Result<&str, Status> {
    let caller = Caller::of(request);
    caller.require(Role::Operator)?;
    if !caller.may_see("*") {
        return Err(CommandError::Forbidden("ALL_TENANTS_REQUIRED").into());
    }
    Ok(&caller.name)
}

fn refused(error: ParkedError) -> CommandError {
    match error {
        ParkedError::UnknownQueue { .. } => {
            CommandError::invalid("queue", "a queue of ListParkedQueues")
        }
        ParkedError::NotFound { .. } => CommandError::NotFound("PARKED_MESSAGE_NOT_FOUND"),
        ParkedError::Busy { .. } => CommandError::Aborted {
            reason: "PARKED_MESSAGES_BUSY",
        },
        ParkedError::Unreachable => CommandError::Unavailable {
            reason: "BROKER_UNAVAILABLE",
            retry_after: BROKER_RETRY,
        },
        ParkedError::Interrupted { sent, cause } => {
            tracing::warn!(sent, %cause, "sending parked messages again stopped");
            CommandError::Stopped {
                reason: "BROKER_UNAVAILABLE",
                metadata: vec![("sent", sent.to_string())],
                retry_after: BROKER_RETRY,
            }
        }
    }
}

/// How many messages a page token skips.
fn skip(token: &str) -> Result<u16, CommandError> {
    let expected = "the next_page_token of the page before";
    let skipped = match token {
        "" => Some(0),
        token => token.parse().ok().filter(|skip| (1..REACH).contains(skip)),
    };
    skipped.ok_or_else(|| CommandError::invalid("page_token", expected))
}

#[tonic::async_trait]
impl proto::operator_service_server::OperatorService for OperatorRpc {
    async fn list_parked_queues(
        &self,
        request: Request<proto::ListParkedQueuesRequest>,
    ) -> Result<Response<proto::ListParkedQueuesResponse>, Status> {
        admit(&request)?;
        let queues = self.parked.queues().await.map_err(refused)?;
        let queues = queues.iter().map(convert::queue).collect();
        Ok(Response::new(proto::ListParkedQueuesResponse { queues }))
    }

    async fn list_parked_messages(
        &self,
        request: Request<proto::ListParkedMessagesRequest>,
    ) -> Result<Response<proto::ListParkedMessagesResponse>, Status> {
        admit(&request)?;
        let sent = request.get_ref();
        let size = validate::page_size(sent.page_size, PAGE, REACH.into())?;
        let size = u16::try_from(size).unwrap_or(REACH);
        let skip = skip(&sent.page_token)?;
        let page = self.parked.page(&sent.queue, skip, size).await;
        let page = page.map_err(refused)?;
        Ok(Response::new(proto::ListParkedMessagesResponse {
            messages_in_all: convert::count(page.lying),
            messages: page.messages.into_iter().map(convert::message).collect(),
            next_page_token: page.next.map(|next| next.to_string()).unwrap_or_default(),
        }))
    }

    async fn get_parked_message(
        &self,
        request: Request<proto::GetParkedMessageRequest>,
    ) -> Result<Response<proto::GetParkedMessageResponse>, Status> {
        admit(&request)?;
        let shown = self.parked.show(&request.get_ref().message_id).await;
        let shown = shown.map_err(refused)?;
        let body = shown.body.map(|body| body.to_string());
        Ok(Response::new(proto::GetParkedMessageResponse {
            message: Some(convert::message(shown.message)),
            body_json: body.unwrap_or_default(),
        }))
    }

    async fn requeue_parked_messages(
        &self,
        request: Request<proto::RequeueParkedMessagesRequest>,
    ) -> Result<Response<proto::RequeueParkedMessagesResponse>, Status> {
        let operator = admit(&request)?;
        let sent = request.get_ref();
        let one = Some(sent.message_id.as_str()).filter(|id| !id.is_empty());
        let done = self.parked.send_again(&sent.queue, one, operator).await;
        let done = done.map_err(refused)?;
        Ok(Response::new(proto::RequeueParkedMessagesResponse {
            sent: convert::count(done.sent),
            left: convert::count(done.left),
        }))
    }

    async fn drop_parked_message(
        &self,
        request: Request<proto::DropParkedMessageRequest>,
    ) -> Result<Response<proto::DropParkedMessageResponse>, Status> {
        let operator = admit(&request)?;
        let sent = request.get_ref();
        let dropped = self
            .parked
            .drop_one(&sent.queue, &sent.message_id, operator)
            .await
            .map_err(refused)?;
        Ok(Response::new(proto::DropParkedMessageResponse {
            message: Some(convert::message(dropped)),
        }))
    }

    async fn get_coverage(
        &self,
        request: Request<proto::GetCoverageRequest>,
    ) -> Result<Response<proto::GetCoverageResponse>, Status> {
        admit(&request)?;
        Ok(Response::new(coverage::get(&self.database).await?))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_first_page("", Some(0))]
    #[case::a_further_page("100", Some(100))]
    #[case::beyond_reach("1000", None)]
    #[case::nothing_skipped("0", None)]
    #[case::another_ones("aquarium/7", None)]
    fn a_page_token_is_one_that_a_page_answered(#[case] token: &str, #[case] skips: Option<u16>) {
        assert_eq!(skip(token).ok(), skips);
    }
}
