//! Servers of a test's own, for what must not be done to those that all tests share: they are stopped,
//! killed, started again with their data, run short of memory. Starting one takes seconds, so a test
//! that needs one puts several faults after one another.
//!
//! ```no_run
//! # async fn example() {
//! use roomsync_testkit::{Cluster, OwnRabbit};
//!
//! let rabbit = OwnRabbit::start().await; // before the cluster, so that it is dropped after it
//! let cluster = Cluster::builder("rabbitmq restarts").on_rabbit(&rabbit).start().await;
//! rabbit.kill().await;
//! rabbit.start_again().await;
//! # }
//! ```

mod server;

use server::Server;

/// A RabbitMQ, with its management.
#[derive(Debug)]
pub struct OwnRabbit(Server);

/// A PostgreSQL.
#[derive(Debug)]
pub struct OwnPostgres(Server);

macro_rules! lifecycle {
    ($own:ident, $kind:literal) => {
        impl $own {
            /// Starts one; it ends with this value, or with the test's process.
            pub async fn start() -> Self {
                Self(Server::start($kind).await)
            }

            /// Stops it well: its clients are told.
            pub async fn stop(&self) {
                self.0.run("stop", None).await;
            }

            /// Ends it at once: nobody is told anything.
            pub async fn kill(&self) {
                self.0.run("kill", None).await;
            }

            /// Starts it again, at the same address and with its data, and waits until it answers.
            pub async fn start_again(&self) {
                self.0.run("start", None).await;
            }
        }
    };
}

lifecycle!(OwnRabbit, "rabbitmq");
lifecycle!(OwnPostgres, "postgres");

impl OwnRabbit {
    /// Its address for clients.
    pub fn amqp_url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.0.port())
    }

    /// Its management API.
    pub fn management_url(&self) -> String {
        format!("http://guest:guest@127.0.0.1:{}", self.0.port() + 1)
    }

    /// Raises its alarm: whoever publishes is blocked, until [`OwnRabbit::has_memory`].
    pub async fn runs_short_of_memory(&self) {
        self.0.run("memory", Some("1MB")).await;
    }

    /// Ends the alarm.
    pub async fn has_memory(&self) {
        self.0.run("memory", Some("1GB")).await;
    }
}

impl OwnPostgres {
    /// Its address: a server on which databases may be made.
    pub fn url(&self) -> String {
        format!("postgres://roomsync@127.0.0.1:{}/postgres", self.0.port())
    }
}
