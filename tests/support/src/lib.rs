//! What the suites stand on: [`Cluster`] (a database and a vhost of its own, the simulator, the four
//! services), [`FakeBookingApp`] (the main app), [`Proxy`] (a network that goes wrong on command),
//! [`OwnRabbit`] and [`OwnPostgres`] (servers that can be restarted) and [`eventually`] (waiting for a
//! state).
//!
//! A test waits for states, never for time to pass; it ends with [`Cluster::finish`], which asserts
//! that every side agrees and that nothing was left behind.
//!
//! To add a step that several tests begin with: a method in `app/given.rs`. To add something that
//! every test shall leave in order: a line in `cluster/finish.rs`.

pub mod app;
mod cluster;
pub mod consent;
mod database;
mod environment;
mod eventually;
mod logs;
mod own;
mod ports;
mod proxy;
mod seed;
mod service;
pub mod smtp;
mod tokens;
pub mod traffic;
pub mod truth;
mod vhost;
mod webhook_receiver;

pub use app::{FakeBookingApp, Heard, Journal, LinkedRoom, NewBooking, Organisation, Subscriber};
pub use cluster::{Cluster, ClusterBuilder, Upstream};
pub use consent::Operator;
pub use database::TestDatabase;
pub use environment::{Environment, Pushes};
pub use eventually::{SOON, eventually, found_within};
pub use own::{OwnPostgres, OwnRabbit};
pub use proxy::Proxy;
pub use seed::Dice;
pub use service::Service;
pub use smtp::MailServer;
pub use tokens::Token;
pub use vhost::{Left, Vhost};
pub use webhook_receiver::{Posted, WebhookReceiver};

impl Cluster {
    /// A linked, verified and imported room; see [`FakeBookingApp::given_linked_room`].
    pub async fn given_linked_room(&self, tenant: &str, name: &str) -> LinkedRoom {
        self.app()
            .given_linked_room(self.google(), tenant, name)
            .await
    }
}
