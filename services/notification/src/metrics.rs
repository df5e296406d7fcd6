//! What this service measures. Latency is measured where it can be promised: from the receipt of
//! Google's push to the log, and from the log to a subscriber's stream.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram, UpDownCounter},
};

use crate::{
    log::append::{Entry, Outcome},
    mail::store::Outcome as Done,
    webhooks::send::Refusal,
};

const SECONDS: [f64; 15] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0,
];

/// The instruments.
#[derive(Debug)]
pub struct Metrics {
    receipt_to_appended: Histogram<f64>,
    appended_to_delivered: Histogram<f64>,
    receipt_to_delivered: Histogram<f64>,
    changes: Counter<u64>,
    held: Gauge<i64>,
    gaps_fetched: Counter<u64>,
    gaps_given_up: Counter<u64>,
    streams: UpDownCounter<i64>,
    streams_stuck: Counter<u64>,
    webhook_requests: Counter<u64>,
    webhook_appended_to_taken: Histogram<f64>,
    webhook_skipped: Counter<u64>,
    webhook_given_up: Counter<u64>,
    webhook_lost_messages: Counter<u64>,
    webhook_objects_behind: Gauge<i64>,
    webhook_disabled: Counter<u64>,
    webhooks_disabled: Gauge<i64>,
    mails: Counter<u64>,
}

impl Metrics {
    /// Instruments on the process's meter.
    pub fn new() -> Arc<Self> {
        let meter = global::meter("roomsync");
        let seconds = |name: &'static str, what: &'static str| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(what)
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        Arc::new(Self {
            receipt_to_appended: seconds(
                "roomsync.notification.receipt_to_appended",
                "From the receipt of a push to its change in the log",
            ),
            appended_to_delivered: seconds(
                "roomsync.notification.appended_to_delivered",
                "From the log to a subscriber's stream",
            ),
            receipt_to_delivered: seconds(
                "roomsync.notification.receipt_to_delivered",
                "From the receipt of a push to a subscriber, by way: stream or webhook",
            ),
            changes: meter
                .u64_counter("roomsync.notification.changes")
                .with_description("Changes that arrived, by outcome")
                .build(),
            held: meter
                .i64_gauge("roomsync.notification.held_versions")
                .with_description("Versions that wait for their predecessor")
                .build(),
            gaps_fetched: meter
                .u64_counter("roomsync.notification.gaps_fetched")
                .with_description("Gaps closed by asking booking-command")
                .build(),
            gaps_given_up: meter
                .u64_counter("roomsync.notification.gaps_given_up")
                .with_description("Gaps that nobody could fill any more: versions were skipped")
                .build(),
            streams: meter
                .i64_up_down_counter("roomsync.notification.streams")
                .with_description("Open subscriptions")
                .build(),
            streams_stuck: meter
                .u64_counter("roomsync.notification.streams_stuck")
                .with_description("Subscriptions ended because nobody read them")
                .build(),
            webhook_requests: meter
                .u64_counter("roomsync.notification.webhook.requests")
                .with_description("Requests to webhooks, by outcome")
                .build(),
            webhook_appended_to_taken: seconds(
                "roomsync.notification.webhook.appended_to_taken",
                "From the log to a webhook's 2xx",
            ),
            webhook_skipped: meter
                .u64_counter("roomsync.notification.webhook.skipped")
                .with_description("Versions that webhooks did not get: the log no longer had them")
                .build(),
            webhook_given_up: meter
                .u64_counter("roomsync.notification.webhook.given_up")
                .with_description("Changes that were tried for as long as patience lasts")
                .build(),
            webhook_lost_messages: meter
                .u64_counter("roomsync.notification.webhook.lost_messages")
                .with_description("Messages that the sweep published anew")
                .build(),
            webhook_objects_behind: meter
                .i64_gauge("roomsync.notification.webhook.objects_behind")
                .with_description("Objects with changes that an enabled webhook has not taken")
                .build(),
            webhook_disabled: meter
                .u64_counter("roomsync.notification.webhook.disabled")
                .with_description("Webhooks that the service disabled, by reason")
                .build(),
            webhooks_disabled: meter
                .i64_gauge("roomsync.notification.webhooks_disabled")
                .with_description("Webhooks that the service disabled and nobody has enabled again")
                .build(),
            mails: meter
                .u64_counter("roomsync.notification.mails")
                .with_description("Mails that are done, by kind and outcome")
                .build(),
        })
    }

    /// A change arrived by message.
    pub fn arrived(&self, outcome: &Outcome) {
        let word = match outcome {
            Outcome::Appended(_) => "appended",
            Outcome::Held => "held",
            Outcome::Duplicate => "duplicate",
        };
        self.changes.add(1, &[KeyValue::new("outcome", word)]);
        if let Outcome::Appended(entries) = outcome {
            self.appended(entries);
        }
    }

    /// Changes are in the log.
    pub fn appended(&self, entries: &[Entry]) {
        for entry in entries {
            if let Some(received_at) = entry.received_at {
                self.receipt_to_appended
                    .record(seconds(entry.appended_at - received_at), &[]);
            }
        }
    }

    /// A change went into a subscriber's stream.
    pub fn delivered(
        &self,
        appended_at: DateTime<Utc>,
        received_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        self.appended_to_delivered
            .record(seconds(now - appended_at), &[]);
        self.since_receipt("stream", received_at, now);
    }

    fn since_receipt(
        &self,
        way: &'static str,
        received_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        if let Some(received_at) = received_at {
            let way = [KeyValue::new("way", way)];
            self.receipt_to_delivered
                .record(seconds(now - received_at), &way);
        }
    }

    /// So many versions wait for their predecessor.
    pub fn held(&self, count: i64) {
        self.held.record(count, &[]);
    }

    /// A gap was closed by asking booking-command.
    pub fn gap_fetched(&self) {
        self.gaps_fetched.add(1, &[]);
    }

    /// Versions were skipped.
    pub fn gap_given_up(&self) {
        self.gaps_given_up.add(1, &[]);
    }

    /// A subscription is open for as long as the answer lives.
    pub fn stream_opened(self: &Arc<Self>) -> OpenStream {
        self.streams.add(1, &[]);
        OpenStream(Arc::clone(self))
    }

    /// A webhook took a change.
    pub fn webhook_taken(
        &self,
        appended_at: DateTime<Utc>,
        received_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) {
        self.webhook_requests
            .add(1, &[KeyValue::new("outcome", "TAKEN")]);
        self.webhook_appended_to_taken
            .record(seconds(now - appended_at), &[]);
        self.since_receipt("webhook", received_at, now);
    }

    /// A webhook took a change that it was sent before: that says nothing about how late it was.
    pub fn webhook_taken_again(&self) {
        self.webhook_requests
            .add(1, &[KeyValue::new("outcome", "TAKEN_AGAIN")]);
    }

    /// A webhook is disabled by us from now on.
    pub fn webhook_disabled(&self, because: &str) {
        let because = [KeyValue::new("because", because.to_owned())];
        self.webhook_disabled.add(1, &because);
    }

    /// A webhook did not take a change.
    pub fn webhook_refused(&self, refusal: Refusal) {
        self.webhook_requests
            .add(1, &[KeyValue::new("outcome", refusal.kind())]);
    }

    /// The log no longer had so many versions.
    pub fn webhook_skipped(&self, versions: i64) {
        self.webhook_skipped.add(versions.unsigned_abs(), &[]);
    }

    /// A change was tried for as long as patience lasts.
    pub fn webhook_given_up(&self) {
        self.webhook_given_up.add(1, &[]);
    }

    /// So many messages were lost, so many objects are behind, and so many webhooks are disabled by us.
    pub fn webhooks_swept(&self, lost: u64, behind: i64, disabled: i64) {
        self.webhook_lost_messages.add(lost, &[]);
        self.webhook_objects_behind.record(behind, &[]);
        self.webhooks_disabled.record(disabled, &[]);
    }

    /// A mail is done.
    pub fn mail_done(&self, kind: &str, outcome: Done) {
        let labels = [
            KeyValue::new("kind", kind.to_owned()),
            KeyValue::new("outcome", outcome.as_str()),
        ];
        self.mails.add(1, &labels);
    }

    /// A subscription was ended because nobody read it.
    pub fn stuck(&self) {
        self.streams_stuck.add(1, &[]);
    }
}

/// Counts one open subscription.
#[derive(Debug)]
pub struct OpenStream(Arc<Metrics>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams.add(-1, &[]);
    }
}

/// Clocks of two machines may differ a little: never less than nothing.
fn seconds(delta: TimeDelta) -> f64 {
    delta.to_std().unwrap_or_default().as_secs_f64()
}
