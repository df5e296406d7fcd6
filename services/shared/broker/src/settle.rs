//! What happens to a message after its handler: done, tried again, parked.
//!
//! The original is acknowledged only after what follows from it is confirmed, so a crash between the
//! two delivers it again instead of losing it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use lapin::{message::Delivery as Amqp, options::BasicAckOptions};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    Failure, Ladder, Publisher,
    envelope::{Outgoing, now},
    incoming::Incoming,
    ladder::Verdict,
    metrics::Metrics,
};

/// How long to wait when the broker did not take a retry or a parked message.
const AGAIN: Duration = Duration::from_millis(500);
/// How long an acknowledgement may take to leave. One that is given while its connection is being lost may never
/// hear from lapin, and while the broker blocks its publishers nothing is written: neither holds a hand for
/// ever, nor up a shutdown. What has not left by then leaves later, or the message is delivered again.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);

/// So often a message may be handed out without an answer before that counts as an attempt that failed.
///
/// The broker counts too, and parks what it handed out too often (the delivery limit of the topology, 50).
/// But it counts every message that was in hand when a connection closed, begun or not, and whoever closed
/// it: a network that breaks often, or a neighbour that kills the process, would park the innocent. So long
/// before that a message is published anew, which the broker counts from zero, and waits like one that
/// failed: what is innocent gets done in the meantime, what is not leaves the way for longer and longer, and
/// is parked when its patience ends.
const UNANSWERED: u32 = 20;
/// In a queue without a ladder: so often it is published anew before it is parked.
const RENEWALS: u32 = 10;

/// Knows where the messages of one queue go.
pub(crate) struct Settler {
    pub(crate) queue: &'static str,
    pub(crate) message_type: &'static str,
    pub(crate) ladder: Ladder,
    pub(crate) publisher: Publisher,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) soft: CancellationToken,
}

impl Settler {
    /// Its work is done.
    pub(crate) async fn done(&self, amqp: &Amqp) {
        // An acknowledgement over a lost connection fails, and the message is delivered again.
        let acknowledged = amqp.acker.ack(BasicAckOptions::default());
        match time::timeout(ACKNOWLEDGED_WITHIN, acknowledged).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, queue = self.queue, "an acknowledgement was lost");
            }
            Err(_) => tracing::warn!(queue = self.queue, "an acknowledgement has not left yet"),
        }
    }

    /// It came back before it is due: the next queue it waits in, if it has to.
    pub(crate) fn still_waiting(&self, incoming: &Incoming) -> Option<Duration> {
        self.ladder.rung_until(incoming.due?, now())
    }

    /// It was handed out too often without an answer.
    pub(crate) fn went_unanswered(incoming: &Incoming) -> Option<Failure> {
        (incoming.unanswered >= UNANSWERED).then(|| {
            let times = incoming.unanswered;
            Failure::retry(anyhow::anyhow!(
                "handed out {times} times without an answer"
            ))
        })
    }

    /// The same in a queue that keeps its order: what is published anew stands at its end, and what it was
    /// overtaken by says so (versions have gaps; states are compared by when they were).
    pub(crate) async fn renew(&self, amqp: &Amqp, incoming: &Incoming, failure: &Failure) {
        let renewals = incoming.attempts.saturating_add(1);
        if renewals > RENEWALS {
            return self
                .park(amqp, incoming, &format!("{:#}", failure.cause()))
                .await;
        }
        let error = format!("{:#}", failure.cause());
        tracing::warn!(
            queue = self.queue,
            renewals,
            error,
            "a message is published anew"
        );
        self.metrics.retried(self.message_type);
        let incoming = Incoming {
            attempts: renewals,
            ..incoming.clone()
        };
        self.replace(amqp, &incoming.renewed(amqp, self.queue))
            .await;
    }

    /// Sends it on waiting, without counting an attempt.
    pub(crate) async fn wait(&self, amqp: &Amqp, incoming: &Incoming, rung: Duration) {
        self.replace(amqp, &incoming.waiting(amqp, self.queue, rung))
            .await;
    }

    /// Sends it up the ladder or parks it. Says which, for the metric.
    pub(crate) async fn failed(
        &self,
        amqp: &Amqp,
        incoming: &Incoming,
        failure: Failure,
        patience: Duration,
    ) -> &'static str {
        let (cause, after, tried) = match failure {
            Failure::Reject { cause } => {
                self.park(amqp, incoming, &format!("{cause:#}")).await;
                return "rejected";
            }
            Failure::Retry { cause, after } => (cause, after, 1),
            Failure::NotNow { cause, after } => (cause, Some(after), 0),
        };
        let attempts = incoming.attempts.saturating_add(tried);
        let incoming = Incoming {
            attempts,
            ..incoming.clone()
        };
        let jitter = rand::random();
        let (now, seen) = (now(), incoming.first_seen);
        match self
            .ladder
            .next_try(now, seen, attempts, after, patience, jitter)
        {
            Verdict::TryAt(due) => {
                let error = format!("{cause:#}");
                if tried == 0 {
                    tracing::debug!(queue = self.queue, %due, error, "a message waits for its turn");
                } else {
                    tracing::warn!(
                        queue = self.queue, attempts, %due, error,
                        "a message will be tried again"
                    );
                }
                self.metrics.retried(self.message_type);
                self.climb(
                    amqp,
                    Incoming {
                        due: Some(due),
                        ..incoming
                    },
                    now,
                    due,
                )
                .await;
                "retried"
            }
            Verdict::GiveUp => {
                self.park(
                    amqp,
                    &incoming,
                    &format!("gave up after {attempts} attempts: {cause:#}"),
                )
                .await;
                "gave_up"
            }
        }
    }

    async fn climb(&self, amqp: &Amqp, incoming: Incoming, now: DateTime<Utc>, due: DateTime<Utc>) {
        // Less than the shortest rung remains only at the end of the patience.
        let rung = self
            .ladder
            .rung_until(due, now)
            .unwrap_or(self.ladder.shortest());
        self.wait(amqp, &incoming, rung).await;
    }

    /// Parks it for the operator.
    pub(crate) async fn park(&self, amqp: &Amqp, incoming: &Incoming, reason: &str) {
        tracing::error!(queue = self.queue, reason, "a message is parked");
        self.metrics.parked(self.message_type);
        self.replace(amqp, &incoming.parked(amqp, self.queue, reason))
            .await;
    }

    /// Publishes what takes the message's place, then acknowledges it. The message stays in hand
    /// until that worked; when the connection it came over is lost, it is delivered again.
    async fn replace(&self, amqp: &Amqp, outgoing: &Outgoing) {
        while amqp.acker.usable() {
            match self.publisher.deliver(outgoing).await {
                Ok(()) => return self.done(amqp).await,
                Err(error) => {
                    tracing::warn!(%error, queue = self.queue, "a message could not be moved");
                }
            }
            tokio::select! {
                () = self.soft.cancelled() => return,
                () = time::sleep(AGAIN) => {}
            }
        }
    }
}
