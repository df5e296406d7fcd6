//! What this service counts and times. No label names a person, a calendar or a tenant.

use std::time::Duration;

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram},
};
use roomsync_google::OddWhy;

use crate::store::{channel_work::Coverage, rows::Counts};

/// Seconds from a push to its effect.
const LATENCY: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    3600.0,
];

/// The instruments.
#[derive(Debug)]
pub(crate) struct Metrics {
    push_to_applied: Histogram<f64>,
    listings: Counter<u64>,
    troubles: Counter<u64>,
    odd: Counter<u64>,
    pushes_dropped: Counter<u64>,
    swept: Counter<u64>,
    drift: Counter<u64>,
    link_drift: Counter<u64>,
    calendars: Gauge<u64>,
    silences: Counter<u64>,
    coverage: Gauge<u64>,
    oldest_unreflected: Gauge<f64>,
}

impl Metrics {
    /// The instruments of the process.
    pub(crate) fn new() -> Self {
        let meter = global::meter("roomsync");
        Self {
            push_to_applied: meter
                .f64_histogram("roomsync.sync.push_to_applied")
                .with_description("From receiving a push to its changes being applied.")
                .with_unit("s")
                .with_boundaries(LATENCY.to_vec())
                .build(),
            listings: meter
                .u64_counter("roomsync.sync.listings")
                .with_description("Listings that were completed and applied, by kind.")
                .build(),
            troubles: meter
                .u64_counter("roomsync.sync.troubles")
                .with_description("Listings that did not succeed, by what was in the way.")
                .build(),
            odd: meter
                .u64_counter("roomsync.sync.odd_events")
                .with_description("Events that make no occurrence; the rest was applied.")
                .build(),
            pushes_dropped: meter
                .u64_counter("roomsync.sync.pushes_dropped")
                .with_description("Pushes for unknown calendars or channels not listened to.")
                .build(),
            swept: meter
                .u64_counter("roomsync.sync.swept")
                .with_description("Dirty calendars that were found free and due.")
                .build(),
            drift: meter
                .u64_counter("roomsync.sync.drift")
                .with_description("Bookings that a reconcile found different.")
                .build(),
            link_drift: meter
                .u64_counter("roomsync.sync.link_drift")
                .with_description("Links that the comparison found missing, extra or different.")
                .build(),
            silences: meter
                .u64_counter("roomsync.sync.silences")
                .with_description("Changes found by a look that an open channel should have told of.")
                .build(),
            coverage: meter
                .u64_gauge("roomsync.sync.coverage")
                .with_description("Open calendars by how they hear of changes: pushed, silent, refused, none.")
                .build(),
            calendars: meter
                .u64_gauge("roomsync.sync.calendars")
                .with_description("Open calendars: all, dirty, failing.")
                .build(),
            oldest_unreflected: meter
                .f64_gauge("roomsync.sync.oldest_unreflected")
                .with_description(
                    "Age of the oldest change that is not applied yet, by lane; 0 when nothing waits. Every \
                     replica shows the same: take the largest.",
                )
                .with_unit("s")
                .build(),
        }
    }

    pub(crate) fn applied(&self, kind: &'static str, latency: Option<Duration>) {
        self.listings.add(1, &[KeyValue::new("kind", kind)]);
        if let Some(latency) = latency {
            self.push_to_applied.record(latency.as_secs_f64(), &[]);
        }
    }

    pub(crate) fn trouble(&self, kind: &'static str) {
        self.troubles.add(1, &[KeyValue::new("kind", kind)]);
    }

    pub(crate) fn odd(&self, odd: &[OddWhy]) {
        for why in odd {
            self.odd.add(1, &[KeyValue::new("why", why.as_str())]);
        }
    }

    pub(crate) fn push_dropped(&self) {
        self.pushes_dropped.add(1, &[]);
    }

    pub(crate) fn swept(&self, count: usize) {
        self.swept.add(count as u64, &[]);
    }

    pub(crate) fn drift(&self, count: i32) {
        self.drift.add(u64::try_from(count).unwrap_or(0), &[]);
    }

    pub(crate) fn link_drift(&self, kind: &'static str) {
        self.link_drift.add(1, &[KeyValue::new("kind", kind)]);
    }

    pub(crate) fn silence(&self) {
        self.silences.add(1, &[]);
    }

    pub(crate) fn coverage(&self, coverage: Coverage) {
        for (channel, count) in [
            ("pushed", coverage.pushed),
            ("silent", coverage.silent),
            ("refused", coverage.refused),
            ("none", coverage.none),
        ] {
            let count = u64::try_from(count).unwrap_or(0);
            self.coverage
                .record(count, &[KeyValue::new("channel", channel)]);
        }
    }

    pub(crate) fn counts(&self, counts: Counts) {
        for (state, count) in [
            ("open", counts.open),
            ("dirty", counts.dirty),
            ("failing", counts.failing),
        ] {
            self.calendars.record(
                u64::try_from(count).unwrap_or(0),
                &[KeyValue::new("state", state)],
            );
        }
        for (lane, age) in [
            ("live", counts.oldest_live),
            ("background", counts.oldest_background),
        ] {
            // The push was received by another machine's clock.
            let lane = [KeyValue::new("lane", lane)];
            self.oldest_unreflected.record(age.max(0.0), &lane);
        }
    }
}
