//! Parked messages: what lies in the `.dead` queues until an operator sends it again or drops it.
//!
//! Looking takes messages in hand over a channel of its own and gives them back by closing it, in the
//! order in which they lay. So nothing can get lost by looking: whatever ends the look (an answer, a
//! crash, a lost connection) ends the channel. Of a queue only the oldest [`REACH`] messages are
//! taken in hand; the rest come within reach when those are gone.
//!
//! One operator looks at a queue at a time; another one waits for a moment and is then told to try
//! again ([`ParkedError::Busy`]). Of two that come at the same instant both step back first, which may
//! change the order of the messages, and nothing else.
//!
//! Sending again publishes the message to the queue it was consumed from, under the same id, as one
//! that was never tried; only after the broker's confirm is the parked one acknowledged. A crash
//! between the two doubles the message, and consumers know doubled ones by their id. It touches what
//! lay there when the call came: a message that is parked again at once lies behind, and waits for
//! the next call.
//!
//! What is shown carries no person: [`without_persons`].

mod body;
pub mod cli;
mod error;
mod look;
mod message;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use lapin::options::BasicAckOptions;
use roomsync_messages::{QUEUES, QueueSpec};
use serde::Serialize;
use tokio::time;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

pub use self::{
    body::without_persons,
    error::ParkedError,
    message::{ParkedMessage, ShownMessage},
};
use self::{
    look::Look,
    message::{again, key},
};
use crate::{
    BrokerConfig, PublishError, Publisher,
    connection::{Session, Sessions, current},
    metrics::Metrics,
    topology::dead_queue,
};

/// How many messages of a queue, the oldest ones, can be looked at, and are sent again by one call.
pub const REACH: u16 = 1000;

/// A queue's parked messages, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParkedQueue {
    /// The queue they were consumed from.
    pub queue: &'static str,
    /// The type of its messages.
    pub message_type: &'static str,
    /// How many lie there; those that another operator has in hand are not counted.
    pub messages: u64,
    /// Since when the oldest lies there; not told while another operator has messages in hand.
    pub oldest_parked_at: Option<DateTime<Utc>>,
    /// How long they are kept, in seconds; absent: until somebody sends them again or drops them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_for_seconds: Option<u64>,
}

/// Some of a queue's parked messages, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParkedPage {
    /// The queue they were consumed from.
    pub queue: &'static str,
    /// How many lie there in all.
    pub lying: u64,
    /// The messages of this page.
    pub messages: Vec<ParkedMessage>,
    /// How many to skip for the next page, if there is one within reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u16>,
}

/// What became of messages that were to be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SentAgain {
    /// So many were.
    pub sent: u64,
    /// So many of those that lay there when the call came still do.
    pub left: u64,
}

/// The parked messages of a broker. Cloning is cheap.
#[derive(Clone)]
pub struct Parked {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    config: BrokerConfig,
    sessions: Sessions,
    publisher: Publisher,
    metrics: Arc<Metrics>,
}

impl Parked {
    pub(crate) fn new(
        name: &str,
        config: &BrokerConfig,
        sessions: Sessions,
        publisher: Publisher,
        metrics: Arc<Metrics>,
    ) -> Self {
        let shared = Shared {
            name: format!("parked {name}"),
            config: config.clone(),
            sessions,
            publisher,
            metrics,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Every queue, with how much is parked of it.
    pub async fn queues(&self) -> Result<Vec<ParkedQueue>, ParkedError> {
        let session = self.session().await?;
        let mut queues = Vec::with_capacity(QUEUES.len());
        for spec in QUEUES {
            let lying = look::count(&session, spec, &self.shared.config.ladder).await?;
            let oldest = match lying.messages {
                0 => None,
                _ => self.oldest(&session, spec).await?,
            };
            queues.push(ParkedQueue {
                queue: spec.queue,
                message_type: spec.message_type,
                messages: lying.messages,
                oldest_parked_at: oldest,
                kept_for_seconds: spec.parked_for.map(|time| time.as_secs()),
            });
        }
        Ok(queues)
    }

    /// `size` of a queue's parked messages, oldest first, without the first `skip`. Never beyond
    /// [`REACH`].
    pub async fn page(&self, queue: &str, skip: u16, size: u16) -> Result<ParkedPage, ParkedError> {
        let spec = spec(queue)?;
        let session = self.session().await?;
        let end = skip.saturating_add(size).min(REACH);
        let look = self.look(&session, spec).await?;
        let messages = look.messages.iter().take(end.into()).skip(skip.into());
        let page = ParkedPage {
            queue: spec.queue,
            lying: look.lying,
            messages: messages.map(|it| ParkedMessage::of(it, spec)).collect(),
            next: (u64::from(end) < look.lying && end < REACH).then_some(end),
        };
        look.give_back().await;
        Ok(page)
    }

    /// One message, wherever it is parked, with its body as far as it names nobody.
    pub async fn show(&self, message_id: &str) -> Result<ShownMessage, ParkedError> {
        let session = self.session().await?;
        let mut busy = None;
        for spec in QUEUES {
            let lying = look::count(&session, spec, &self.shared.config.ladder).await?;
            if lying.messages == 0 && !lying.others {
                continue;
            }
            let look = match self.look(&session, spec).await {
                Ok(look) => look,
                Err(error @ ParkedError::Busy { .. }) => {
                    busy = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let found = look.messages.iter().find(|it| key(it) == message_id);
            let shown = found.map(|it| ShownMessage::of(it, spec));
            look.give_back().await;
            if let Some(shown) = shown {
                return Ok(shown);
            }
        }
        Err(busy.unwrap_or_else(|| not_found(message_id)))
    }

    /// Sends one message of a queue again, or all that lie there now (at most [`REACH`]). Goes on to
    /// the end when nobody waits for the answer any more. `operator` stands in the log.
    pub async fn send_again(
        &self,
        queue: &str,
        message_id: Option<&str>,
        operator: &str,
    ) -> Result<SentAgain, ParkedError> {
        let spec = spec(queue)?;
        let (parked, message_id) = (self.clone(), message_id.map(str::to_owned));
        let operator = operator.to_owned();
        to_the_end(async move { parked.send(spec, message_id.as_deref(), &operator).await }).await
    }

    /// Drops one message of a queue, and says which it was. `operator` stands in the log.
    pub async fn drop_one(
        &self,
        queue: &str,
        message_id: &str,
        operator: &str,
    ) -> Result<ParkedMessage, ParkedError> {
        let spec = spec(queue)?;
        let (parked, message_id) = (self.clone(), message_id.to_owned());
        let operator = operator.to_owned();
        to_the_end(async move { parked.forget(spec, &message_id, &operator).await }).await
    }

    async fn send(
        &self,
        spec: &'static QueueSpec,
        message_id: Option<&str>,
        operator: &str,
    ) -> Result<SentAgain, ParkedError> {
        let session = self.session().await?;
        let look = self.look(&session, spec).await?;
        let (mut sent, mut failed) = (0, None);
        let wanted = |it: &&lapin::message::Delivery| message_id.is_none_or(|id| key(it) == id);
        let most = if message_id.is_some() { 1 } else { usize::MAX };
        for message in look.messages.iter().filter(wanted).take(most) {
            if let Err(cause) = self.publisher().deliver(&again(message, spec.queue)).await {
                failed = Some(cause);
                break;
            }
            sent += 1;
            self.shared
                .metrics
                .unparked(spec.message_type, "sent_again");
            tracing::warn!(
                operator,
                queue = spec.queue,
                message_id = key(message),
                "a parked message is sent again"
            );
            // `false`: the channel is closed, and nothing was acknowledged.
            if !matches!(
                message.acker.ack(BasicAckOptions::default()).await,
                Ok(true)
            ) {
                // It is parked still, and sent: whoever consumes it twice knows it by its id.
                failed = Some(PublishError::Lost);
                break;
            }
        }
        let left = look.lying.saturating_sub(sent);
        look.give_back().await;
        match (failed, message_id) {
            (Some(cause), _) => Err(ParkedError::Interrupted { sent, cause }),
            (None, Some(id)) if sent == 0 => Err(not_found(id)),
            (None, _) => Ok(SentAgain { sent, left }),
        }
    }

    async fn forget(
        &self,
        spec: &'static QueueSpec,
        message_id: &str,
        operator: &str,
    ) -> Result<ParkedMessage, ParkedError> {
        let session = self.session().await?;
        let look = self.look(&session, spec).await?;
        let found = look.messages.iter().find(|it| key(it) == message_id);
        let dropped = match found {
            None => Err(not_found(message_id)),
            Some(message) => match message.acker.ack(BasicAckOptions::default()).await {
                Ok(true) => Ok(ParkedMessage::of(message, spec)),
                Ok(false) | Err(_) => Err(ParkedError::Unreachable),
            },
        };
        look.give_back().await;
        if let Ok(message) = &dropped {
            self.shared.metrics.unparked(spec.message_type, "dropped");
            tracing::warn!(
                operator,
                queue = spec.queue,
                message_id,
                reason = message.reason,
                "a parked message is dropped"
            );
        }
        dropped
    }

    /// Since when the oldest message lies there, unless somebody else has messages in hand.
    async fn oldest(
        &self,
        session: &Session,
        spec: &'static QueueSpec,
    ) -> Result<Option<DateTime<Utc>>, ParkedError> {
        let look = match self.look(session, spec).await {
            Ok(look) => look,
            Err(ParkedError::Busy { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let first = look.messages.first();
        let parked_at = first.and_then(|message| ParkedMessage::of(message, spec).parked_at);
        look.give_back().await;
        Ok(parked_at)
    }

    async fn look(&self, session: &Session, spec: &'static QueueSpec) -> Result<Look, ParkedError> {
        let (ladder, name) = (&self.shared.config.ladder, &self.shared.name);
        Look::at(session, spec, ladder, name).await
    }

    async fn session(&self) -> Result<Arc<Session>, ParkedError> {
        let mut sessions = self.shared.sessions.clone();
        let waiting = time::timeout(self.shared.config.publish_timeout, current(&mut sessions));
        waiting.await.ok().flatten().ok_or(ParkedError::Unreachable)
    }

    fn publisher(&self) -> &Publisher {
        &self.shared.publisher
    }
}

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parked").finish_non_exhaustive()
    }
}

/// The queue of this name, with or without `.dead`.
fn spec(queue: &str) -> Result<&'static QueueSpec, ParkedError> {
    let named = |spec: &&QueueSpec| spec.queue == queue || dead_queue(spec.queue) == queue;
    QUEUES
        .iter()
        .find(named)
        .ok_or_else(|| ParkedError::UnknownQueue {
            queue: queue.to_owned(),
        })
}

fn not_found(message_id: &str) -> ParkedError {
    ParkedError::NotFound {
        message_id: message_id.to_owned(),
    }
}

/// Does the work whether or not its caller still waits: half of it would leave messages doubled.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ParkedError>> + Send + 'static,
) -> Result<T, ParkedError> {
    let done = TaskTracker::new().spawn(work.in_current_span()).await;
    done.unwrap_or(Err(ParkedError::Unreachable))
}
