//! Messages of one `.dead` queue taken in hand, and given back in the order in which they lay.
//!
//! By a consumer that is cancelled once it has enough, and not by one `basic.get` after the other:
//! to a quorum queue every get is a consumer of its own, and what several consumers give back comes
//! back in any order (observed with RabbitMQ 3.10, from 33 messages on). What one consumer gives back
//! comes back in order, but behind what was given back before (observed, too): so every look takes
//! all within reach, however little of it is wanted.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::{
    Channel, Queue,
    message::Delivery as Amqp,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::FieldTable,
};
use roomsync_messages::QueueSpec;
use tokio::time::{self, Instant};

use super::{ParkedError, REACH};
use crate::{
    Ladder,
    connection::Session,
    declare::{declare, short},
    topology::{DEAD_EXCHANGE, Topology, dead_queue},
};

/// How long the broker may take for one answer.
const ANSWER: Duration = Duration::from_secs(15);
/// How long is waited for another operator to give back what they have in hand.
const OTHERS: Duration = Duration::from_secs(3);
/// How long is waited for a message that should come: it may have expired meanwhile.
const QUIET: Duration = Duration::from_secs(1);

/// Messages in hand, oldest first.
pub(super) struct Look {
    channel: Channel,
    /// The messages.
    pub(super) messages: Vec<Amqp>,
    /// How many lay in the queue, those in hand included.
    pub(super) lying: u64,
}

/// What is parked of a queue.
pub(super) struct Lying {
    /// So many messages are in nobody's hand.
    pub(super) messages: u64,
    /// Another operator has some in hand, or had until now.
    pub(super) others: bool,
}

/// Counts, after waiting for others to give back what they have in hand.
pub(super) async fn count(
    session: &Session,
    spec: &QueueSpec,
    ladder: &Ladder,
) -> Result<Lying, ParkedError> {
    let deadline = Instant::now() + OTHERS;
    let channel = open(session, spec, ladder).await?;
    let queue = loop {
        let queue = state(session, &channel, spec).await?;
        if queue.consumer_count() == 0 || Instant::now() > deadline {
            break queue;
        }
        time::sleep(a_moment()).await;
    };
    close(channel).await;
    Ok(Lying {
        messages: queue.message_count().into(),
        others: queue.consumer_count() > 0,
    })
}

impl Look {
    /// Takes all messages within reach in hand, alone: the broker counts whoever has messages of the
    /// queue in hand as a consumer of it, and of two that come at once at least one sees the other
    /// and steps back.
    pub(super) async fn at(
        session: &Session,
        spec: &'static QueueSpec,
        ladder: &Ladder,
        tag: &str,
    ) -> Result<Self, ParkedError> {
        let deadline = Instant::now() + OTHERS;
        loop {
            let channel = open(session, spec, ladder).await?;
            let before = state(session, &channel, spec).await?;
            if before.consumer_count() == 0 {
                let lying = before.message_count().into();
                if let Some(look) = Self::alone(session, &channel, spec, tag, lying).await? {
                    return Ok(look);
                }
            }
            close(channel).await;
            if Instant::now() > deadline {
                return Err(ParkedError::Busy { queue: spec.queue });
            }
            time::sleep(a_moment()).await;
        }
    }

    /// `None`: somebody else came at the same time.
    async fn alone(
        session: &Session,
        channel: &Channel,
        spec: &QueueSpec,
        tag: &str,
        lying: u64,
    ) -> Result<Option<Self>, ParkedError> {
        let wanted = usize::from(REACH).min(usize::try_from(lying).unwrap_or(usize::MAX));
        let mut messages = Vec::with_capacity(wanted);
        if wanted > 0 {
            let prefetch = u16::try_from(wanted).unwrap_or(REACH);
            let qos = channel.basic_qos(prefetch, BasicQosOptions::default());
            answered(session, qos).await?;
            let consumed = channel.basic_consume(
                short(&dead_queue(spec.queue)),
                short(tag),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            );
            let mut deliveries = answered(session, consumed).await?;
            if state(session, channel, spec).await?.consumer_count() > 1 {
                return Ok(None);
            }
            // Only what has a time to live goes by itself.
            let (expires, patience) = match spec.parked_for {
                Some(_) => (true, QUIET),
                None => (false, ANSWER),
            };
            while messages.len() < wanted {
                match time::timeout(patience, deliveries.next()).await {
                    Ok(Some(Ok(message))) => messages.push(message),
                    Ok(Some(Err(_)) | None) => {
                        tracing::warn!(queue = spec.queue, "a look at parked messages broke off");
                        return Err(ParkedError::Unreachable);
                    }
                    Err(_) if expires => break,
                    Err(_) => return Err(ParkedError::Unreachable),
                }
            }
            // What is acknowledged from now on makes room for no other message.
            let cancelled = channel.basic_cancel(short(tag), BasicCancelOptions::default());
            answered(session, cancelled).await?;
        }
        Ok(Some(Self {
            channel: channel.clone(),
            messages,
            lying,
        }))
    }

    /// Gives back what was not acknowledged.
    pub(super) async fn give_back(self) {
        close(self.channel).await;
    }
}

/// Random, so that two that met do not meet again.
fn a_moment() -> Duration {
    Duration::from_millis(25).mul_f64(1.0 + 3.0 * rand::random::<f64>())
}

/// A channel of its own, and the queue, should somebody have deleted it.
async fn open(
    session: &Session,
    spec: &QueueSpec,
    ladder: &Ladder,
) -> Result<Channel, ParkedError> {
    let channel = answered(session, session.channel()).await?;
    let mut topology = Topology::of(std::slice::from_ref(spec), ladder);
    let dead = dead_queue(spec.queue);
    topology
        .exchanges
        .retain(|(name, _)| *name == DEAD_EXCHANGE);
    topology.queues.retain(|queue| queue.name == dead);
    topology.bindings.retain(|binding| binding.queue == dead);
    answered(session, declare(&channel, &topology)).await?;
    Ok(channel)
}

async fn state(
    session: &Session,
    channel: &Channel,
    spec: &QueueSpec,
) -> Result<Queue, ParkedError> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let name = short(&dead_queue(spec.queue));
    let asked = channel.queue_declare(name, passive, FieldTable::default());
    answered(session, asked).await
}

/// Where the goodbye gets no answer the channel ends with its last handle, or with the connection.
async fn close(channel: Channel) {
    let goodbye = channel.close(200, "looked".into());
    let _ = time::timeout(ANSWER, goodbye).await;
}

async fn answered<T>(
    session: &Session,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, ParkedError> {
    let answer = tokio::select! {
        () = session.lost.cancelled() => return Err(ParkedError::Unreachable),
        answer = time::timeout(ANSWER, call) => answer.map_err(|_| ParkedError::Unreachable)?,
    };
    answer.map_err(|error| {
        tracing::warn!(%error, "rabbitmq refused a look at parked messages");
        ParkedError::Unreachable
    })
}
