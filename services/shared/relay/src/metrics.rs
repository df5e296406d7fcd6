//! What the relay is measured by.

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram},
};

pub(crate) struct Metrics {
    published: Counter<u64>,
    failed: Counter<u64>,
    delay: Histogram<f64>,
    oldest: Gauge<f64>,
    labels: [KeyValue; 1],
}

impl Metrics {
    pub(crate) fn new(schema: &'static str) -> Self {
        let meter = global::meter("roomsync");
        Self {
            published: meter
                .u64_counter("roomsync.outbox.published")
                .with_description("Messages of the outbox that were confirmed")
                .build(),
            failed: meter
                .u64_counter("roomsync.outbox.failed")
                .with_description("Messages of the outbox that were not confirmed and stay")
                .build(),
            delay: meter
                .f64_histogram("roomsync.outbox.delay")
                .with_unit("s")
                .with_description("From due to confirmed")
                .with_boundaries(vec![
                    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0,
                ])
                .build(),
            oldest: meter
                .f64_gauge("roomsync.outbox.oldest")
                .with_unit("s")
                .with_description("How long the oldest message in the outbox has been due")
                .build(),
            labels: [KeyValue::new("schema", schema)],
        }
    }

    pub(crate) fn published(&self, delays: &[f64]) {
        self.published.add(
            u64::try_from(delays.len()).unwrap_or_default(),
            &self.labels,
        );
        for delay in delays {
            self.delay.record(*delay, &self.labels);
        }
    }

    pub(crate) fn failed(&self, messages: usize) {
        self.failed
            .add(u64::try_from(messages).unwrap_or_default(), &self.labels);
    }

    pub(crate) fn oldest(&self, seconds: f64) {
        self.oldest.record(seconds, &self.labels);
    }
}
