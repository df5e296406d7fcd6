//! The network between the services, their servers and Google is cut, slow, refuses and swallows.

use std::time::Duration;

use roomsync_testkit::{Cluster, Dice, Service, Upstream};

use super::{Rooms, all_ready, everything_agrees};

/// A round trip takes twice as long.
const SLOW: Duration = Duration::from_millis(150);

/// Everything that can happen to the way to these, one after the other, while people go on.
async fn breaks(name: &str, ways: &[Upstream]) {
    let builder = Cluster::builder(name)
        .google(|settings| settings.push_retries = 12)
        // A call that is swallowed is given up soon.
        .set(Service::BookingCommand, "google.timeout", "2s")
        .set(Service::BookingCommand, "google.connect_timeout", "1s")
        .set(Service::SyncWorker, "google.timeout", "2s")
        .set(Service::SyncWorker, "google.connect_timeout", "1s")
        .set(Service::BookingCommand, "bookings.claim", "5s");
    // Google comes again after some answers (documented), not after none: the poll finds what was pushed then.
    let builder = if ways.contains(&Upstream::WebhookIngest) {
        builder.set(Service::SyncWorker, "sync.poll_with_push", "2s")
    } else {
        builder
    };
    let builder = ways
        .iter()
        .fold(builder, |builder, way| builder.proxied(*way));
    let cluster = builder.start().await;
    let rooms = Rooms::given(&cluster, 2).await;
    let mut dice = Dice::of(name);

    for way in ways {
        let proxy = cluster.proxy(*way);
        let traffic = rooms.traffic(&cluster, dice.other());
        traffic.goes_on(3).await;
        for _ in 0..4 {
            proxy.cut();
            traffic.goes_on(1 + dice.throw(4)).await;
        }
        proxy.slow(SLOW);
        traffic.goes_on(10).await;
        proxy.refuse();
        traffic.goes_on(10).await;
        proxy.pass();
        traffic.goes_on(3).await;
        proxy.stall();
        traffic.goes_on(25).await;
        proxy.pass();
        traffic.goes_on(3).await;
        traffic.stop().await;
        all_ready(&cluster).await;
        everything_agrees(&cluster, &rooms, &format!("a broken way to {way:?}")).await;
    }
    cluster.finish().await;
}

/// Covers R17, R78.
#[tokio::test]
async fn a_broken_way_between_the_services_loses_nothing() {
    let ways = [
        Upstream::BookingCommandInternal,
        Upstream::BookingCommandPublic,
    ];
    breaks("a broken way between services", &ways).await;
}

/// Covers R17, R78.
#[tokio::test]
async fn a_broken_way_to_postgresql_loses_nothing() {
    breaks("a broken way to postgresql", &[Upstream::Postgres]).await;
}

/// Covers R17, R78.
#[tokio::test]
async fn a_broken_way_to_rabbitmq_loses_nothing() {
    breaks("a broken way to rabbitmq", &[Upstream::RabbitMq]).await;
}

/// Covers R17.
#[tokio::test]
async fn a_broken_way_to_google_loses_nothing() {
    breaks("a broken way to google", &[Upstream::Google]).await;
}

/// Covers R17.
#[tokio::test]
async fn a_broken_way_from_google_loses_nothing() {
    breaks("a broken way from google", &[Upstream::WebhookIngest]).await;
}
