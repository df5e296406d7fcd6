//! Clocks that are wrong by an hour. Leases, due times and buckets ask PostgreSQL what time it is, so that
//! a service's own clock decides only how far it looks ahead and what it says when something was heard.

use chrono::TimeDelta;
use roomsync_testkit::{Cluster, Dice, Service};

use super::{Rooms, everything_agrees};

/// Covers R17.
#[tokio::test]
async fn services_whose_clocks_are_an_hour_off_link_book_and_sync() {
    for hours in [1, -1] {
        let off = TimeDelta::hours(hours);
        let name = format!("clocks off by {hours}");
        let cluster = Cluster::builder(&name)
            .clock_off(Service::SyncWorker, off)
            .clock_off(Service::Notification, -off)
            .clock_off(Service::WebhookIngest, -off)
            .start()
            .await;
        let rooms = Rooms::given(&cluster, 2).await;
        let traffic = rooms.traffic(&cluster, Dice::of(&name));
        traffic.goes_on(30).await;
        traffic.stop().await;
        everything_agrees(&cluster, &rooms, &name).await;
        cluster.finish().await;
    }
}
