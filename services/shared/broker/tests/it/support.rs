//! A virtual host per test, and handlers that write down what they got.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use roomsync_broker::{Broker, BrokerConfig, Delivery, Failure, Handler, Ladder};
use roomsync_messages::{LinkDue, Message, ObjectChanged};
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;
use uuid::Uuid;

/// A fresh virtual host.
pub(crate) struct Scratch {
    pub(crate) name: String,
    pub(crate) config: BrokerConfig,
    pub(crate) soft: CancellationToken,
    pub(crate) tasks: TaskTracker,
    http: reqwest::Client,
    api: Url,
}

impl Scratch {
    pub(crate) async fn new() -> Self {
        let scratch = Self::without_vhost();
        scratch.create_vhost().await;
        scratch
    }

    /// The virtual host does not exist yet, so no connection can be made.
    pub(crate) fn without_vhost() -> Self {
        let name = format!("broker-it-{}", Uuid::new_v4().simple());
        let mut url = Url::parse(&env("AMQP_URL")).expect("AMQP_URL is an address");
        url.set_path(&name);
        let rungs = [200, 600].map(Duration::from_millis).to_vec();
        let config = BrokerConfig {
            ladder: Ladder::new(rungs).expect("a fine ladder"),
            ..BrokerConfig::new(url.to_string())
        };
        Self {
            name,
            config,
            soft: CancellationToken::new(),
            tasks: TaskTracker::new(),
            http: reqwest::Client::builder().build().expect("a client"),
            api: Url::parse(&env("RABBITMQ_MANAGEMENT_URL")).expect("an address"),
        }
    }

    pub(crate) async fn create_vhost(&self) {
        self.call("PUT", &format!("vhosts/{}", self.name), &json!({}))
            .await;
        let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        let user = self.api.username();
        self.call("PUT", &format!("permissions/{}/{user}", self.name), &all)
            .await;
    }

    pub(crate) fn broker(&self) -> Broker {
        Broker::start("spec", "it", &self.config, self.soft.clone())
    }

    pub(crate) async fn connected(&self) -> Broker {
        let broker = self.broker();
        wait_connected(&broker).await;
        broker
    }

    /// Consumes in the background with this handler.
    pub(crate) fn consume<M: Message>(&self, broker: &Broker, handler: &Arc<Script<M>>) {
        self.tasks.spawn(broker.consume::<M, _>(handler.clone()));
    }

    /// Everything in a queue; it stays there.
    pub(crate) async fn peek(&self, queue: &str) -> Vec<Value> {
        let how = json!({ "count": 1000, "ackmode": "ack_requeue_true", "encoding": "auto" });
        let found = self
            .call("POST", &format!("queues/{}/{queue}/get", self.name), &how)
            .await;
        found.as_array().cloned().unwrap_or_default()
    }

    /// Waits until something is parked, and returns its headers.
    pub(crate) async fn parked(&self, queue: &str) -> Value {
        let dead = format!("{queue}.dead");
        let found = eventually("a message is parked", async || {
            self.peek(&dead).await.into_iter().next()
        });
        found.await["properties"]["headers"].clone()
    }

    /// Publishes something odd to a queue.
    pub(crate) async fn publish_raw(&self, queue: &str, properties: Value, body: &str) {
        let message = json!({
            "properties": properties, "routing_key": queue, "payload": body,
            "payload_encoding": "string",
        });
        let path = format!("exchanges/{}/amq.default/publish", self.name);
        let routed = self.call("POST", &path, &message).await;
        assert_eq!(routed["routed"], true);
    }

    /// Rejects the first message of a queue, so that the broker parks it itself.
    pub(crate) async fn reject(&self, queue: &str) {
        let how = json!({ "count": 1, "ackmode": "reject_requeue_false", "encoding": "auto" });
        self.call("POST", &format!("queues/{}/{queue}/get", self.name), &how)
            .await;
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.call("DELETE", path, &json!({})).await;
    }

    /// The names of the connections to the virtual host. The management API tells of a connection
    /// some seconds after it was made.
    pub(crate) async fn connections(&self) -> Vec<String> {
        let found = self
            .call(
                "GET",
                &format!("vhosts/{}/connections", self.name),
                &json!({}),
            )
            .await;
        let found = found.as_array().cloned().unwrap_or_default();
        found
            .iter()
            .filter_map(|one| one["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// Closes every connection to the virtual host, as an operator would.
    pub(crate) async fn close_connections(&self) -> usize {
        let names = eventually("a connection is listed", async || {
            Some(self.connections().await).filter(|names| !names.is_empty())
        })
        .await;
        for name in &names {
            let mut url = self.api.join("/api/connections/").expect("an address");
            url.path_segments_mut()
                .expect("a path")
                .pop_if_empty()
                .push(name);
            self.http
                .delete(url)
                .send()
                .await
                .expect("the management answers");
        }
        names.len()
    }

    /// Stops the consumers, and takes the virtual host away.
    pub(crate) async fn end(self) {
        self.soft.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(10), self.tasks.wait())
            .await
            .expect("they stop");
        self.delete(&format!("vhosts/{}", self.name)).await;
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let method = method.parse().expect("a method");
        let url = self.api.join(&format!("/api/{path}")).expect("an address");
        let answer = self
            .http
            .request(method, url)
            .json(body)
            .send()
            .await
            .expect("an answer");
        let text = answer.text().await.expect("a text");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by environment where the servers are"
)]
fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} names a server"))
}

pub(crate) async fn wait_connected(broker: &Broker) {
    let mut changes = broker.connected_changes();
    let connected = tokio::time::timeout(DEADLINE, changes.wait_for(|connected| *connected)).await;
    connected.expect("in time").expect("the broker lives");
}

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Polls until there is something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "not in time: {what}"
        );
        tick.tick().await;
    }
}

type Answer<M> = dyn Fn(&M, &Delivery) -> Result<(), Failure> + Send + Sync;

/// A handler that answers as told and writes down what it got.
pub(crate) struct Script<M> {
    answer: Box<Answer<M>>,
    seen: Mutex<Vec<(M, Delivery, tokio::time::Instant)>>,
}

impl<M: Message> Script<M> {
    pub(crate) fn new(
        answer: impl Fn(&M, &Delivery) -> Result<(), Failure> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            seen: Mutex::default(),
        })
    }

    pub(crate) fn seen(&self) -> Vec<(M, Delivery, tokio::time::Instant)> {
        self.seen.lock().expect("no test panicked").clone()
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<(M, Delivery, tokio::time::Instant)> {
        eventually(&format!("{count} deliveries"), async || {
            Some(self.seen()).filter(|seen| seen.len() >= count)
        })
        .await
    }
}

#[async_trait]
impl<M: Message> Handler<M> for Script<M> {
    async fn handle(&self, message: M, delivery: &Delivery) -> Result<(), Failure> {
        let now = tokio::time::Instant::now();
        self.seen
            .lock()
            .expect("no test panicked")
            .push((message.clone(), delivery.clone(), now));
        (self.answer)(&message, delivery)
    }
}

pub(crate) fn link_due(number: u16) -> LinkDue {
    let link = format!("018f0000-0000-7000-8000-{number:012}")
        .parse()
        .expect("an id");
    LinkDue { link }
}

pub(crate) fn object_changed(version: i64) -> ObjectChanged {
    ObjectChanged {
        tenant: "acme".parse().expect("an id"),
        object: "room-1".parse().expect("an id"),
        version,
        changed_at: "2026-11-22T08:00:00Z".parse().expect("a time"),
        received_at: None,
        items: Vec::new(),
        forgotten: Vec::new(),
    }
}
