//! A delivered message's envelope: reading it, and writing it anew for its next way.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lapin::{
    BasicProperties,
    message::Delivery as Amqp,
    types::{AMQPValue, FieldTable},
};
use roomsync_messages::Message;
use uuid::Uuid;

use crate::{
    Delivery,
    envelope::{Outgoing, PERSISTENT, TRACEPARENT, now},
    topology::{DEAD_EXCHANGE, RETRY_EXCHANGE, retry_queue},
};

/// How many attempts there were.
pub(crate) const ATTEMPT: &str = "roomsync-attempt";
/// When the next attempt is due, in milliseconds since 1970.
const DUE: &str = "roomsync-due";
/// When a consumer first had it in hand, in milliseconds since 1970.
pub(crate) const FIRST_SEEN: &str = "roomsync-first-seen";
/// What remains until then after the queue it waits in, in milliseconds: a limit to what the clocks of two
/// machines may disagree by.
const LEFT: &str = "roomsync-left";
/// How often the broker handed it out without an answer; it writes this one itself.
const DELIVERIES: &str = "x-delivery-count";
/// Why it was parked.
pub(crate) const REASON: &str = "roomsync-reason";
/// When it was parked, in milliseconds since 1970.
pub(crate) const PARKED_AT: &str = "roomsync-parked-at";
/// A reason is for reading, not for archives.
const REASON_LENGTH: usize = 1000;

/// What the headers of a delivered message say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    /// Attempts made before.
    pub(crate) attempts: u32,
    /// Times it was handed out before, since it was last published, and no answer came.
    pub(crate) unanswered: u32,
    pub(crate) due: Option<DateTime<Utc>>,
    pub(crate) first_seen: DateTime<Utc>,
    pub(crate) traceparent: Option<String>,
}

impl Incoming {
    pub(crate) fn read(properties: &BasicProperties) -> Self {
        let time = |key| number(properties, key).and_then(DateTime::from_timestamp_millis);
        let count = |key| number(properties, key).and_then(|count| u32::try_from(count).ok());
        let left = number(properties, LEFT).map(TimeDelta::milliseconds);
        Self {
            attempts: count(ATTEMPT).unwrap_or_default(),
            unanswered: count(DELIVERIES).unwrap_or_default(),
            due: time(DUE).map(|due| left.map_or(due, |left| due.min(now() + left))),
            first_seen: time(FIRST_SEEN).unwrap_or_else(now),
            traceparent: header(properties, TRACEPARENT).and_then(text),
        }
    }

    /// Goes on waiting, in the queue of this rung.
    pub(crate) fn waiting(&self, amqp: &Amqp, queue: &str, rung: Duration) -> Outgoing {
        let mut headers = self.headers();
        if let Some(due) = self.due {
            insert_time(&mut headers, DUE, due);
            let waits = TimeDelta::from_std(rung).unwrap_or_default();
            let left = (due - now() - waits).num_milliseconds().max(0);
            headers.insert(LEFT.into(), AMQPValue::LongLongInt(left));
        }
        outgoing(amqp, RETRY_EXCHANGE, retry_queue(queue, rung), headers)
    }

    /// Goes to the end of its own queue, as one that was never handed out.
    pub(crate) fn renewed(&self, amqp: &Amqp, queue: &str) -> Outgoing {
        outgoing(amqp, "", queue.to_owned(), self.headers())
    }

    /// Lies in the queue's parking lot, with everything it came with and the reason.
    pub(crate) fn parked(&self, amqp: &Amqp, queue: &str, reason: &str) -> Outgoing {
        let mut headers = self.headers();
        let reason = &reason[..reason.floor_char_boundary(REASON_LENGTH)];
        headers.insert(REASON.into(), AMQPValue::LongString(reason.into()));
        insert_time(&mut headers, PARKED_AT, now());
        outgoing(amqp, DEAD_EXCHANGE, queue.to_owned(), headers)
    }

    fn headers(&self) -> FieldTable {
        let mut headers = FieldTable::default();
        if let Some(traceparent) = &self.traceparent {
            headers.insert(
                TRACEPARENT.into(),
                AMQPValue::LongString(traceparent.as_str().into()),
            );
        }
        headers.insert(ATTEMPT.into(), AMQPValue::LongLongInt(self.attempts.into()));
        insert_time(&mut headers, FIRST_SEEN, self.first_seen);
        headers
    }

    /// What the handler is told about this attempt.
    pub(crate) fn delivery(&self, message_id: Uuid, redelivered: bool) -> Delivery {
        let attempt = self.attempts.saturating_add(1);
        Delivery {
            message_id,
            attempt,
            first_seen: self.first_seen,
            redelivered,
        }
    }
}

/// The message itself, or why it is none.
pub(crate) fn message<M: Message>(amqp: &Amqp) -> Result<(Uuid, M), String> {
    let kind = amqp
        .properties
        .kind()
        .as_ref()
        .map_or("", |kind| kind.as_str());
    if kind != M::TYPE {
        return Err(format!(
            "expected a message of type `{}`, got `{kind}`",
            M::TYPE
        ));
    }
    let id = amqp
        .properties
        .message_id()
        .as_ref()
        .map_or("", |id| id.as_str());
    let id = Uuid::parse_str(id).map_err(|_| "the message has no readable id".to_owned())?;
    let message = serde_json::from_slice(&amqp.data)
        .map_err(|error| format!("the message cannot be read: {}", without_values(&error)))?;
    Ok((id, message))
}

/// What is wrong with a message, without the texts in it: an operator reads this, and the log has it.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    // A word that is none of those expected stands between backticks, and so do those.
    let unknown = "unknown variant ";
    if let Some(word) = text.find(unknown).map(|at| at + unknown.len()) {
        let expected = text.rfind("`, expected").map_or("", |at| &text[at + 1..]);
        return format!("{}`…`{expected}", &text[..word]);
    }
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}\"…\"{}", &text[..first], &text[last + 1..])
        }
        _ => text,
    }
}

fn outgoing(amqp: &Amqp, exchange: &str, routing_key: String, headers: FieldTable) -> Outgoing {
    let properties = amqp
        .properties
        .clone()
        .with_headers(headers)
        .with_delivery_mode(PERSISTENT);
    Outgoing {
        exchange: exchange.to_owned(),
        routing_key,
        properties,
        body: amqp.data.clone(),
    }
}

pub(crate) fn header<'a>(properties: &'a BasicProperties, key: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(key)
}

pub(crate) fn number(properties: &BasicProperties, key: &str) -> Option<i64> {
    match *header(properties, key)? {
        AMQPValue::ShortShortInt(number) => Some(number.into()),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => Some(number.into()),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => Some(number.into()),
        AMQPValue::LongUInt(number) => Some(number.into()),
        AMQPValue::LongLongInt(number) => Some(number),
        _ => None,
    }
}

pub(crate) fn text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

fn insert_time(headers: &mut FieldTable, key: &'static str, time: DateTime<Utc>) {
    headers.insert(key.into(), AMQPValue::LongLongInt(time.timestamp_millis()));
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::without_values;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Open,
        Closed,
    }

    #[rstest::rstest]
    #[case(
        r#""ana@example.com""#,
        "unknown variant `…`, expected `open` or `closed`"
    )]
    #[case(
        r#""an`, expected""#,
        "unknown variant `…`, expected `open` or `closed`"
    )]
    fn what_a_sender_wrote_is_not_repeated(#[case] body: &str, #[case] expected: &str) {
        let error = serde_json::from_str::<State>(body).unwrap_err();
        let said = without_values(&error);
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn nor_is_a_text_where_a_number_should_be() {
        let error = serde_json::from_str::<u8>(r#""ana@example.com""#).unwrap_err();
        let said = without_values(&error);
        assert!(said.contains("\"…\"") && !said.contains("ana"), "{said}");
    }
}
