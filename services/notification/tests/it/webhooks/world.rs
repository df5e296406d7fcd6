//! What these tests share: the service with one webhook, its receiver, and the outbox in the test's hands.

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
use roomsync_process::CancellationToken;
use roomsync_proto::notification::v1 as api;
use roomsync_proto::notification::v1::subscription_service_server::SubscriptionService as _;
use serde_json::Value;
use sqlx::{PgPool, types::Json};
use tonic::Request;
use uuid::Uuid;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::support::{OPEN, Service, TENANT, called_by, database, ring};

pub(crate) const DAY: Duration = Duration::from_hours(24);

pub(crate) fn config() -> WebhooksConfig {
    WebhooksConfig {
        timeout: Duration::from_secs(5),
        patience: 3 * DAY,
        disable_after: 5 * DAY,
        per_message: 20,
        sweep: Duration::from_secs(1),
        lost_after: Duration::from_hours(3),
        allow_private: true,
        allow_http: true,
    }
}

/// One request, as the receiver sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Got {
    pub(crate) object: String,
    pub(crate) version: i64,
    pub(crate) id: String,
    pub(crate) timestamp: String,
    pub(crate) signatures: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    /// Which of its signatures are by this secret.
    pub(crate) fn signed_by(&self, secret: &str) -> usize {
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
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) service: Service,
    pub(crate) receiver: MockServer,
    pub(crate) webhook: String,
    pub(crate) secret: String,
    pub(crate) consumer: DeliveryDueConsumer,
    /// Stops the consumer softly.
    pub(crate) soft: CancellationToken,
}

impl World {
    pub(crate) async fn new(pool: &PgPool) -> Self {
        Self::with(pool, config()).await
    }

    pub(crate) async fn with(pool: &PgPool, config: WebhooksConfig) -> Self {
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
        let consumer = consumer(&database, config, &["a"]);
        Self {
            soft: consumer.deliveries.soft.clone(),
            consumer,
            database,
            service,
            receiver,
            webhook: made.webhook.unwrap().webhook_id,
            secret: made.secret,
        }
    }

    /// What the receiver answers from now on.
    pub(crate) async fn answers(&self, answer: ResponseTemplate) {
        self.receiver.reset().await;
        let mock = Mock::given(matchers::any()).respond_with(answer);
        mock.mount(&self.receiver).await;
    }

    /// The same for one object alone.
    pub(crate) async fn refuses_object(&self, object: &str) {
        let part = format!(r#""object_id":"{object}""#);
        Mock::given(matchers::body_string_contains(part))
            .respond_with(ResponseTemplate::new(500))
            .with_priority(1)
            .mount(&self.receiver)
            .await;
    }

    /// What has arrived since the last `answers`: object and version.
    pub(crate) async fn got(&self) -> Vec<Got> {
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

    pub(crate) async fn got_versions(&self) -> Vec<(String, i64)> {
        let got = self.got().await;
        got.into_iter().map(|it| (it.object, it.version)).collect()
    }

    /// Takes what the outbox has of deliveries.
    pub(crate) async fn outbox(&self) -> Vec<(Uuid, DeliveryDue)> {
        let mut taken: Vec<(i64, Uuid, Json<DeliveryDue>)> = sqlx::query_as(
            "DELETE FROM notification.outbox WHERE message_type = 'delivery.due'
            RETURNING position, message_id, body",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        taken.sort_by_key(|(position, ..)| *position);
        taken
            .into_iter()
            .map(|(_, id, body)| (id, body.0))
            .collect()
    }

    /// Which mails wait about webhooks: all have messages.
    pub(crate) async fn mails(&self) -> Vec<(String, Option<Uuid>)> {
        sqlx::query_as(
            "SELECT kind, webhook_id
            FROM notification.mails m
            JOIN notification.outbox o ON o.body ->> 'id' = m.mail_id::text
            ORDER BY m.created_at",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap()
    }

    pub(crate) async fn handle(&self, message: &(Uuid, DeliveryDue)) -> Result<(), Failure> {
        self.handle_attempt(message, 1).await
    }

    pub(crate) async fn handle_attempt(
        &self,
        message: &(Uuid, DeliveryDue),
        attempt: u32,
    ) -> Result<(), Failure> {
        self.handle_with(&self.consumer, message, attempt).await
    }

    /// Another process handles it.
    pub(crate) async fn handle_with(
        &self,
        consumer: &DeliveryDueConsumer,
        (message_id, message): &(Uuid, DeliveryDue),
        attempt: u32,
    ) -> Result<(), Failure> {
        let delivery = Delivery {
            message_id: *message_id,
            attempt,
            first_seen: "2026-03-01T09:00:00Z".parse().unwrap(),
            redelivered: false,
        };
        consumer.handle(message.clone(), &delivery).await
    }

    /// Handles what the outbox has until it is empty; everything must go well.
    pub(crate) async fn pump(&self) {
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

    pub(crate) async fn shown(&self) -> api::Webhook {
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

    pub(crate) async fn enable(&self, enabled: bool) {
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

    pub(crate) async fn move_to(&self, url: String) {
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
    pub(crate) async fn something_is_under_way(&self) {
        while self.got().await.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn rotate(&self) -> String {
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

    pub(crate) async fn sweep(&self, keys: &[&str]) -> usize {
        let sweep = Sweep {
            database: self.database.clone(),
            ring: ring(keys),
            config: config(),
            metrics: Metrics::new(),
            wake: Arc::default(),
        };
        sweep.once().await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql)
            .execute(self.database.pool())
            .await
            .unwrap();
    }
}

pub(crate) fn consumer(
    database: &Database,
    config: WebhooksConfig,
    keys: &[&str],
) -> DeliveryDueConsumer {
    DeliveryDueConsumer {
        deliveries: Deliveries {
            database: database.clone(),
            ring: ring(keys),
            sender: Sender::new(OPEN, config.timeout).unwrap(),
            slots: Slots::new(16),
            config,
            metrics: Metrics::new(),
            soft: CancellationToken::new(),
        },
    }
}

pub(crate) fn of(object: &str, versions: impl IntoIterator<Item = i64>) -> Vec<(String, i64)> {
    versions
        .into_iter()
        .map(|version| (object.to_owned(), version))
        .collect()
}

pub(crate) fn ok() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

/// How long a message that comes back stays away.
pub(crate) fn later(result: Result<(), Failure>) -> Option<Duration> {
    match result {
        Err(Failure::Retry { after, .. }) => after,
        other => panic!("expected another try: {other:?}"),
    }
}
