//! Deliveries, message by message: the outbox is emptied by hand, so that every test decides what arrives
//! when. The way through RabbitMQ is the journeys'.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use notification::{
    config::WebhooksConfig,
    consumers::delivery_due::DeliveryDueConsumer,
    metrics::Metrics,
    webhooks::{deliver::Deliveries, send::Sender, slots::Slots, sweep::Sweep},
};
use roomsync_broker::{Delivery, Failure, Handler as _};
use roomsync_messages::DeliveryDue;
use roomsync_postgres::Database;
use roomsync_proto::notification::v1 as api;
use roomsync_proto::notification::v1::subscription_service_server::SubscriptionService as _;
use serde_json::Value;
use sqlx::{PgPool, types::Json};
use tonic::Request;
use uuid::Uuid;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::support::{OPEN, SOON, Service, TENANT, append, called_by, change, database, ring};

const DAY: Duration = Duration::from_hours(24);

fn config() -> WebhooksConfig {
    WebhooksConfig {
        timeout: Duration::from_secs(5),
        patience: 3 * DAY,
        per_message: 20,
        sweep: Duration::from_secs(1),
        lost_after: Duration::from_hours(3),
        allow_private: true,
        allow_http: true,
    }
}

/// One request, as the receiver sees it.
#[derive(Debug, Clone, PartialEq)]
struct Got {
    object: String,
    version: i64,
    id: String,
    timestamp: String,
    signatures: Vec<String>,
    body: Vec<u8>,
}

impl Got {
    /// Which of its signatures are by this secret.
    fn signed_by(&self, secret: &str) -> usize {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").unwrap())
            .unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let mut content = format!("{}.{}.", self.id, self.timestamp).into_bytes();
        content.extend_from_slice(&self.body);
        let good = |signature: &&String| {
            let tag = STANDARD
                .decode(signature.strip_prefix("v1,").unwrap())
                .unwrap();
            hmac::verify(&key, &content, &tag).is_ok()
        };
        self.signatures.iter().filter(good).count()
    }
}

/// The service, one webhook, and its receiver.
struct World {
    database: Database,
    service: Service,
    receiver: MockServer,
    webhook: String,
    secret: String,
    consumer: DeliveryDueConsumer,
}

impl World {
    async fn new(pool: &PgPool) -> Self {
        Self::with(pool, config()).await
    }

    async fn with(pool: &PgPool, config: WebhooksConfig) -> Self {
        let database = database(pool);
        let (service, receiver) = (Service::start(&database).await, MockServer::start().await);
        let request = api::CreateWebhookRequest {
            tenant_id: TENANT.to_owned(),
            name: "Rooms".to_owned(),
            url: receiver.uri(),
        };
        let made = service
            .subscriptions
            .create_webhook(called_by("*", Request::new(request)))
            .await
            .unwrap()
            .into_inner();
        Self {
            consumer: consumer(&database, config, &["a"]),
            database,
            service,
            receiver,
            webhook: made.webhook.unwrap().webhook_id,
            secret: made.secret,
        }
    }

    /// What the receiver answers from now on.
    async fn answers(&self, answer: ResponseTemplate) {
        self.receiver.reset().await;
        let mock = Mock::given(matchers::any()).respond_with(answer);
        mock.mount(&self.receiver).await;
    }

    /// The same for one object alone.
    async fn refuses_object(&self, object: &str) {
        let part = format!(r#""object_id":"{object}""#);
        Mock::given(matchers::body_string_contains(part))
            .respond_with(ResponseTemplate::new(500))
            .with_priority(1)
            .mount(&self.receiver)
            .await;
    }

    /// What has arrived since the last `answers`: object and version.
    async fn got(&self) -> Vec<Got> {
        let requests = self.receiver.received_requests().await.unwrap();
        let read = |request: &wiremock::Request| {
            let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
            let body: Value = request.body_json().unwrap();
            assert_eq!(header("content-type"), "application/json");
            assert_eq!(body["data"]["change_id"], header("webhook-id"));
            Got {
                object: body["data"]["object_id"].as_str().unwrap().to_owned(),
                version: body["data"]["version"].as_i64().unwrap(),
                id: header("webhook-id"),
                timestamp: header("webhook-timestamp"),
                signatures: header("webhook-signature")
                    .split(' ')
                    .map(str::to_owned)
                    .collect(),
                body: request.body.clone(),
            }
        };
        requests.iter().map(read).collect()
    }

    async fn got_versions(&self) -> Vec<(String, i64)> {
        let got = self.got().await;
        got.into_iter().map(|it| (it.object, it.version)).collect()
    }

    /// Takes what the outbox has.
    async fn outbox(&self) -> Vec<(Uuid, DeliveryDue)> {
        let taken: Vec<(i64, Uuid, Json<DeliveryDue>)> =
            sqlx::query_as("DELETE FROM notification.outbox RETURNING position, message_id, body")
                .fetch_all(self.database.pool())
                .await
                .unwrap();
        let mut taken = taken;
        taken.sort_by_key(|(position, ..)| *position);
        taken
            .into_iter()
            .map(|(_, id, body)| (id, body.0))
            .collect()
    }

    async fn handle(&self, message: &(Uuid, DeliveryDue)) -> Result<(), Failure> {
        self.handle_attempt(message, 1).await
    }

    async fn handle_attempt(
        &self,
        (message_id, message): &(Uuid, DeliveryDue),
        attempt: u32,
    ) -> Result<(), Failure> {
        let delivery = Delivery {
            message_id: *message_id,
            attempt,
            first_seen: "2026-03-01T09:00:00Z".parse().unwrap(),
            redelivered: false,
        };
        self.consumer.handle(message.clone(), &delivery).await
    }

    /// Handles what the outbox has until it is empty; everything must go well.
    async fn pump(&self) {
        loop {
            let messages = self.outbox().await;
            if messages.is_empty() {
                return;
            }
            for message in messages {
                self.handle(&message).await.unwrap();
            }
        }
    }

    async fn shown(&self) -> api::Webhook {
        let request = api::ListWebhooksRequest {
            tenant_id: TENANT.to_owned(),
        };
        let listed = self
            .service
            .subscriptions
            .list_webhooks(called_by("*", Request::new(request)))
            .await;
        listed.unwrap().into_inner().webhooks.remove(0)
    }

    async fn enable(&self, enabled: bool) {
        let request = api::UpdateWebhookRequest {
            tenant_id: TENANT.to_owned(),
            webhook_id: self.webhook.clone(),
            enabled: Some(enabled),
            ..api::UpdateWebhookRequest::default()
        };
        let updated = self
            .service
            .subscriptions
            .update_webhook(called_by("*", Request::new(request)))
            .await;
        updated.unwrap();
    }

    async fn move_to(&self, url: String) {
        let request = api::UpdateWebhookRequest {
            tenant_id: TENANT.to_owned(),
            webhook_id: self.webhook.clone(),
            url: Some(url),
            ..api::UpdateWebhookRequest::default()
        };
        let updated = self
            .service
            .subscriptions
            .update_webhook(called_by("*", Request::new(request)))
            .await;
        updated.unwrap();
    }

    /// Waits until the receiver has something in hand.
    async fn something_is_under_way(&self) {
        while self.got().await.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    async fn rotate(&self) -> String {
        let request = api::RotateWebhookSecretRequest {
            tenant_id: TENANT.to_owned(),
            webhook_id: self.webhook.clone(),
        };
        let rotated = self
            .service
            .subscriptions
            .rotate_webhook_secret(called_by("*", Request::new(request)))
            .await;
        rotated.unwrap().into_inner().secret
    }

    async fn sweep(&self, keys: &[&str]) -> usize {
        let sweep = Sweep {
            database: self.database.clone(),
            ring: ring(keys),
            config: config(),
            metrics: Metrics::new(),
            wake: Arc::default(),
        };
        sweep.once().await.unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::query(sql)
            .execute(self.database.pool())
            .await
            .unwrap();
    }
}

fn consumer(database: &Database, config: WebhooksConfig, keys: &[&str]) -> DeliveryDueConsumer {
    DeliveryDueConsumer {
        deliveries: Deliveries {
            database: database.clone(),
            ring: ring(keys),
            sender: Sender::new(OPEN, config.timeout).unwrap(),
            slots: Slots::new(16),
            config,
            metrics: Metrics::new(),
        },
    }
}

fn of(object: &str, versions: impl IntoIterator<Item = i64>) -> Vec<(String, i64)> {
    versions
        .into_iter()
        .map(|version| (object.to_owned(), version))
        .collect()
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

/// How long a message that comes back stays away.
fn later(result: Result<(), Failure>) -> Option<Duration> {
    match result {
        Err(Failure::Retry { after, .. }) => after,
        other => panic!("expected another try: {other:?}"),
    }
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn changes_from_now_on_are_posted_in_order_and_signed(pool: PgPool) {
    append(&database(&pool), &change("a", 1)).await;
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 2)).await;
    append(&world.database, &change("a", 3)).await;
    append(&world.database, &change("b", 1)).await;
    let messages = world.outbox().await;
    assert_eq!(messages.len(), 2, "one for each object: {messages:?}");
    for message in &messages {
        world.handle(message).await.unwrap();
    }
    let got = world.got().await;
    let versions: Vec<_> = got
        .iter()
        .map(|it| (it.object.as_str(), it.version))
        .collect();
    assert_eq!(versions, [("a", 2), ("a", 3), ("b", 1)]);
    for request in &got {
        assert_eq!(request.signatures.len(), 1);
        assert_eq!(request.signed_by(&world.secret), 1, "{request:?}");
        assert_eq!(
            request.id,
            format!("acme/{}/{}", request.object, request.version)
        );
    }
    let shown = world.shown().await;
    assert!(shown.last_success_at.is_some() && shown.last_failure_at.is_none());
    assert_eq!(shown.objects_behind, 0);
    world.pump().await;
    assert_eq!(world.got().await, got, "nothing comes twice");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_refused_change_holds_its_object_and_no_other(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    world.refuses_object("a").await;
    for (object, version) in [("a", 1), ("b", 1), ("a", 2), ("b", 2)] {
        append(&world.database, &change(object, version)).await;
    }
    let messages = world.outbox().await;
    assert_eq!(
        later(world.handle(&messages[0]).await),
        None,
        "as the ladder says"
    );
    world.handle(&messages[1]).await.unwrap();
    let expected = [of("a", [1]), of("b", [1, 2])].concat();
    assert_eq!(world.got_versions().await, expected);
    let shown = world.shown().await;
    assert_eq!(shown.last_failure, "HTTP_500");
    assert_eq!(shown.objects_behind, 1);

    world.answers(ok()).await;
    world.handle_attempt(&messages[0], 2).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
    let shown = world.shown().await;
    assert_eq!((shown.last_failure.as_str(), shown.objects_behind), ("", 0));
    assert!(shown.last_failure_at.is_some());
    assert!(world.outbox().await.is_empty());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_change_that_fails_after_others_went_well_has_the_whole_patience(pool: PgPool) {
    let world = World::new(&pool).await;
    append(&world.database, &change("a", 1)).await;
    append(&world.database, &change("a", 2)).await;
    let message = world.outbox().await.remove(0);
    world.answers(ResponseTemplate::new(500)).await;
    Mock::given(matchers::body_string_contains(r#""version":1}"#))
        .respond_with(ok())
        .with_priority(1)
        .mount(&world.receiver)
        .await;
    // A message that has climbed for a while is done with; a new one stands for the second change.
    world.handle_attempt(&message, 9).await.unwrap();
    let anew = world.outbox().await.remove(0);
    assert_ne!(anew.0, message.0);
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
    world.answers(ok()).await;
    world.handle(&message).await.unwrap();
    assert!(
        world.got().await.is_empty(),
        "the old one is not meant any more"
    );
    world.handle(&anew).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [2]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_message_in_two_hands_sends_once(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ok().set_delay(Duration::from_millis(300)))
        .await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    let results = tokio::join!(world.handle(&message), world.handle(&message));
    let after = match results {
        (Ok(()), other) | (other, Ok(())) => later(other).unwrap(),
        both => panic!("one of them sends: {both:?}"),
    };
    assert!(
        after > Duration::ZERO && after <= Duration::from_secs(5),
        "{after:?}"
    );
    assert_eq!(world.got_versions().await, of("a", [1]));
    world.handle(&message).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1]));
}

/// Enabling it publishes anew while the old message's request is under way.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_new_message_waits_for_who_sends_under_the_old_one(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ok().set_delay(Duration::from_millis(500)))
        .await;
    append(&world.database, &change("a", 1)).await;
    append(&world.database, &change("a", 2)).await;
    let old = world.outbox().await.remove(0);
    let sending = world.handle(&old);
    let enabling = async {
        world.something_is_under_way().await;
        world.enable(true).await;
        assert_eq!(world.sweep(&["a"]).await, 1);
        let new = world.outbox().await.remove(0);
        let waits = later(world.handle(&new).await).is_some();
        (new, waits)
    };
    let (sent, (new, waits)) = tokio::join!(sending, enabling);
    sent.unwrap();
    assert!(waits);
    assert_eq!(world.got_versions().await, of("a", [1]));
    world.handle(&new).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_webhook_enabled_while_a_request_fails_is_tried_at_once(pool: PgPool) {
    let world = World::new(&pool).await;
    let slow = ResponseTemplate::new(500).set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    append(&world.database, &change("a", 1)).await;
    let old = world.outbox().await.remove(0);
    let enabling = async {
        world.something_is_under_way().await;
        world.enable(true).await;
    };
    let (handled, ()) = tokio::join!(world.handle(&old), enabling);
    handled.expect("it is not the row's message any more");
    world.answers(ok()).await;
    assert_eq!(world.sweep(&["a"]).await, 1, "the failure undid it");
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_the_address_before_says_does_not_stop_the_new_one(pool: PgPool) {
    let world = World::new(&pool).await;
    let slow = ResponseTemplate::new(410).set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    let elsewhere = MockServer::start().await;
    let mock = Mock::given(matchers::any()).respond_with(ok());
    mock.mount(&elsewhere).await;
    append(&world.database, &change("a", 1)).await;
    let old = world.outbox().await.remove(0);
    let moving = async {
        world.something_is_under_way().await;
        world.move_to(elsewhere.uri()).await;
    };
    let (handled, ()) = tokio::join!(world.handle(&old), moving);
    handled.unwrap();
    let shown = world.shown().await;
    assert!(shown.enabled && shown.last_failure.is_empty(), "{shown:?}");
    assert_eq!(world.sweep(&["a"]).await, 1);
    world.pump().await;
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 1);
    assert_eq!(world.shown().await.objects_behind, 0);
}

/// It came back for want of a slot, during a pause: that is no reason to wait an hour after the first
/// failure.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_change_begins_at_the_foot_of_the_ladder_however_often_its_message_came(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ResponseTemplate::new(500)).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    world.handle_attempt(&message, 7).await.unwrap();
    let anew = world.outbox().await.remove(0);
    assert_eq!(later(world.handle(&anew).await), None);
    assert_eq!(later(world.handle_attempt(&anew, 2).await), None);
    assert!(world.outbox().await.is_empty(), "that was not the first");
    assert_eq!(world.got().await.len(), 3);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn every_webhook_has_a_message_of_its_own(pool: PgPool) {
    let world = World::new(&pool).await;
    for _ in 0..3 {
        let request = api::CreateWebhookRequest {
            tenant_id: TENANT.to_owned(),
            name: "Rooms".to_owned(),
            url: world.receiver.uri(),
        };
        let made = world
            .service
            .subscriptions
            .create_webhook(called_by("*", Request::new(request)))
            .await;
        made.unwrap();
    }
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let meant: Vec<(Uuid, Uuid)> =
        sqlx::query_as("SELECT message_id, webhook_id FROM notification.webhook_objects")
            .fetch_all(&pool)
            .await
            .unwrap();
    let messages = world.outbox().await;
    assert_eq!((meant.len(), messages.len()), (4, 4));
    for (id, message) in &messages {
        assert!(meant.contains(&(*id, message.webhook)), "{message:?}");
    }
    for message in &messages {
        world.handle(message).await.unwrap();
    }
    assert_eq!(world.got_versions().await, of("a", [1, 1, 1, 1]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_is_appended_while_the_last_is_sent_is_never_forgotten(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    let appending = async {
        for version in 1..=60 {
            append(&world.database, &change("a", version)).await;
        }
    };
    let delivering = async {
        while world.got().await.len() < 60 {
            world.pump().await;
        }
    };
    let both = async { tokio::join!(appending, delivering) };
    tokio::time::timeout(3 * SOON, Box::pin(both))
        .await
        .expect("all of them");
    assert_eq!(world.got_versions().await, of("a", 1..=60));
    assert_eq!(world.shown().await.objects_behind, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_long_way_is_gone_in_stages(pool: PgPool) {
    let stages = WebhooksConfig {
        per_message: 3,
        ..config()
    };
    let world = World::with(&pool, stages).await;
    world.answers(ok()).await;
    for version in 1..=7 {
        append(&world.database, &change("a", version)).await;
    }
    let mut stages = Vec::new();
    while let Some(message) = world.outbox().await.pop() {
        world.handle(&message).await.unwrap();
        stages.push(world.got().await.len());
    }
    assert_eq!(stages, [3, 6, 7]);
    assert_eq!(world.got_versions().await, of("a", 1..=7));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_disabled_webhook_keeps_its_place(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let before = world.outbox().await.remove(0);
    world.enable(false).await;
    world.handle(&before).await.unwrap();
    append(&world.database, &change("a", 2)).await;
    append(&world.database, &change("b", 1)).await;
    assert!(world.outbox().await.is_empty());
    assert!(world.got().await.is_empty());
    assert_eq!(world.shown().await.objects_behind, 2);

    world.enable(true).await;
    assert_eq!(world.sweep(&["a"]).await, 2);
    world.pump().await;
    let mut got = world.got_versions().await;
    got.sort();
    assert_eq!(got, [of("a", [1, 2]), of("b", [1])].concat());
    assert_eq!(world.sweep(&["a"]).await, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_receiver_that_is_gone_disables_its_webhook(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ResponseTemplate::new(410)).await;
    append(&world.database, &change("a", 1)).await;
    world.pump().await;
    let shown = world.shown().await;
    assert_eq!(
        (shown.enabled, shown.last_failure.as_str()),
        (false, "HTTP_410")
    );
    assert_eq!(shown.objects_behind, 1);
    append(&world.database, &change("b", 1)).await;
    world.pump().await;
    assert_eq!(world.got().await.len(), 1);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_receiver_that_asks_for_a_pause_gets_it_for_all_objects(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ResponseTemplate::new(503).insert_header("retry-after", "120"))
        .await;
    append(&world.database, &change("a", 1)).await;
    append(&world.database, &change("b", 1)).await;
    let messages = world.outbox().await;
    assert_eq!(
        later(world.handle(&messages[0]).await),
        Some(Duration::from_mins(2))
    );
    let rest = later(world.handle(&messages[1]).await).unwrap();
    assert!(
        rest > Duration::from_mins(1) && rest <= Duration::from_mins(2),
        "{rest:?}"
    );
    assert_eq!(world.got_versions().await, of("a", [1]));
    // A person who says go on is believed.
    world.answers(ok()).await;
    world.enable(true).await;
    world.sweep(&["a"]).await;
    world.pump().await;
    assert_eq!(world.got().await.len(), 2);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_pause_of_nothing_leaves_the_ladder_to_decide(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ResponseTemplate::new(503).insert_header("retry-after", "0"))
        .await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    assert_eq!(later(world.handle(&message).await), None);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_change_that_is_given_up_waits_for_the_next_one(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ResponseTemplate::new(500)).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    later(world.handle(&message).await);
    world
        .execute(
            "UPDATE notification.webhook_objects SET failing_since = now() - interval '73 hours'",
        )
        .await;
    let given_up = world.handle_attempt(&message, 80).await;
    assert!(
        matches!(given_up, Err(Failure::Reject { .. })),
        "{given_up:?}"
    );
    assert_eq!(world.shown().await.objects_behind, 1);
    assert_eq!(world.shown().await.last_failure, "HTTP_500");
    assert_eq!(world.sweep(&["a"]).await, 0, "it is not lost");

    world.answers(ok()).await;
    append(&world.database, &change("a", 2)).await;
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
    assert_eq!(world.shown().await.objects_behind, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_the_log_no_longer_has_is_left_out(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    for version in 1..=4 {
        append(&world.database, &change("a", version)).await;
    }
    append(&world.database, &change("b", 1)).await;
    world
        .execute("DELETE FROM notification.log WHERE object_id = 'b' OR version < 3")
        .await;
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [3, 4]));
    assert_eq!(world.shown().await.objects_behind, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_lost_message_is_found_by_the_sweep(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let lost = world.outbox().await.remove(0);
    assert_eq!(world.sweep(&["a"]).await, 0, "it may be on its way");
    world
        .execute(
            "UPDATE notification.webhook_objects SET message_seen_at = now() - interval '4 hours'",
        )
        .await;
    assert_eq!(world.sweep(&["a"]).await, 1);
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1]));
    world.handle(&lost).await.unwrap();
    assert_eq!(world.got().await.len(), 1);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn after_a_rotation_both_secrets_sign_for_a_day(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    let new = world.rotate().await;
    append(&world.database, &change("a", 1)).await;
    world.pump().await;
    world
        .execute("UPDATE notification.webhooks SET old_until = now() - interval '1 second'")
        .await;
    append(&world.database, &change("a", 2)).await;
    world.pump().await;
    let got = world.got().await;
    assert_eq!(got[0].signatures.len(), 2);
    assert_eq!(
        (got[0].signed_by(&new), got[0].signed_by(&world.secret)),
        (1, 1)
    );
    assert_eq!(got[1].signatures.len(), 1);
    assert_eq!(
        (got[1].signed_by(&new), got[1].signed_by(&world.secret)),
        (1, 0)
    );
    world.sweep(&["a"]).await;
    let kept: Option<Vec<u8>> = sqlx::query_scalar("SELECT old_secret FROM notification.webhooks")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(kept, None);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn sealing_keys_are_rotated_by_the_sweep(pool: PgPool) {
    let mut world = World::new(&pool).await;
    world.answers(ok()).await;
    world.sweep(&["b", "a"]).await;
    world.consumer = consumer(&world.database, config(), &["b"]);
    append(&world.database, &change("a", 1)).await;
    world.pump().await;
    let got = world.got().await;
    assert_eq!(got[0].signed_by(&world.secret), 1, "the same secret");

    world.consumer = consumer(&world.database, config(), &["c"]);
    append(&world.database, &change("a", 2)).await;
    let message = world.outbox().await.remove(0);
    later(world.handle(&message).await);
    assert_eq!(world.shown().await.last_failure, "NO_SECRET");
    assert_eq!(world.got().await.len(), 1, "nothing leaves unsigned");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_redirect_is_not_followed_and_silence_is_a_timeout(pool: PgPool) {
    let short = WebhooksConfig {
        timeout: Duration::from_millis(200),
        ..config()
    };
    let world = World::with(&pool, short).await;
    let elsewhere = MockServer::start().await;
    world
        .answers(ResponseTemplate::new(302).insert_header("location", elsewhere.uri()))
        .await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    later(world.handle(&message).await);
    assert_eq!(world.shown().await.last_failure, "HTTP_302");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());

    world.answers(ok().set_delay(SOON)).await;
    later(world.handle(&message).await);
    assert_eq!(world.shown().await.last_failure, "TIMEOUT");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_deleted_webhook_gets_nothing_more(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    let request = api::DeleteWebhookRequest {
        tenant_id: TENANT.to_owned(),
        webhook_id: world.webhook.clone(),
    };
    let deleted = world
        .service
        .subscriptions
        .delete_webhook(called_by("*", Request::new(request)))
        .await;
    deleted.unwrap();
    world.handle(&message).await.unwrap();
    append(&world.database, &change("a", 2)).await;
    assert!(world.outbox().await.is_empty());
    assert!(world.got().await.is_empty());
}
