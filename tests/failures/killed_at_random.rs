//! Each service dies (SIGKILL) again and again, at random points, while people book in Google and in
//! Flexopus. `ROOMSYNC_FAULTS_SEED` of a failed run plays the same again, as far as time allows.

use std::time::Duration;

use roomsync_testkit::{Cluster, Dice, Service};

use crate::around::{Rooms, everything_agrees};

/// How often each service dies.
const DEATHS: usize = 3;

/// Covers R17, R27, B6.
#[tokio::test]
async fn services_that_die_at_random_points_again_and_again_lose_nothing() {
    let builder = Cluster::builder("killed at random")
        // Google does not repeat a push to whom it did not reach at all: a poll heals that.
        .set(Service::SyncWorker, "sync.poll_with_push", "2s")
        .set(Service::BookingCommand, "google.timeout", "2s")
        .set(Service::BookingCommand, "google.connect_timeout", "1s")
        .set(Service::BookingCommand, "bookings.claim", "4s");
    let builder = Service::ALL
        .into_iter()
        .fold(builder, roomsync_testkit::ClusterBuilder::as_process);
    let mut cluster = builder.start().await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of("killed at random");

    let traffic = rooms.traffic(&cluster, dice.other());
    for _ in 0..DEATHS {
        let mut left = Service::ALL.to_vec();
        while !left.is_empty() {
            let service = left.swap_remove(dice.throw(left.len()));
            traffic.goes_on(dice.throw(4)).await;
            // Somewhere between two deeds.
            let moment = u64::try_from(dice.throw(100)).unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(moment)).await;
            cluster.kill(service).await;
            traffic.goes_on(dice.throw(4)).await;
            cluster.restart(service).await;
        }
    }
    traffic.stop().await;
    everything_agrees(&cluster, &rooms, "deaths of every service").await;
    cluster.finish().await;
}
