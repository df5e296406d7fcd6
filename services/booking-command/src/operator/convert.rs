//! Parked messages in the words of the contract.

use roomsync_broker::parked::{ParkedMessage, ParkedQueue};
use roomsync_proto::operator::v1 as proto;

use crate::validate::stamp;

pub(super) fn queue(queue: &ParkedQueue) -> proto::ParkedQueue {
    proto::ParkedQueue {
        queue: queue.queue.to_owned(),
        message_type: queue.message_type.to_owned(),
        messages: count(queue.messages),
        oldest_parked_at: queue.oldest_parked_at.map(stamp),
        kept_for_seconds: count(queue.kept_for_seconds.unwrap_or_default()),
    }
}

pub(super) fn message(message: ParkedMessage) -> proto::ParkedMessage {
    proto::ParkedMessage {
        message_id: message.message_id,
        message_type: message.message_type,
        queue: message.queue.to_owned(),
        reason: message.reason,
        attempts: message.attempts,
        first_seen: message.first_seen.map(stamp),
        parked_at: message.parked_at.map(stamp),
        traceparent: message.traceparent.unwrap_or_default(),
        size: count(u64::try_from(message.size).unwrap_or(u64::MAX)),
    }
}

pub(super) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
