//! Who is reached where, directly or through a proxy.

use std::{collections::BTreeMap, net::SocketAddr};

use google_sim::Urls;
use url::Url;

use super::builder::ClusterBuilder;
use crate::{Operator, Proxy, tokens::Token};

/// What a proxy can be put before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Upstream {
    /// PostgreSQL, for all services.
    Postgres,
    /// RabbitMQ, for all services.
    RabbitMq,
    /// The simulator's API (its pushes do not pass).
    Google,
    /// booking-command's internal listener, for sync-worker.
    BookingCommandInternal,
    /// booking-command's public listener, for notification.
    BookingCommandPublic,
    /// webhook-ingest, for the simulator's pushes.
    WebhookIngest,
}

/// Addresses and tokens.
#[derive(Debug)]
pub(crate) struct Wiring {
    pub(crate) database_url: String,
    pub(crate) amqp_url: String,
    pub(crate) google: Urls,
    pub(crate) tokens: Tokens,
    /// What is offered besides a tenant's own key.
    pub(crate) operator: Option<Operator>,
    /// Of services, as they come up: where the others reach them.
    reached: BTreeMap<Upstream, SocketAddr>,
    proxies: BTreeMap<Upstream, Proxy>,
}

/// Who calls whom with what.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) app: Token,
    pub(crate) operator: Token,
    pub(crate) sync_worker: Token,
    pub(crate) notification: Token,
}

impl Wiring {
    pub(crate) async fn new(
        builder: &ClusterBuilder,
        database_url: &str,
        amqp_url: &str,
        google_base: &str,
    ) -> anyhow::Result<Self> {
        let mut wiring = Self {
            database_url: database_url.to_owned(),
            amqp_url: amqp_url.to_owned(),
            google: Urls::under(google_base),
            tokens: Tokens {
                app: Token::random("main-app", "app"),
                operator: Token::random("operations", "operator"),
                sync_worker: Token::random("sync-worker", "service"),
                notification: Token::random("notification", "service"),
            },
            operator: None,
            reached: BTreeMap::new(),
            proxies: BTreeMap::new(),
        };
        if builder.proxied.contains(&Upstream::Postgres) {
            wiring.database_url = wiring
                .redirect(Upstream::Postgres, database_url, 5432)
                .await?;
        }
        if builder.proxied.contains(&Upstream::RabbitMq) {
            wiring.amqp_url = wiring.redirect(Upstream::RabbitMq, amqp_url, 5672).await?;
        }
        if builder.proxied.contains(&Upstream::Google) {
            let base = wiring.redirect(Upstream::Google, google_base, 80).await?;
            wiring.google = Urls::under(base.trim_end_matches('/'));
        }
        Ok(wiring)
    }

    async fn redirect(
        &mut self,
        upstream: Upstream,
        url: &str,
        usual_port: u16,
    ) -> anyhow::Result<String> {
        let mut url = Url::parse(url)?;
        let host = url.host_str().unwrap_or("127.0.0.1").to_owned();
        let port = url.port().unwrap_or(usual_port);
        let proxy = Proxy::start(format!("{host}:{port}")).await?;
        url.set_host(Some("127.0.0.1"))?;
        url.set_port(Some(proxy.address().port()))
            .map_err(|()| anyhow::anyhow!("the address cannot have a port"))?;
        self.proxies.insert(upstream, proxy);
        Ok(url.into())
    }

    /// A service came up; the first replica is the one that others reach.
    pub(crate) async fn came_up(
        &mut self,
        upstream: Upstream,
        address: SocketAddr,
        proxied: bool,
    ) -> anyhow::Result<()> {
        if self.reached.contains_key(&upstream) {
            return Ok(());
        }
        let mut reached = address;
        if proxied {
            let proxy = Proxy::start(address.to_string()).await?;
            reached = proxy.address();
            self.proxies.insert(upstream, proxy);
        }
        self.reached.insert(upstream, reached);
        Ok(())
    }

    /// Where others reach a service. One that was left out of the cluster is reached nowhere: at a
    /// port that refuses.
    pub(crate) fn address(&self, upstream: Upstream) -> SocketAddr {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
        self.reached.get(&upstream).copied().unwrap_or(nowhere)
    }

    pub(crate) fn proxy(&self, upstream: Upstream) -> &Proxy {
        self.proxies
            .get(&upstream)
            .unwrap_or_else(|| panic!("build the cluster with .proxied(Upstream::{upstream:?})"))
    }
}
