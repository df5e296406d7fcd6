//! A RabbitMQ vhost of a test's own, by the management API, and looks into its queues.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::{Client, Method, Response};
use roomsync_messages::QUEUES;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

/// A vhost made for one test.
#[derive(Debug, Clone)]
pub struct Vhost {
    name: String,
    amqp_url: String,
    api: Api,
}

/// A message that lies in a queue.
#[derive(Debug, Clone)]
pub struct Left {
    /// In which queue.
    pub queue: String,
    /// How many lie there, this one included.
    pub count: u64,
    /// The body of the first.
    pub body: String,
    /// Its headers: attempts, and why it was parked.
    pub headers: Value,
}

#[derive(Debug, Clone)]
struct Api {
    base: Url,
    user: String,
    password: String,
    client: Client,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Got {
    message_count: u64,
    payload: String,
    #[serde(default)]
    properties: Value,
}

impl Vhost {
    /// Makes a vhost on the RabbitMQ of these two addresses.
    pub async fn create(amqp_url: &str, management_url: &str, test: &str) -> anyhow::Result<Self> {
        let api = Api::new(management_url)?;
        let unique = Uuid::new_v4().simple().to_string();
        let readable: String = test
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(60)
            .collect();
        let name = format!("t-{readable}-{}", &unique[..8]);
        let mut url = Url::parse(amqp_url).context("AMQP_URL is not an address")?;
        let user = if url.username().is_empty() {
            "guest"
        } else {
            url.username()
        }
        .to_owned();
        api.call(Method::PUT, &["vhosts", &name], Some(json!({})))
            .await?;
        let all = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        api.call(Method::PUT, &["permissions", &name, &user], Some(all))
            .await?;
        url.set_path(&name);
        Ok(Self {
            name,
            amqp_url: url.to_string(),
            api,
        })
    }

    /// Its address for clients.
    pub fn amqp_url(&self) -> &str {
        &self.amqp_url
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of its queues.
    pub async fn queues(&self) -> anyhow::Result<Vec<String>> {
        let answer = self
            .api
            .call(Method::GET, &["queues", &self.name], None)
            .await?
            .json::<Vec<Named>>()
            .await?;
        Ok(answer.into_iter().map(|queue| queue.name).collect())
    }

    /// The first message of a queue, which stays there.
    pub async fn peek(&self, queue: &str) -> anyhow::Result<Option<Left>> {
        let how = json!({
            "count": 1,
            "ackmode": "ack_requeue_true",
            "encoding": "auto",
            "truncate": 2000,
        });
        let path = ["queues", &self.name, queue, "get"];
        let got = self
            .api
            .call(Method::POST, &path, Some(how))
            .await?
            .json::<Vec<Got>>()
            .await?;
        Ok(got.into_iter().next().map(|mut got| Left {
            queue: queue.to_owned(),
            count: got.message_count + 1,
            body: got.payload,
            headers: got.properties["headers"].take(),
        }))
    }

    /// The first message of every queue that has one. Messages that a consumer has in hand are not
    /// among them: stop the consumers first. (The counters of the management API are up to five
    /// seconds old, so they cannot tell.)
    ///
    /// Queues that keep their order have a single active consumer and cannot be looked into; for
    /// those, versions in the database tell.
    pub async fn left(&self) -> anyhow::Result<Vec<Left>> {
        let in_order = |name: &str| {
            QUEUES
                .iter()
                .any(|queue| queue.queue == name && queue.patience.is_none())
        };
        let queues = self.queues().await?;
        let looks = queues
            .iter()
            .filter(|name| !in_order(name))
            .map(|queue| self.peek(queue));
        let left = futures_util::future::try_join_all(looks).await?;
        Ok(left.into_iter().flatten().collect())
    }

    /// Publishes a message as it is, past every service, and tells whether a queue took it.
    pub async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: Value,
        body: &str,
    ) -> anyhow::Result<bool> {
        let message = json!({
            "properties": properties,
            "routing_key": routing_key,
            "payload": body,
            "payload_encoding": "string",
        });
        let path = ["exchanges", &self.name, exchange, "publish"];
        let answer = self.api.call(Method::POST, &path, Some(message)).await?;
        Ok(answer.json::<Value>().await?["routed"]
            .as_bool()
            .unwrap_or(false))
    }

    /// Closes every connection to this vhost, as an operator would.
    pub async fn close_connections(&self) -> anyhow::Result<usize> {
        let answer = self
            .api
            .call(Method::GET, &["vhosts", &self.name, "connections"], None)
            .await?
            .json::<Vec<Named>>()
            .await?;
        for connection in &answer {
            // One that is gone meanwhile is what was wanted.
            let _ = self
                .api
                .call(Method::DELETE, &["connections", &connection.name], None)
                .await;
        }
        Ok(answer.len())
    }

    /// Sets a policy for the queues whose names match, for instance `{"max-length": 1}`.
    pub async fn set_policy(
        &self,
        name: &str,
        pattern: &str,
        definition: Value,
    ) -> anyhow::Result<()> {
        let policy = json!({ "pattern": pattern, "definition": definition, "apply-to": "queues" });
        let path = ["policies", &self.name, name];
        self.api.call(Method::PUT, &path, Some(policy)).await?;
        Ok(())
    }

    /// Takes a policy away.
    pub async fn drop_policy(&self, name: &str) -> anyhow::Result<()> {
        let path = ["policies", &self.name, name];
        self.api.call(Method::DELETE, &path, None).await?;
        Ok(())
    }

    /// Takes an exchange away, as by mistake: the broker closes the channel of whoever publishes to it.
    pub async fn delete_exchange(&self, exchange: &str) -> anyhow::Result<()> {
        let path = ["exchanges", &self.name, exchange];
        self.api.call(Method::DELETE, &path, None).await?;
        Ok(())
    }

    /// What deletes it; may run on another runtime than the one that made it.
    pub(crate) fn dropping(&self) -> impl Future<Output = anyhow::Result<()>> + Send + 'static {
        let (api, name) = (self.api.clone(), self.name.clone());
        async move {
            // A client of its own: one that was used on a runtime that is gone may hang.
            Api {
                client: client()?,
                ..api
            }
            .call(Method::DELETE, &["vhosts", &name], None)
            .await?;
            Ok(())
        }
    }
}

impl Api {
    fn new(management_url: &str) -> anyhow::Result<Self> {
        let mut base =
            Url::parse(management_url).context("RABBITMQ_MANAGEMENT_URL is not an address")?;
        let user = if base.username().is_empty() {
            "guest"
        } else {
            base.username()
        }
        .to_owned();
        let password = base.password().unwrap_or("guest").to_owned();
        // Fails only for addresses without a host; such a one has no user either.
        let _ = base.set_username("").and_then(|()| base.set_password(None));
        Ok(Self {
            base,
            user,
            password,
            client: client()?,
        })
    }

    async fn call(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> anyhow::Result<Response> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("RABBITMQ_MANAGEMENT_URL cannot have a path"))?
            .pop_if_empty()
            .push("api")
            .extend(path);
        let mut request = self
            .client
            .request(method, url)
            .basic_auth(&self.user, Some(&self.password));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request
            .send()
            .await
            .context("failed to reach RabbitMQ's management API")?;
        let status = answer.status();
        ensure!(
            status.is_success(),
            "RabbitMQ's management API answered {status} to {path:?}"
        );
        Ok(answer)
    }
}

fn client() -> anyhow::Result<Client> {
    Ok(Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()?)
}
