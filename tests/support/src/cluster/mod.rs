//! Everything in one test: a database and a vhost of its own, the simulator and the four services.
//!
//! ```no_run
//! # async fn example() {
//! use roomsync_testkit::Cluster;
//!
//! let cluster = Cluster::start("a meeting appears").await;
//! let room = cluster.given_linked_room("acme", "Aquarium").await;
//! // ... act at Google, wait on `room.subscriber`, assert ...
//! cluster.finish().await;
//! # }
//! ```
//!
//! [`Cluster::finish`] is where a test ends: it asserts that every side agrees and that nothing was
//! left behind. A cluster that is dropped without it (a failed test) only cleans up.

mod builder;
mod child;
mod finish;
mod host;
mod replica;
mod settings;
mod unreliable;
mod wiring;

use std::{collections::BTreeMap, net::SocketAddr, thread};

use google_sim::{Control, SimHandle};
use roomsync_process::grpc;
use roomsync_proto::operator::v1::operator_service_client::OperatorServiceClient;
use tempfile::TempDir;

pub use self::{builder::ClusterBuilder, wiring::Upstream};
use self::{replica::Replica, wiring::Wiring};
use crate::{FakeBookingApp, Proxy, Service, TestDatabase, Vhost};

/// Everything that a test talks to.
pub struct Cluster {
    name: String,
    database: TestDatabase,
    vhost: Vhost,
    sim: SimHandle,
    wiring: Wiring,
    replicas: Vec<Replica>,
    app: FakeBookingApp,
    /// Configuration files and logs of child processes.
    folder: TempDir,
}

impl Cluster {
    /// Starts one replica of everything. `name` is the test's, so that a database or vhost that
    /// stays behind tells whose it is.
    pub async fn start(name: &str) -> Self {
        Self::builder(name).start().await
    }

    /// Starts with something else than one replica of everything in one process.
    pub fn builder(name: &str) -> ClusterBuilder {
        ClusterBuilder::new(name)
    }

    /// The main booking app.
    pub fn app(&self) -> &FakeBookingApp {
        &self.app
    }

    /// The main booking app as it calls another replica of booking-command than the first one. What it
    /// sets up is not looked at in the end.
    pub fn app_at(&self, replica: usize) -> FakeBookingApp {
        let url = |service, replica| format!("http://{}", self.address(service, replica, "public"));
        let app = FakeBookingApp::at(
            &url(Service::BookingCommand, replica),
            &url(Service::Notification, 0),
            self.app_token(),
        );
        app.unwrap_or_else(|error| panic!("no channel to replica {replica}: {error:#}"))
    }

    /// The token of the main booking app, for a client that is not [`FakeBookingApp`].
    pub fn app_token(&self) -> &str {
        &self.wiring.tokens.app.secret
    }

    /// `OperatorService` of booking-command, as those who run roomsync call it.
    pub fn operations(&self) -> OperatorServiceClient<grpc::Channel> {
        self.operations_as(&self.wiring.tokens.operator.secret)
    }

    /// The same with another token.
    pub fn operations_as(&self, token: &str) -> OperatorServiceClient<grpc::Channel> {
        let address = self.address(Service::BookingCommand, 0, "public");
        let channel = grpc::ClientConfig::new(&format!("http://{address}"), token.to_owned())
            .map_err(anyhow::Error::from)
            .and_then(|config| Ok(grpc::connect(&config)?));
        match channel {
            Ok(channel) => OperatorServiceClient::new(channel),
            Err(error) => panic!("no channel to {address}: {error:#}"),
        }
    }

    /// Google.
    pub fn google(&self) -> &Control {
        &self.sim.control
    }

    /// PostgreSQL, for looking inside.
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// RabbitMQ, for looking inside.
    pub fn vhost(&self) -> &Vhost {
        &self.vhost
    }

    /// The proxy before an upstream that the builder was told to put one before.
    pub fn proxy(&self, upstream: Upstream) -> &Proxy {
        self.wiring.proxy(upstream)
    }

    /// Where a replica listens: `public`, `internal` or `admin`.
    pub fn address(&self, service: Service, index: usize, port: &str) -> SocketAddr {
        self.replica(service, index).address(port)
    }

    /// Stops all replicas of a service like SIGKILL: nothing of them is told to anybody.
    pub async fn kill(&mut self, service: Service) {
        for replica in self
            .replicas
            .iter_mut()
            .filter(|replica| replica.service() == service)
        {
            replica.kill().await;
        }
    }

    /// Stops one replica like SIGKILL.
    pub async fn kill_replica(&mut self, service: Service, index: usize) {
        self.replica_mut(service, index).kill().await;
    }

    /// Stops all replicas of a service like SIGTERM, and waits until they have finished.
    pub async fn stop(&mut self, service: Service) {
        for replica in self
            .replicas
            .iter_mut()
            .filter(|replica| replica.service() == service)
        {
            replica.stop().await;
        }
    }

    /// Starts what was killed or stopped, on the same ports, and waits until it is ready.
    pub async fn restart(&mut self, service: Service) {
        for replica in self
            .replicas
            .iter_mut()
            .filter(|replica| replica.service() == service)
        {
            replica.start().await;
            replica.ready().await;
        }
    }

    /// The same without waiting: for a dependency that is still away.
    pub async fn restart_unready(&mut self, service: Service) {
        for replica in self
            .replicas
            .iter_mut()
            .filter(|replica| replica.service() == service)
        {
            replica.start().await;
        }
    }

    /// Waits until all replicas of a service are ready.
    pub async fn ready(&self, service: Service) {
        for replica in self
            .replicas
            .iter()
            .filter(|replica| replica.service() == service)
        {
            replica.ready().await;
        }
    }

    /// What `/readyz` of a replica says is missing; empty when it is ready.
    pub async fn not_ready(&self, service: Service, index: usize) -> Vec<String> {
        self.replica(service, index).not_ready().await
    }

    /// A metric of a replica that is a process of its own, summed over its labels. (Replicas within
    /// one process share their metrics.)
    pub async fn metric(&self, service: Service, index: usize, name: &str) -> f64 {
        self.replica(service, index).metric(name, "").await
    }

    /// The same of one label alone, e.g. `lane="live"`.
    pub async fn metric_of(&self, service: Service, index: usize, name: &str, label: &str) -> f64 {
        self.replica(service, index).metric(name, label).await
    }

    /// The process id of a replica that is a process of its own.
    pub fn pid(&self, service: Service, index: usize) -> Option<u32> {
        self.replica(service, index).pid()
    }

    fn replica(&self, service: Service, index: usize) -> &Replica {
        let mut replicas = self
            .replicas
            .iter()
            .filter(|replica| replica.service() == service);
        replicas
            .nth(index)
            .unwrap_or_else(|| panic!("there is no replica {index} of {service}"))
    }

    fn replica_mut(&mut self, service: Service, index: usize) -> &mut Replica {
        let mut replicas = self
            .replicas
            .iter_mut()
            .filter(|replica| replica.service() == service);
        replicas
            .nth(index)
            .unwrap_or_else(|| panic!("there is no replica {index} of {service}"))
    }

    /// Which services have a replica, and how many.
    fn services(&self) -> BTreeMap<Service, usize> {
        self.replicas
            .iter()
            .fold(BTreeMap::new(), |mut services, replica| {
                *services.entry(replica.service()).or_default() += 1;
                services
            })
    }
}

impl Drop for Cluster {
    /// Best effort: a failed test must not fail again here, and what stays behind is named.
    fn drop(&mut self) {
        self.replicas.clear();
        let (database, vhost) = (self.database.dropping(), self.vhost.dropping());
        // A runtime of its own: this one cannot be waited for from within.
        let cleaning = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                let _ = runtime.block_on(async { tokio::join!(database, vhost) });
            }
        });
        let _ = cleaning.join();
    }
}
