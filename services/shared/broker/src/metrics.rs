//! What the broker's use is measured by.

use std::time::Duration;

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};

#[derive(Debug)]
pub(crate) struct Metrics {
    published: Counter<u64>,
    consumed: Counter<u64>,
    retried: Counter<u64>,
    parked: Counter<u64>,
    unparked: Counter<u64>,
    handling: Histogram<f64>,
    connections: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("roomsync");
        let counter = |name: &'static str, description: &'static str| {
            meter
                .u64_counter(name)
                .with_description(description)
                .build()
        };
        Self {
            published: counter(
                "roomsync.messages.published",
                "Messages published, by outcome",
            ),
            consumed: counter("roomsync.messages.consumed", "Messages handled, by outcome"),
            retried: counter(
                "roomsync.messages.retried",
                "Messages that will be tried again",
            ),
            parked: counter(
                "roomsync.messages.parked",
                "Messages parked for the operator",
            ),
            unparked: counter(
                "roomsync.messages.unparked",
                "Parked messages that an operator sent again or dropped",
            ),
            handling: meter
                .f64_histogram("roomsync.messages.handling.duration")
                .with_unit("s")
                .with_description("How long a handler took")
                .with_boundaries(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
                ])
                .build(),
            connections: counter(
                "roomsync.broker.connections",
                "Connections made to the broker",
            ),
        }
    }

    pub(crate) fn published(&self, message_type: &str, outcome: &'static str) {
        let labels = [
            KeyValue::new("type", message_type.to_owned()),
            KeyValue::new("outcome", outcome),
        ];
        self.published.add(1, &labels);
    }

    pub(crate) fn handled(
        &self,
        message_type: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let labels = [
            KeyValue::new("type", message_type),
            KeyValue::new("outcome", outcome),
        ];
        self.consumed.add(1, &labels);
        self.handling.record(took.as_secs_f64(), &labels);
    }

    pub(crate) fn retried(&self, message_type: &'static str) {
        self.retried.add(1, &[KeyValue::new("type", message_type)]);
    }

    pub(crate) fn parked(&self, message_type: &'static str) {
        self.parked.add(1, &[KeyValue::new("type", message_type)]);
    }

    pub(crate) fn unparked(&self, message_type: &'static str, outcome: &'static str) {
        let labels = [
            KeyValue::new("type", message_type),
            KeyValue::new("outcome", outcome),
        ];
        self.unparked.add(1, &labels);
    }

    pub(crate) fn connected(&self) {
        self.connections.add(1, &[]);
    }
}
