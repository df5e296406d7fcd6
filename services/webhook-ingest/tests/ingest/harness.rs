//! Starts the service, plays Google, and reads the queue as sync-worker does.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, StatusCode};
use roomsync_broker::{Broker, BrokerConfig, Delivery, Failure, Handler};
use roomsync_domain::{CalendarId, ChannelId, channel_token::ChannelTokens};
use roomsync_messages::CalendarChanged;
use roomsync_process::{CancellationToken, Running, start_in_process};
use tokio::sync::{Mutex, mpsc};
use webhook_ingest::{Config, run, service};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, work).await;
    outcome.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

pub(crate) fn client() -> Client {
    Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// A vhost of a test's own, gone with it.
pub(crate) struct Vhost {
    name: String,
    management: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where servers are"
)]
fn environment(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

impl Vhost {
    /// A name; the vhost does not exist yet.
    pub(crate) fn named() -> Self {
        let management = environment(
            "RABBITMQ_MANAGEMENT_URL",
            "http://guest:guest@127.0.0.1:15672",
        );
        Self {
            name: format!("ingest-{}", uuid::Uuid::new_v4().simple()),
            management,
        }
    }

    pub(crate) async fn created() -> Self {
        let vhost = Self::named();
        vhost.create().await;
        vhost
    }

    pub(crate) async fn create(&self) {
        let answer = client().put(self.address()).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    fn address(&self) -> String {
        format!("{}/api/vhosts/{}", self.management, self.name)
    }

    pub(crate) fn amqp_url(&self) -> String {
        let url = environment("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f");
        let (server, _) = url.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    pub(crate) async fn delete(&self) {
        client().delete(self.address()).send().await.unwrap();
    }
}

/// The service with one channel open, and what came out of it.
pub(crate) struct Ingest {
    pub(crate) running: Running,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) channel: ChannelId,
    pub(crate) calendar: CalendarId,
    pub(crate) tokens: ChannelTokens,
}

/// The commented defaults, with what a test has to set.
pub(crate) fn config(amqp_url: &str, settings: &[(&str, &str)]) -> Config {
    let keys = format!(r#"[{{ id = "k1", secret = "{SECRET}" }}]"#);
    let fixed = [
        ("ADMIN__LISTEN", "127.0.0.1:0"),
        ("HTTP__LISTEN", "127.0.0.1:0"),
        ("BROKER__URL", amqp_url),
        ("CHANNEL_TOKENS__KEYS", &keys),
    ];
    let env = fixed.iter().chain(settings);
    let env = env.map(|(name, value)| (format!("ROOMSYNC__{name}"), (*value).to_owned()));
    roomsync_process::config::load(service().default_config, None, env).unwrap()
}

impl Ingest {
    pub(crate) async fn start(amqp_url: &str, settings: &[(&str, &str)]) -> Self {
        let config = config(amqp_url, settings);
        let tokens = config.channel_tokens.ring().unwrap();
        let running = start_in_process(service(), config, run).await.unwrap();
        let address = running.port("public").await.unwrap();
        let (channel, calendar) = (ChannelId::new(), CalendarId::new());
        Self {
            running,
            address,
            channel,
            calendar,
            tokens,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A push as Google sends it.
    pub(crate) fn push(&self, state: &str) -> RequestBuilder {
        client()
            .post(self.url("/google/calendar/push"))
            .header("x-goog-channel-id", self.channel.to_string())
            .header(
                "x-goog-channel-token",
                self.tokens.sign(self.channel, self.calendar),
            )
            .header("x-goog-resource-id", "R6UY")
            .header("x-goog-resource-state", state)
            .header("x-goog-message-number", "7")
    }

    /// `/readyz` and what it says.
    pub(crate) async fn readyz(&self) -> (StatusCode, String) {
        let answer = client().get(format!("http://{}/readyz", self.running.admin_addr));
        let answer = answer.send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) async fn metrics(&self) -> String {
        let answer = client().get(format!("http://{}/metrics", self.running.admin_addr));
        answer.send().await.unwrap().text().await.unwrap()
    }
}

pub(crate) async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

/// Takes messages off the queue as sync-worker does.
pub(crate) struct Queue {
    received: Mutex<mpsc::UnboundedReceiver<CalendarChanged>>,
    stop: CancellationToken,
    broker: Broker,
    sender: Arc<Sender>,
}

struct Sender(mpsc::UnboundedSender<CalendarChanged>);

#[async_trait]
impl Handler<CalendarChanged> for Sender {
    async fn handle(&self, message: CalendarChanged, _: &Delivery) -> Result<(), Failure> {
        self.0.send(message).map_err(|cause| Failure::Reject {
            cause: cause.into(),
        })
    }
}

impl Queue {
    pub(crate) fn of(vhost: &Vhost) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let config = BrokerConfig::new(vhost.amqp_url());
        let broker = Broker::start("test", "test", &config, stop.clone());
        Self {
            received: Mutex::new(received),
            stop,
            broker,
            sender: Arc::new(Sender(sender)),
        }
    }

    /// The next message.
    pub(crate) async fn next(&self) -> CalendarChanged {
        let consume = self
            .broker
            .consume::<CalendarChanged, _>(self.sender.clone());
        let mut received = self.received.lock().await;
        tokio::select! {
            message = soon("a message", received.recv()) => message.unwrap(),
            () = consume => panic!("the consumer ended"),
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
