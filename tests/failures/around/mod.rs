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
pub(crate) mod traffic;

use std::time::Duration;

use google_sim::UserControl;
use roomsync_proto::integration::v1::TenantSettings;
use roomsync_testkit::{Cluster, LinkedRoom, Service};

pub(crate) const TENANT: &str = "acme";
/// How long everything may take to be whole again. It is only used up when something is wrong, or
/// when a machine has much else to do.
const RECOVERY: Duration = Duration::from_secs(75);

/// Two linked rooms, and Ana, who books them.
pub(crate) struct Rooms {
    pub(crate) linked: Vec<LinkedRoom>,
    pub(crate) ana: UserControl,
    slots: traffic::Slots,
}

impl Rooms {
    pub(crate) async fn given(cluster: &Cluster) -> Self {
        let mut linked = Vec::new();
        for name in ["Aquarium", "Terrarium"] {
            linked.push(cluster.given_linked_room(TENANT, name).await);
        }
        let ana = linked[0].organisation.given_user("ana");
        let app = cluster.app();
        app.given_user(TENANT, "u-ana", ana.mail()).await;
        let settings = TenantSettings {
            decline_allowed: Some(true),
            ..TenantSettings::default()
        };
        app.put_tenant(TENANT, true, settings).await;
        let slots = traffic::Slots::default();
        Self { linked, ana, slots }
    }
}

/// Both sides, the log and every subscriber say the same, every queue and outbox is empty, nothing is
/// parked, Google has been told everything, and no subscriber missed a version or heard one twice with
/// another content. Says how long that took, for the note.
pub(crate) async fn everything_agrees(cluster: &Cluster, rooms: &Rooms, after: &str) {
    let took = cluster.whole(RECOVERY).await;
    for room in &rooms.linked {
        room.subscriber.journal(|journal| {
            assert!(journal.gaps.is_empty(), "after {after}: {:?}", journal.gaps);
            let otherwise = &journal.contradictions;
            assert!(otherwise.is_empty(), "after {after}: {otherwise:?}");
        });
    }
    let (heard, twice, opened) = rooms.linked[0]
        .subscriber
        .journal(|journal| (journal.heard.len(), journal.duplicates, journal.opened));
    eprintln!(
        "after {after}: whole in {took:.1?}; {heard} changes heard, {twice} of them twice, stream \
         opened {opened} times"
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
