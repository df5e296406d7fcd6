//! A database and a virtual host per test.

use std::{
    str::FromStr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use roomsync_broker::{Broker, BrokerConfig, Delivery, Failure, Handler};
use roomsync_messages::ObjectChanged;
use roomsync_postgres::{Database, DatabaseConfig, outbox};
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;
use uuid::Uuid;

static MIGRATOR: Migrator = sqlx::migrate!("tests/it/migrations");

/// Where one test plays.
pub(crate) struct Scratch {
    name: String,
    pub(crate) database: Database,
    pub(crate) broker: BrokerConfig,
    pub(crate) soft: CancellationToken,
    pub(crate) tasks: TaskTracker,
    http: reqwest::Client,
    api: Url,
}

impl Scratch {
    pub(crate) async fn new() -> Self {
        let scratch = Self::without_vhost().await;
        scratch.create_vhost().await;
        scratch
    }

    /// The virtual host does not exist yet, so the broker cannot be reached.
    pub(crate) async fn without_vhost() -> Self {
        let name = format!("relay_it_{}", Uuid::new_v4().simple());
        admin(format!("CREATE DATABASE {name}")).await;
        let at = |server: &str| {
            let mut url = Url::parse(&env(server)).expect("an address");
            url.set_path(&name);
            url.to_string()
        };
        let config = DatabaseConfig::new(at("DATABASE_URL"));
        let database = Database::connect_lazy(&config, "spec").expect("the address is fine");
        database
            .migrate(&MIGRATOR)
            .await
            .expect("the migrations apply");
        let broker = BrokerConfig {
            publish_timeout: Duration::from_secs(2),
            ..BrokerConfig::new(at("AMQP_URL"))
        };
        Self {
            name,
            database,
            broker,
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
        self.call(
            "PUT",
            &format!("permissions/{}/{}", self.name, self.api.username()),
            &all,
        )
        .await;
    }

    /// One replica of a service that only relays.
    pub(crate) fn relay(&self) -> Broker {
        let broker = Broker::start("spec", "relay", &self.broker, self.soft.clone());
        let (database, publisher) = (self.database.clone(), broker.publisher());
        self.tasks
            .spawn(roomsync_relay::run(database, publisher, self.soft.clone()));
        broker
    }

    /// Consumes object changes.
    pub(crate) fn consume(&self, broker: &Broker) -> Arc<Versions> {
        let versions = Arc::new(Versions::default());
        self.tasks
            .spawn(broker.consume::<ObjectChanged, _>(versions.clone()));
        versions
    }

    /// Commits object changes, each in a transaction of its own.
    pub(crate) async fn push(&self, versions: std::ops::RangeInclusive<i64>) {
        for version in versions {
            self.push_after(version, Duration::ZERO).await;
        }
    }

    pub(crate) async fn push_after(&self, version: i64, delay: Duration) {
        let message = &object_changed(version);
        self.database
            .tx("push", |tx| {
                Box::pin(outbox::push_after(tx, message, delay))
            })
            .await
            .expect("the transaction commits");
    }

    pub(crate) async fn execute(&self, statement: &'static str) -> u64 {
        let done = sqlx::query(statement).execute(self.database.pool()).await;
        done.expect("the statement runs").rows_affected()
    }

    pub(crate) async fn rows(&self) -> i64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM spec.outbox");
        count
            .fetch_one(self.database.pool())
            .await
            .expect("a count")
    }

    pub(crate) async fn wait_until_empty(&self) {
        eventually("the outbox is empty", async || {
            (self.rows().await == 0).then_some(())
        })
        .await;
    }

    /// The first message of a queue; it stays there.
    pub(crate) async fn peek(&self, queue: &str) -> Value {
        let how = json!({ "count": 1, "ackmode": "ack_requeue_true", "encoding": "auto" });
        self.call("POST", &format!("queues/{}/{queue}/get", self.name), &how)
            .await[0]
            .clone()
    }

    /// Stops everything, and takes the database and the virtual host away.
    pub(crate) async fn end(self) {
        self.soft.cancel();
        self.tasks.close();
        tokio::time::timeout(Duration::from_secs(15), self.tasks.wait())
            .await
            .expect("they stop");
        self.call("DELETE", &format!("vhosts/{}", self.name), &json!({}))
            .await;
        admin(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
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
        serde_json::from_str(&answer.text().await.expect("a text")).unwrap_or(Value::Null)
    }
}

async fn admin(statement: String) {
    let options = PgConnectOptions::from_str(&env("DATABASE_URL")).expect("an address");
    let mut connection = PgConnection::connect_with(&options)
        .await
        .expect("postgresql answers");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await
        .expect("the statement runs");
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by environment where the servers are"
)]
fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} names a server"))
}

/// Polls until there is something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let mut tick = tokio::time::interval(Duration::from_millis(20));
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

/// Writes down the versions that arrive, each message's first arrival only, as an inbox would.
#[derive(Default)]
pub(crate) struct Versions {
    seen: Mutex<Vec<(Uuid, i64)>>,
    twice: Mutex<usize>,
}

impl Versions {
    pub(crate) fn seen(&self) -> Vec<i64> {
        self.seen
            .lock()
            .expect("no test panicked")
            .iter()
            .map(|(_, version)| *version)
            .collect()
    }

    pub(crate) fn twice(&self) -> usize {
        *self.twice.lock().expect("no test panicked")
    }

    pub(crate) async fn wait_for(&self, count: usize) -> Vec<i64> {
        eventually(&format!("{count} versions"), async || {
            Some(self.seen()).filter(|seen| seen.len() >= count)
        })
        .await
    }
}

#[async_trait]
impl Handler<ObjectChanged> for Versions {
    async fn handle(&self, message: ObjectChanged, delivery: &Delivery) -> Result<(), Failure> {
        let mut seen = self.seen.lock().expect("no test panicked");
        if seen.iter().any(|(id, _)| *id == delivery.message_id) {
            *self.twice.lock().expect("no test panicked") += 1;
        } else {
            seen.push((delivery.message_id, message.version));
        }
        Ok(())
    }
}

fn object_changed(version: i64) -> ObjectChanged {
    let change = json!({
        "tenant": "acme", "object": "room-1", "version": version,
        "changed_at": "2026-11-22T08:00:00Z", "items": [],
    });
    serde_json::from_value(change).expect("a message")
}
