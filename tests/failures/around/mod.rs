//! What is around the services breaks, while people book in Google and in Flexopus: RabbitMQ,
//! PostgreSQL, the network, the clocks. Nothing is lost by any of it, and it is over when it is over.
//!
//! After each fault the same is asked ([`everything_agrees`]). Tests that need a server of their own
//! share its start among several faults.
//!
//! To add a fault: a function in the file of what breaks, or a new file, with traffic before, during
//! and after it, and the same question in the end.

mod broker;
mod clock;
mod database;
mod network;
mod own_postgres;
mod own_rabbitmq;

use std::time::Duration;

pub(crate) use roomsync_testkit::traffic::{Rooms, TENANT};
use roomsync_testkit::{Cluster, Service};

/// How long everything may take to be whole again. It is only used up when something is wrong, or
/// when a machine has much else to do.
const RECOVERY: Duration = Duration::from_secs(75);

/// What is asked after each fault. Says how long it took, for the note.
pub(crate) async fn everything_agrees(cluster: &Cluster, rooms: &Rooms, after: &str) {
    let heard = rooms.agree(cluster, after, RECOVERY).await;
    eprintln!(
        "after {after}: whole in {:.1?}; {} changes heard, {} of them twice, stream opened {} times",
        heard.whole_in, heard.changes, heard.twice, heard.opened
    );
}

pub(crate) async fn all_ready(cluster: &Cluster) {
    for service in Service::ALL {
        cluster.ready(service).await;
    }
}

/// How many pushes were answered so.
pub(crate) fn answered(cluster: &Cluster, status: u16) -> usize {
    let pushes = cluster.google().pushes();
    let answers = pushes.iter().flat_map(|push| &push.answers);
    answers.filter(|answer| **answer == Some(status)).count()
}
