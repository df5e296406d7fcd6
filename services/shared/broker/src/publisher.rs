//! Confirmed publishing.
//!
//! All publishers of a process share one channel. A publish writes its frames and waits for its own
//! confirm only, holding nothing, so as many are under way as there are callers.

use std::{sync::Arc, time::Duration};

use roomsync_messages::Message;
use tokio::time::{self, Instant};
use tokio_util::sync::DropGuard;

use crate::{
    Envelope,
    connection::{Session, Sessions, current},
    envelope::Outgoing,
    metrics::Metrics,
};

/// Publishes messages. Cloning is cheap.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    service: &'static str,
    sessions: Sessions,
    timeout: Duration,
    metrics: Arc<Metrics>,
    /// Closes the connection with the last handle.
    _open: DropGuard,
}

/// Why a message was not published, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no connection.
    #[error("rabbitmq is not reachable")]
    Unreachable,
    /// The broker did not confirm in time; the message may have been published.
    #[error("rabbitmq did not confirm in time")]
    Timeout,
    /// The connection was lost before the confirm; the message may have been published.
    #[error("the connection to rabbitmq was lost before the confirm")]
    Lost,
    /// No queue takes messages of this type.
    #[error("no queue takes `{message_type}`")]
    Returned {
        /// The type of the message.
        message_type: String,
    },
    /// The broker did not take it.
    #[error("rabbitmq refused the message")]
    Refused,
    /// The message cannot be written as JSON.
    #[error("failed to serialize the message")]
    Unserializable(#[source] serde_json::Error),
}

impl PublishError {
    fn label(&self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Returned { .. } => "returned",
            Self::Refused => "refused",
            Self::Unserializable(_) => "unserializable",
        }
    }
}

impl Publisher {
    pub(crate) fn new(
        service: &'static str,
        sessions: Sessions,
        timeout: Duration,
        metrics: Arc<Metrics>,
        open: DropGuard,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                service,
                sessions,
                timeout,
                metrics,
                _open: open,
            }),
        }
    }

    /// Publishes a message; `Ok` when the broker has it safe in a queue.
    pub async fn publish<M: Message>(&self, message: &M) -> Result<(), PublishError> {
        self.publish_envelope(Envelope::of(message)?).await
    }

    /// Publishes a message that was wrapped before.
    ///
    /// When the connection is lost before the confirm, the message goes out again over the next
    /// one, as long as there is time: it may arrive twice, under the same id.
    pub async fn publish_envelope(&self, envelope: Envelope) -> Result<(), PublishError> {
        let outgoing = envelope.outgoing(self.shared.service);
        let result = self.deliver(&outgoing).await;
        self.count(&outgoing, &result);
        result
    }

    /// Publishes messages in this order, many unconfirmed at a time, and tells what became of each.
    ///
    /// All go over the same channel and none goes out again, so two for the same queue arrive first
    /// in the order given, whatever fails. What comes after a message that could not be sent is not
    /// sent.
    pub async fn publish_in_order(
        &self,
        envelopes: Vec<Envelope>,
    ) -> Vec<Result<(), PublishError>> {
        let outgoing: Vec<_> = envelopes
            .into_iter()
            .map(|envelope| envelope.outgoing(self.shared.service))
            .collect();
        let results = self.deliver_in_order(&outgoing).await;
        for (outgoing, result) in outgoing.iter().zip(&results) {
            self.count(outgoing, result);
        }
        results
    }

    pub(crate) async fn deliver(&self, outgoing: &Outgoing) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.shared.timeout;
        loop {
            let session = self.session(deadline).await?;
            let published = async {
                let pending = session.send(outgoing).await?;
                session.confirmed(pending, outgoing).await
            };
            match time::timeout_at(deadline, published).await {
                Ok(Err(PublishError::Lost)) => {}
                Ok(result) => return result,
                Err(_) => return Err(PublishError::Timeout),
            }
        }
    }

    async fn deliver_in_order(&self, outgoing: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        let Ok(session) = self.session(Instant::now() + self.shared.timeout).await else {
            return outgoing
                .iter()
                .map(|_| Err(PublishError::Unreachable))
                .collect();
        };
        let mut sent = Vec::with_capacity(outgoing.len());
        for message in outgoing {
            match time::timeout(self.shared.timeout, session.send(message)).await {
                Ok(Ok(pending)) => sent.push(pending),
                Ok(Err(_)) | Err(_) => break,
            }
        }
        let mut results = Vec::with_capacity(outgoing.len());
        let mut patience = self.shared.timeout;
        for (pending, message) in sent.into_iter().zip(outgoing) {
            let confirmed = time::timeout(patience, session.confirmed(pending, message)).await;
            if confirmed.is_err() {
                // A broker that has fallen silent is not waited for by each: what follows counts as
                // confirmed only if it already is.
                patience = Duration::ZERO;
            }
            results.push(confirmed.unwrap_or(Err(PublishError::Timeout)));
        }
        results.resize_with(outgoing.len(), || Err(PublishError::Lost));
        results
    }

    async fn session(&self, deadline: Instant) -> Result<Arc<Session>, PublishError> {
        let mut sessions = self.shared.sessions.clone();
        let waiting = time::timeout_at(deadline, current(&mut sessions)).await;
        waiting.ok().flatten().ok_or(PublishError::Unreachable)
    }

    fn count(&self, outgoing: &Outgoing, result: &Result<(), PublishError>) {
        let outcome = result
            .as_ref()
            .err()
            .map_or("confirmed", PublishError::label);
        self.shared
            .metrics
            .published(&outgoing.routing_key, outcome);
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}
