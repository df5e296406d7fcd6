//! What is counted: pushes by outcome, and how long the broker took to confirm.

use std::time::Duration;

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A change, safe on the queue.
    Accepted,
    /// The first push of a channel, safe on the queue.
    Sync,
    /// Not of a channel of ours.
    Foreign,
    /// Not in the shape of a push.
    Malformed,
    /// Too large, or too slow in sending its body.
    Oversized,
    /// Not confirmed in time.
    Unconfirmed,
    /// Too many at a time.
    Overloaded,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Sync => "sync",
            Self::Foreign => "foreign",
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Unconfirmed => "unconfirmed",
            Self::Overloaded => "overloaded",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pushes: Counter<u64>,
    confirms: Histogram<f64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("roomsync");
        Self {
            pushes: meter
                .u64_counter("roomsync.ingest.pushes")
                .with_description("Pushes, by what became of them")
                .build(),
            confirms: meter
                .f64_histogram("roomsync.ingest.confirm.duration")
                .with_unit("s")
                .with_description("How long the broker took to confirm a push")
                .build(),
        }
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        self.pushes
            .add(1, &[KeyValue::new("outcome", outcome.as_str())]);
    }

    pub(crate) fn confirmed(&self, took: Duration) {
        self.confirms.record(took.as_secs_f64(), &[]);
    }
}
