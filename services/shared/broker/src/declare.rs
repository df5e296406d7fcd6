//! The topology, declared on the broker. Declaring what is there already changes nothing.

use futures_util::future::try_join_all;
use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::topology::{Argument, Binding, Queue, Topology};

/// Queues declared at once. Each is a small cluster of its own to the broker, so the first
/// declaration takes a while.
const AT_ONCE: usize = 8;

pub(crate) async fn declare(channel: &Channel, topology: &Topology) -> lapin::Result<()> {
    for (name, kind) in &topology.exchanges {
        let kind = if *kind == "topic" {
            ExchangeKind::Topic
        } else {
            ExchangeKind::Direct
        };
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare((*name).into(), kind, options, FieldTable::default())
            .await?;
    }
    for queues in topology.queues.chunks(AT_ONCE) {
        let declared: Vec<_> = queues
            .iter()
            .map(|queue| declare_queue(channel, queue))
            .collect();
        try_join_all(declared).await?;
    }
    for bindings in topology.bindings.chunks(AT_ONCE) {
        let bound: Vec<_> = bindings
            .iter()
            .map(|binding| bind(channel, binding))
            .collect();
        try_join_all(bound).await?;
    }
    Ok(())
}

async fn declare_queue(channel: &Channel, queue: &Queue) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    for (key, value) in &queue.arguments {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Flag(flag) => AMQPValue::Boolean(*flag),
        };
        arguments.insert((*key).into(), value);
    }
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(short(&queue.name), options, arguments)
        .await?;
    Ok(())
}

async fn bind(channel: &Channel, binding: &Binding) -> lapin::Result<()> {
    channel
        .queue_bind(
            short(&binding.queue),
            binding.exchange.into(),
            short(&binding.routing_key),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

/// AMQP's names have at most 255 bytes. What is longer is cut, and then leads nowhere: a publish to
/// it comes back as an error instead of a panic.
pub(crate) fn short(text: &str) -> ShortString {
    text[..text.floor_char_boundary(255)].into()
}
