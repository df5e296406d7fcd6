//! A parked message as an operator sees it, and as it goes on its way again.

use chrono::{DateTime, Utc};
use lapin::{
    message::Delivery as Amqp,
    types::{AMQPValue, FieldTable},
};
use roomsync_messages::QueueSpec;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::without_persons;
use crate::{
    envelope::{Outgoing, PERSISTENT, TRACEPARENT},
    incoming::{ATTEMPT, FIRST_SEEN, PARKED_AT, REASON, header, number, text},
};

/// Texts of the envelope are ours, and short; of one that is not, so much is shown.
const LONGEST: usize = 100;
/// What the broker writes when it parks a message itself.
const DEATHS: &str = "x-death";

/// A parked message without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParkedMessage {
    /// Its id. One that came without a readable id is called `no-id-` and a checksum of its body.
    pub message_id: String,
    /// Its type, as it says itself.
    pub message_type: String,
    /// The queue it was consumed from.
    pub queue: &'static str,
    /// Why it was parked.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When a consumer first had it in hand.
    pub first_seen: Option<DateTime<Utc>>,
    /// When it was parked.
    pub parked_at: Option<DateTime<Utc>>,
    /// The trace of whoever caused it.
    pub traceparent: Option<String>,
    /// How many bytes its body has.
    pub size: usize,
}

/// A parked message with its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownMessage {
    /// All but the body.
    #[serde(flatten)]
    pub message: ParkedMessage,
    /// The body, as far as it names nobody; nothing of one that is no JSON object.
    pub body: Option<Value>,
}

impl ParkedMessage {
    pub(super) fn of(amqp: &Amqp, spec: &QueueSpec) -> Self {
        let properties = &amqp.properties;
        let time = |key| number(properties, key).and_then(DateTime::from_timestamp_millis);
        let short = |text: String| text.chars().take(LONGEST).collect::<String>();
        let kind = properties.kind().as_ref().map(ToString::to_string);
        let death = death(amqp);
        let reason = header(properties, REASON).and_then(text);
        let by_broker = death
            .as_ref()
            .map(|(why, _)| format!("parked by rabbitmq: {why}"));
        Self {
            message_id: key(amqp),
            message_type: short(kind.unwrap_or_default()),
            queue: spec.queue,
            reason: reason.or(by_broker).unwrap_or_default(),
            attempts: number(properties, ATTEMPT)
                .and_then(|attempts| u32::try_from(attempts).ok())
                .unwrap_or_default(),
            first_seen: time(FIRST_SEEN),
            parked_at: time(PARKED_AT).or(death.and_then(|(_, at)| at)),
            traceparent: header(properties, TRACEPARENT).and_then(text).map(short),
            size: amqp.data.len(),
        }
    }
}

impl ShownMessage {
    pub(super) fn of(amqp: &Amqp, spec: &QueueSpec) -> Self {
        Self {
            message: ParkedMessage::of(amqp, spec),
            body: without_persons(&amqp.data),
        }
    }
}

/// What a message is called by operators.
pub(super) fn key(amqp: &Amqp) -> String {
    let id = amqp.properties.message_id().as_ref();
    match id.and_then(|id| Uuid::parse_str(id.as_str()).ok()) {
        Some(id) => id.to_string(),
        None => format!("no-id-{:016x}", checksum(&amqp.data)),
    }
}

/// The message as it is published again: as it came, and as one that was never tried.
pub(super) fn again(amqp: &Amqp, queue: &str) -> Outgoing {
    let came = amqp.properties.headers().clone().unwrap_or_default();
    let mut headers = FieldTable::default();
    for (name, value) in came.inner() {
        // Ours of its last life, and the broker's own.
        if !["roomsync-", "x-"]
            .iter()
            .any(|it| name.as_str().starts_with(it))
        {
            headers.insert(name.clone(), value.clone());
        }
    }
    let properties = amqp.properties.clone();
    Outgoing {
        exchange: String::new(),
        routing_key: queue.to_owned(),
        properties: properties
            .with_headers(headers)
            .with_delivery_mode(PERSISTENT),
        body: amqp.data.clone(),
    }
}

/// Why and when the broker parked a message itself: its latest death.
fn death(amqp: &Amqp) -> Option<(String, Option<DateTime<Utc>>)> {
    let AMQPValue::FieldArray(deaths) = header(&amqp.properties, DEATHS)? else {
        return None;
    };
    let AMQPValue::FieldTable(death) = deaths.as_slice().first()? else {
        return None;
    };
    let why = death.inner().get("reason").and_then(text)?;
    let at = match death.inner().get("time") {
        Some(AMQPValue::Timestamp(seconds)) => i64::try_from(*seconds).ok(),
        _ => None,
    };
    Some((
        why,
        at.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
    ))
}

/// FNV-1a: the same in every process and version.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
