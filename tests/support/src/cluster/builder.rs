//! Starting a cluster that is not the usual one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

use chrono::TimeDelta;
use google_sim::{Settings, Sim, SimConfig};
use tempfile::TempDir;
use toml::{Table, Value};

use super::{
    Cluster,
    child::binaries,
    host::migrate,
    replica::Replica,
    settings, unreliable,
    wiring::{Upstream, Wiring},
};
use crate::{
    Environment, FakeBookingApp, MailServer, Operator, OwnPostgres, OwnRabbit, Pushes, Service,
    TestDatabase, Vhost, app::Endpoints,
};

type Override = Box<dyn Fn(&mut Table) + Send>;

/// How a cluster is to be. Ends with [`ClusterBuilder::start`].
pub struct ClusterBuilder {
    name: String,
    replicas: BTreeMap<Service, usize>,
    processes: BTreeSet<Service>,
    binaries: Option<PathBuf>,
    overrides: Vec<(Service, Override)>,
    google: Settings,
    pub(crate) proxied: BTreeSet<Upstream>,
    wait_until_ready: bool,
    offers_consent: bool,
    needs_every_push: bool,
    /// How wrong a service's clock is.
    clocks: BTreeMap<Service, TimeDelta>,
    /// Of a RabbitMQ of the test's own: its address, and its management's.
    rabbit: Option<(String, String)>,
    /// Of a PostgreSQL of the test's own.
    postgres: Option<String>,
}

impl ClusterBuilder {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            replicas: Service::ALL
                .into_iter()
                .map(|service| (service, 1))
                .collect(),
            processes: BTreeSet::new(),
            binaries: None,
            overrides: Vec::new(),
            google: Settings::default(),
            proxied: BTreeSet::new(),
            wait_until_ready: true,
            offers_consent: false,
            needs_every_push: false,
            clocks: BTreeMap::new(),
            rabbit: None,
            postgres: None,
        }
    }

    /// So many replicas of a service.
    #[must_use]
    pub fn replicas(mut self, service: Service, count: usize) -> Self {
        self.replicas.insert(service, count);
        self
    }

    /// Leaves a service out.
    #[must_use]
    pub fn without(self, service: Service) -> Self {
        self.replicas(service, 0)
    }

    /// Changes a service's configuration, as it would stand in its TOML.
    #[must_use]
    pub fn config(
        mut self,
        service: Service,
        change: impl Fn(&mut Table) + Send + 'static,
    ) -> Self {
        self.overrides.push((service, Box::new(change)));
        self
    }

    /// Sets one key, e.g. `.set(Service::SyncWorker, "sync.sweep", "200ms")`.
    #[must_use]
    pub fn set(self, service: Service, key: &str, value: impl Into<Value>) -> Self {
        let (key, value) = (key.to_owned(), value.into());
        self.config(service, move |table| {
            settings::set(table, &key, value.clone());
        })
    }

    /// Hands mails to this server; encrypted if it does that.
    #[must_use]
    pub fn mails_to(self, server: &MailServer) -> Self {
        let this = self.set(Service::Notification, "mail.url", server.url());
        match server.authority() {
            None => this,
            Some(authority) => this.set(Service::Notification, "mail.starttls", true).set(
                Service::Notification,
                "mail.ca",
                authority,
            ),
        }
    }

    /// Lets tenants connect by consent, and add the operator's service account; see
    /// [`Cluster::operator`].
    #[must_use]
    pub fn offering_consent(mut self) -> Self {
        self.offers_consent = true;
        self
    }

    /// Runs a service as processes of its own: for a real SIGKILL, for SIGSTOP, and for metrics that
    /// are its own. `deploy/local/test` builds the binaries before the suites that need them.
    #[must_use]
    pub fn as_process(mut self, service: Service) -> Self {
        self.processes.insert(service);
        self
    }

    /// Where the binaries are; beside the test's own by default.
    #[must_use]
    pub fn binaries(mut self, folder: impl Into<PathBuf>) -> Self {
        self.binaries = Some(folder.into());
        self
    }

    /// How Google behaves from the start.
    #[must_use]
    pub fn google(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.google);
        self
    }

    /// Puts a proxy before something, see [`Cluster::proxy`].
    #[must_use]
    pub fn proxied(mut self, upstream: Upstream) -> Self {
        self.proxied.insert(upstream);
        self
    }

    /// Uses a RabbitMQ of the test's own, which must outlive the cluster.
    #[must_use]
    pub fn on_rabbit(mut self, rabbit: &OwnRabbit) -> Self {
        self.rabbit = Some((rabbit.amqp_url(), rabbit.management_url()));
        self
    }

    /// Uses a PostgreSQL of the test's own, which must outlive the cluster.
    #[must_use]
    pub fn on_postgres(mut self, postgres: &OwnPostgres) -> Self {
        self.postgres = Some(postgres.url());
        self
    }

    /// A service whose clock is wrong by so much, in every replica that lives in the test's own process.
    #[must_use]
    pub fn clock_off(mut self, service: Service, by: TimeDelta) -> Self {
        self.clocks.insert(service, by);
        self
    }

    /// Does not wait until the services are ready.
    #[must_use]
    pub fn without_waiting(mut self) -> Self {
        self.wait_until_ready = false;
        self
    }

    /// Pushes arrive once, in order and at once in this test even when the run makes them
    /// unreliable (`ROOMSYNC_PUSHES`), and polls keep their real length. `why` is for the reader:
    /// what the test counts or times.
    #[must_use]
    pub fn with_every_push(mut self, why: &'static str) -> Self {
        debug_assert!(!why.is_empty(), "say why");
        self.needs_every_push = true;
        self
    }

    /// Starts everything; panics with the reason when it cannot, because no test can go on then.
    pub async fn start(self) -> Cluster {
        crate::logs::install();
        let name = self.name.clone();
        match self.try_start().await {
            Ok(cluster) => cluster,
            Err(error) => panic!("the cluster of `{name}` did not start: {error:#}"),
        }
    }

    async fn try_start(mut self) -> anyhow::Result<Cluster> {
        let mut environment = Environment::read()?;
        if let Some((amqp, management)) = self.rabbit.take() {
            (environment.amqp_url, environment.management_url) = (amqp, management);
        }
        if let Some(url) = self.postgres.take() {
            environment.database_url = url;
        }
        let unreliable = environment.pushes == Pushes::Unreliable && !self.needs_every_push;
        if unreliable {
            unreliable::pushes(&mut self.google, &self.name);
        }
        let config = SimConfig {
            settings: self.google.clone(),
            ..SimConfig::default()
        };
        let (database, vhost, sim) = tokio::try_join!(
            TestDatabase::create(&environment.database_url, &self.name),
            Vhost::create(
                &environment.amqp_url,
                &environment.management_url,
                &self.name
            ),
            Sim::start(config),
        )?;
        // From here on a failure drops the cluster, which drops database and vhost.
        let mut wiring =
            Wiring::new(&self, database.url(), vhost.amqp_url(), &sim.base_url).await?;
        wiring.operator = self.offers_consent.then(|| Operator::of(&sim.control));
        let nobody = Endpoints::nowhere();
        let mut cluster = Cluster {
            name: self.name.clone(),
            app: FakeBookingApp::new(nobody, &wiring.tokens.app)?,
            database,
            vhost,
            sim,
            wiring,
            replicas: Vec::new(),
            folder: TempDir::with_prefix("roomsync-test-")?,
        };
        migrate(cluster.database.url()).await?;
        for service in Service::ALL {
            self.start_service(&mut cluster, service, unreliable)
                .await?;
        }
        let first = |cluster: &Cluster, service, port| -> Option<SocketAddr> {
            cluster
                .services()
                .contains_key(&service)
                .then(|| cluster.address(service, 0, port))
        };
        let endpoints = Endpoints {
            booking_command: first(&cluster, Service::BookingCommand, "public"),
            notification: first(&cluster, Service::Notification, "public"),
        };
        cluster.app = FakeBookingApp::new(endpoints, &cluster.wiring.tokens.app)?;
        if self.wait_until_ready {
            for replica in &cluster.replicas {
                replica.ready().await;
            }
        }
        Ok(cluster)
    }

    async fn start_service(
        &self,
        cluster: &mut Cluster,
        service: Service,
        unreliable: bool,
    ) -> anyhow::Result<()> {
        let as_process = self.processes.contains(&service);
        let binary = match (&self.binaries, as_process) {
            (_, false) => None,
            (Some(folder), true) => Some(folder.join(service.name())),
            (None, true) => Some(binaries()?.join(service.name())),
        };
        for index in 0..self.replicas.get(&service).copied().unwrap_or_default() {
            let mut table = settings::of(service, &cluster.wiring);
            if unreliable {
                unreliable::polls(service, &mut table);
            }
            for (of, change) in &self.overrides {
                if *of == service {
                    change(&mut table);
                }
            }
            let folder = cluster.folder.path();
            let mut replica = Replica::new(service, index, table, folder, binary.clone())?;
            replica.clock_off(self.clocks.get(&service).copied().unwrap_or_default());
            replica.try_start().await?;
            for (upstream, port) in reached_at(service) {
                let proxied = self.proxied.contains(upstream);
                cluster
                    .wiring
                    .came_up(*upstream, replica.address(port), proxied)
                    .await?;
            }
            cluster.replicas.push(replica);
        }
        Ok(())
    }
}

fn reached_at(service: Service) -> &'static [(Upstream, &'static str)] {
    match service {
        Service::BookingCommand => &[
            (Upstream::BookingCommandPublic, "public"),
            (Upstream::BookingCommandInternal, "internal"),
        ],
        Service::WebhookIngest => &[(Upstream::WebhookIngest, "public")],
        Service::Notification | Service::SyncWorker => &[],
    }
}
