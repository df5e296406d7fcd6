//! The consume loop.
//!
//! A queue with patience: as many handlers run at once as messages are prefetched. A queue without:
//! one after the other, and a message that cannot be handled stays in hand, unacknowledged, until it
//! can; nothing overtakes it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel,
    message::Delivery as Amqp,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use roomsync_messages::{Message, QUEUES, QueueSpec};
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    BrokerConfig, Delivery, Failure, Handler, Publisher,
    connection::{Session, Sessions, current},
    declare::{declare, short},
    incoming::{Incoming, message},
    metrics::Metrics,
    settle::Settler,
    topology::Topology,
    trace,
};

/// How long to wait before consuming again after it broke.
const AGAIN: Duration = Duration::from_millis(250);
/// How long the broker may take to end a consumer or its channel; both end with the connection in any case.
const GOODBYE: Duration = Duration::from_secs(2);
/// The longest wait between two tries of a message that holds up its queue.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

/// So often a handler may panic over a message that holds up its queue: a mistake that tries in place cannot
/// mend must not hold it up for ever.
const PANICS: u32 = 10;

/// Why a handler gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked")]
struct Panicked;

/// Consumes one queue.
pub(crate) struct Consumer<M, H> {
    tag: String,
    spec: Option<QueueSpec>,
    patience: Option<Duration>,
    prefetch: u16,
    sessions: Sessions,
    worker: Arc<Worker<M, H>>,
}

/// Works on one message at a time; shared by the tasks of a consumer.
struct Worker<M, H> {
    settler: Settler,
    soft: CancellationToken,
    handler: Arc<H>,
    _message: std::marker::PhantomData<fn(M)>,
}

impl<M: Message, H: Handler<M>> Consumer<M, H> {
    pub(crate) fn new(
        name: &str,
        config: &BrokerConfig,
        soft: CancellationToken,
        sessions: Sessions,
        publisher: Publisher,
        metrics: Arc<Metrics>,
        handler: Arc<H>,
    ) -> Self {
        let spec = QUEUES.iter().find(|spec| spec.queue == M::QUEUE).copied();
        let settler = Settler {
            queue: M::QUEUE,
            message_type: M::TYPE,
            ladder: config.ladder.clone(),
            publisher,
            metrics,
            soft: soft.clone(),
        };
        let patience = spec.and_then(|spec| spec.patience);
        Self {
            tag: format!("{} {name}", M::TYPE),
            spec,
            patience: patience.map(|patience| config.patience.unwrap_or(patience)),
            prefetch: config.prefetch,
            sessions,
            worker: Arc::new(Worker {
                settler,
                soft,
                handler,
                _message: std::marker::PhantomData,
            }),
        }
    }

    pub(crate) async fn run(mut self) {
        let Some(spec) = self.spec else {
            tracing::error!(queue = M::QUEUE, "the queue is not in the table of queues");
            return;
        };
        let soft = self.worker.soft.clone();
        let mut hands = JoinSet::new();
        while !soft.is_cancelled() {
            let session = tokio::select! {
                () = soft.cancelled() => break,
                session = current(&mut self.sessions) => session,
            };
            let Some(session) = session else { break };
            if let Err(error) = self.consume(&session, &spec, &mut hands).await {
                tracing::warn!(%error, queue = M::QUEUE, "consuming broke off");
                time::sleep(AGAIN).await;
            }
        }
        // Also when the connection is lost at the end: what was begun is finished.
        while hands.join_next().await.is_some() {}
    }

    /// Consumes over one connection, until the shutdown or its loss.
    async fn consume(
        &self,
        session: &Session,
        spec: &QueueSpec,
        hands: &mut JoinSet<()>,
    ) -> lapin::Result<()> {
        let (channel, mut deliveries) = tokio::select! {
            () = self.worker.soft.cancelled() => return Ok(()),
            () = session.lost.cancelled() => return Ok(()),
            subscribed = self.subscribe(session, spec) => subscribed?,
        };
        let mut is_first = true;
        loop {
            let delivery = tokio::select! {
                biased;
                () = self.worker.soft.cancelled() => return self.finish(&channel, hands).await,
                () = session.lost.cancelled() => return Ok(()),
                Some(done) = hands.join_next(), if !hands.is_empty() => match done {
                    Ok(()) => continue,
                    // Not the handler's panic but one of ours: without its answer the message would
                    // stay in hand, so a new channel gets it delivered again.
                    Err(error) => {
                        tracing::error!(%error, queue = M::QUEUE, "a message was left without answer");
                        return Ok(());
                    }
                },
                delivery = deliveries.next() => delivery,
            };
            let Some(amqp) = delivery.transpose()? else {
                tracing::warn!(queue = M::QUEUE, "the broker ended the consumer");
                time::sleep(AGAIN).await;
                return Ok(());
            };
            let worker = self.worker.clone();
            if let Some(patience) = self.patience {
                hands.spawn(async move { worker.once(amqp, patience).await });
            } else {
                let is_first = std::mem::take(&mut is_first);
                worker.until_done(amqp, &session.lost, is_first).await;
            }
        }
    }

    async fn subscribe(
        &self,
        session: &Session,
        spec: &QueueSpec,
    ) -> lapin::Result<(Channel, lapin::Consumer)> {
        let channel = session.channel().await?;
        // Heals a queue that somebody deleted while the connection stood.
        let topology = Topology::of(std::slice::from_ref(spec), &self.worker.settler.ladder);
        declare(&channel, &topology).await?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let tag = short(&self.tag);
        let deliveries = channel
            .basic_consume(spec.queue.into(), tag, options, arguments)
            .await?;
        Ok((channel, deliveries))
    }

    /// Takes nothing more and finishes what is in hand. What was prefetched and not begun goes back
    /// with the channel's end.
    async fn finish(&self, channel: &Channel, hands: &mut JoinSet<()>) -> lapin::Result<()> {
        let cancelled = channel.basic_cancel(short(&self.tag), BasicCancelOptions::default());
        time::timeout(GOODBYE, cancelled).await.unwrap_or(Ok(()))?;
        while hands.join_next().await.is_some() {}
        let closed = channel.close(200, "goodbye".into());
        time::timeout(GOODBYE, closed).await.unwrap_or(Ok(()))
    }
}

impl<M: Message, H: Handler<M>> Worker<M, H> {
    /// One attempt; after a failure the ladder takes over.
    async fn once(&self, amqp: Amqp, patience: Duration) {
        let incoming = Incoming::read(&amqp.properties);
        if let Some(rung) = self.settler.still_waiting(&incoming) {
            return self.settler.wait(&amqp, &incoming, rung).await;
        }
        if let Some(failure) = Settler::went_unanswered(&incoming) {
            self.settler
                .failed(&amqp, &incoming, failure, patience)
                .await;
            return;
        }
        let (id, message) = match message::<M>(&amqp) {
            Ok(read) => read,
            Err(reason) => return self.settler.park(&amqp, &incoming, &reason).await,
        };
        let delivery = incoming.delivery(id, amqp.redelivered);
        let started = time::Instant::now();
        let outcome = match self.handle(message, &delivery, &incoming).await {
            Ok(()) => {
                self.settler.done(&amqp).await;
                "done"
            }
            Err(failure) => {
                self.settler
                    .failed(&amqp, &incoming, failure, patience)
                    .await
            }
        };
        self.settler
            .metrics
            .handled(M::TYPE, outcome, started.elapsed());
    }

    /// As many attempts as it takes, in place; only a handler that panics again and again is given up.
    ///
    /// `is_first` on its channel: when a connection closes, only that one had been begun. Those behind it were
    /// merely in hand, and are handled however often that happened.
    async fn until_done(&self, amqp: Amqp, lost: &CancellationToken, is_first: bool) {
        let mut incoming = Incoming::read(&amqp.properties);
        if is_first && let Some(failure) = Settler::went_unanswered(&incoming) {
            return self.settler.renew(&amqp, &incoming, &failure).await;
        }
        let (id, message) = match message::<M>(&amqp) {
            Ok(read) => read,
            Err(reason) => return self.settler.park(&amqp, &incoming, &reason).await,
        };
        let mut panics = 0;
        loop {
            let delivery = incoming.delivery(id, amqp.redelivered);
            let started = time::Instant::now();
            let result = self.handle(message.clone(), &delivery, &incoming).await;
            let outcome = match &result {
                Ok(()) => "done",
                Err(Failure::Retry { .. } | Failure::NotNow { .. }) => "retried",
                Err(Failure::Reject { .. }) => "rejected",
            };
            self.settler
                .metrics
                .handled(M::TYPE, outcome, started.elapsed());
            let (cause, after) = match result {
                Ok(()) => return self.settler.done(&amqp).await,
                Err(Failure::Reject { cause }) => {
                    return self
                        .settler
                        .park(&amqp, &incoming, &format!("{cause:#}"))
                        .await;
                }
                Err(Failure::Retry { cause, after }) => (cause, after),
                Err(Failure::NotNow { cause, after }) => (cause, Some(after)),
            };
            panics = if cause.is::<Panicked>() {
                panics + 1
            } else {
                0
            };
            if panics >= PANICS {
                let reason = format!("{cause:#} {panics} times");
                return self.settler.park(&amqp, &incoming, &reason).await;
            }
            incoming.attempts = incoming.attempts.saturating_add(1);
            let usual = self
                .settler
                .ladder
                .after_attempt(incoming.attempts)
                .min(LONGEST_HOLD);
            tracing::warn!(
                queue = M::QUEUE,
                attempts = incoming.attempts,
                error = format!("{cause:#}"),
                "a message holds up its queue until it can be handled"
            );
            self.settler.metrics.retried(M::TYPE);
            tokio::select! {
                () = self.soft.cancelled() => return,
                () = lost.cancelled() => return,
                () = time::sleep(after.unwrap_or(usual)) => {}
            }
            // The broker takes a message back that was held for too long (half an hour by default).
            if !amqp.acker.usable() {
                return;
            }
        }
    }

    /// Calls the handler in a span of its own. A handler that panics is tried again like one that
    /// failed: the panic may be the message's fault, then its patience ends.
    async fn handle(
        &self,
        message: M,
        delivery: &Delivery,
        incoming: &Incoming,
    ) -> Result<(), Failure> {
        let span = tracing::info_span!(
            "consume",
            otel.name = format!("consume {}", M::TYPE),
            otel.kind = "consumer",
            messaging.system = "rabbitmq",
            messaging.operation.type = "process",
            messaging.destination.name = M::QUEUE,
            messaging.rabbitmq.destination.routing_key = M::TYPE,
            messaging.message.id = %delivery.message_id,
            attempt = delivery.attempt,
        );
        if let Some(traceparent) = &incoming.traceparent {
            trace::link(&span, traceparent);
        }
        let handling = AssertUnwindSafe(self.handler.handle(message, delivery)).catch_unwind();
        match handling.instrument(span).await {
            Ok(result) => result,
            Err(_) => Err(Failure::retry(Panicked)),
        }
    }
}
