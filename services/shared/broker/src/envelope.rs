//! A message ready to be sent: its bytes and the properties that travel with them.

use chrono::{DateTime, Utc};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use roomsync_messages::Message;
use uuid::Uuid;

use crate::{PublishError, declare::short, trace};

/// The header that carries the W3C trace context.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// A message as it goes over the wire. The relay fills it from the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its identity, the key of the inbox.
    pub message_id: Uuid,
    /// Its type, which is also its routing key.
    pub message_type: String,
    /// Name of the exchange it is published to.
    pub exchange: String,
    /// Its JSON.
    pub body: Vec<u8>,
    /// The W3C trace context of whoever caused it.
    pub traceparent: Option<String>,
    /// When it was made.
    pub timestamp: DateTime<Utc>,
}

impl Envelope {
    /// Wraps a message: a fresh identity, the trace context of the current span.
    pub fn of<M: Message>(message: &M) -> Result<Self, PublishError> {
        Ok(Self {
            message_id: new_message_id(),
            message_type: M::TYPE.to_owned(),
            exchange: M::EXCHANGE.name().to_owned(),
            body: serde_json::to_vec(message).map_err(PublishError::Unserializable)?,
            traceparent: trace::current_traceparent(),
            timestamp: now(),
        })
    }

    /// The envelope in AMQP's terms.
    pub(crate) fn outgoing(self, app_id: &str) -> Outgoing {
        let mut headers = FieldTable::default();
        if let Some(traceparent) = self.traceparent {
            headers.insert(
                TRACEPARENT.into(),
                AMQPValue::LongString(traceparent.into()),
            );
        }
        let seconds = u64::try_from(self.timestamp.timestamp()).unwrap_or_default();
        let properties = BasicProperties::default()
            .with_message_id(short(&self.message_id.to_string()))
            .with_type(short(&self.message_type))
            .with_content_type("application/json".into())
            .with_delivery_mode(PERSISTENT)
            .with_timestamp(seconds)
            .with_app_id(short(app_id))
            .with_headers(headers);
        Outgoing {
            exchange: self.exchange,
            routing_key: self.message_type,
            properties,
            body: self.body,
        }
    }
}

/// AMQP's word for "survives a restart of the broker".
pub(crate) const PERSISTENT: u8 = 2;

/// A message in AMQP's terms.
pub(crate) struct Outgoing {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes ids of direct messages"
)]
fn new_message_id() -> Uuid {
    Uuid::now_v7()
}

/// The wall clock. What this crate times travels between machines in headers, so no test can replace
/// it; tests shorten the rungs instead.
#[expect(
    clippy::disallowed_methods,
    reason = "due times travel between machines in headers"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}
