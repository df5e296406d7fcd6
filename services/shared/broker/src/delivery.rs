//! What a handler gets to know about a message besides the message.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use roomsync_messages::Message;
use uuid::Uuid;

use crate::Failure;

/// A message's envelope, as far as it matters to the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identity, the same at every arrival: the key of the inbox.
    pub message_id: Uuid,
    /// Which attempt this is, from 1. A crash before the attempt's end does not count, until there were
    /// twenty: those count as one.
    pub attempt: u32,
    /// When a consumer first had it in hand.
    pub first_seen: DateTime<Utc>,
    /// The broker handed it out before and got no answer.
    pub redelivered: bool,
}

/// Does the work of one type of message. It may be called twice for the same message.
#[async_trait]
pub trait Handler<M: Message>: Send + Sync + 'static {
    /// Does the work. When it returns `Ok`, its effect is durable.
    async fn handle(&self, message: M, delivery: &Delivery) -> Result<(), Failure>;
}
