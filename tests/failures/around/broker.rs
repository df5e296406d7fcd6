//! RabbitMQ works, and says no: connections and channels closed by it, a queue that is full.

use roomsync_messages::{CalendarChanged, Message as _};
use roomsync_testkit::{Cluster, Dice, Service, eventually};
use serde_json::json;

use super::{RECOVERY, Rooms, all_ready, answered, everything_agrees};

/// Covers R17, R78.
#[tokio::test]
async fn connections_and_channels_that_the_broker_closes_lose_nothing() {
    let cluster = Cluster::builder("the broker closes")
        .google(|settings| settings.push_retries = 12)
        .start()
        .await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("the broker closes");

    let traffic = rooms.traffic(&cluster, dice.other());
    for _ in 0..3 {
        traffic.goes_on(8).await;
        // The management tells of a connection some seconds after it was made.
        eventually(
            RECOVERY,
            "every service's connection is closed",
            async || {
                let closed = cluster
                    .vhost()
                    .close_connections()
                    .await
                    .expect("an answer");
                (closed >= 4).then_some(())
            },
        )
        .await;
    }
    traffic.goes_on(8).await;
    traffic.stop().await;
    everything_agrees(&cluster, &rooms, "closed connections").await;

    // Whoever publishes to an exchange that is gone has its channel closed.
    let traffic = rooms.traffic(&cluster, dice.other());
    for exchange in ["roomsync.events", "roomsync.commands", "roomsync.retry"] {
        traffic.goes_on(5).await;
        let deleted = cluster.vhost().delete_exchange(exchange).await;
        deleted.expect("it is deleted");
    }
    traffic.goes_on(10).await;
    traffic.stop().await;
    all_ready(&cluster).await;
    everything_agrees(&cluster, &rooms, "closed channels").await;
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn a_full_queue_refuses_pushes_until_there_is_room_and_nothing_is_lost() {
    let mut cluster = Cluster::builder("a full queue")
        .google(|settings| settings.push_retries = 12)
        .start()
        .await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("a full queue");
    let short = json!({ "max-length": 2, "overflow": "reject-publish" });
    let queue = format!("^{}$", CalendarChanged::QUEUE);
    let policy = cluster.vhost().set_policy("short", &queue, short).await;
    policy.expect("a policy");

    // Nobody takes anything out of it, until it is full.
    cluster.stop(Service::SyncWorker).await;
    let traffic = rooms.traffic(&cluster, dice.other());
    eventually(RECOVERY, "a push is refused", async || {
        (answered(&cluster, 503) > 0).then_some(())
    })
    .await;
    let accepted = answered(&cluster, 200);
    cluster.restart(Service::SyncWorker).await;
    eventually(RECOVERY, "pushes are taken again", async || {
        (answered(&cluster, 200) > accepted).then_some(())
    })
    .await;
    traffic.stop().await;
    everything_agrees(&cluster, &rooms, "a full queue").await;
    cluster.finish().await;
}
