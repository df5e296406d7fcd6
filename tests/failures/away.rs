//! RabbitMQ or PostgreSQL are away, at the start or in the middle: services wait and recover by
//! themselves, readiness says so, no acknowledged push is lost.

use chrono::TimeDelta;
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_testkit::{Cluster, LinkedRoom, SOON, Service, Upstream, eventually};

/// A meeting in the room, in a day from now.
fn meeting(room: &LinkedRoom) -> NewEvent {
    let start = SystemClock.now() + TimeDelta::days(1);
    NewEvent::timed(start, start + TimeDelta::hours(1)).in_room(room.room.mail())
}

/// Waits until the readiness of these services names what is away.
async fn says_so(cluster: &Cluster, services: [Service; 3], away: &str) {
    for service in services {
        eventually(SOON, "readiness says what is away", async || {
            let missing = cluster.not_ready(service, 0).await;
            missing.iter().any(|name| name.contains(away)).then_some(())
        })
        .await;
    }
}

/// Waits until Google heard this answer to a push about a change.
async fn answered(cluster: &Cluster, status: u16) {
    eventually(SOON, "a push about a change is answered so", async || {
        let pushes = cluster.google().pushes();
        let is = |p: &google_sim::Push| p.state == "exists" && p.answers.contains(&Some(status));
        pushes.iter().any(is).then_some(())
    })
    .await;
}

async fn all_ready(cluster: &Cluster) {
    for service in Service::ALL {
        cluster.ready(service).await;
    }
}

async fn hears_of_it(room: &LinkedRoom) {
    room.subscriber
        .wait_for("the meeting", |j| {
            (j.bookings("aquarium").len() == 1).then_some(())
        })
        .await;
}

/// Covers R17, R78.
#[tokio::test]
async fn rabbitmq_cut_off_in_the_middle_loses_no_acknowledged_push() {
    let cluster = Cluster::builder("rabbitmq away")
        .proxied(Upstream::RabbitMq)
        // Long enough to outlive the outage: what Google gives up on is not ours to lose.
        .google(|settings| settings.push_retries = 10)
        .start()
        .await;
    let room = cluster.given_linked_room("acme", "Aquarium").await;
    let ana = room.organisation.given_user("ana");

    cluster.proxy(Upstream::RabbitMq).refuse();
    let services = [
        Service::WebhookIngest,
        Service::SyncWorker,
        Service::Notification,
    ];
    says_so(&cluster, services, "broker").await;
    ana.insert_event(meeting(&room)).expect("Google takes it");
    answered(&cluster, 503).await;

    cluster.proxy(Upstream::RabbitMq).pass();
    all_ready(&cluster).await;
    hears_of_it(&room).await;
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn postgresql_cut_off_in_the_middle_is_waited_out() {
    let cluster = Cluster::builder("postgresql away")
        .proxied(Upstream::Postgres)
        .start()
        .await;
    let room = cluster.given_linked_room("acme", "Aquarium").await;
    let ana = room.organisation.given_user("ana");

    cluster.proxy(Upstream::Postgres).refuse();
    let services = [
        Service::BookingCommand,
        Service::SyncWorker,
        Service::Notification,
    ];
    says_so(&cluster, services, "database").await;
    ana.insert_event(meeting(&room)).expect("Google takes it");
    // webhook-ingest needs no database: the push is taken.
    answered(&cluster, 200).await;

    cluster.proxy(Upstream::Postgres).pass();
    all_ready(&cluster).await;
    hears_of_it(&room).await;
    cluster.finish().await;
}

/// Covers R78.
#[tokio::test]
async fn services_that_start_before_their_servers_wait_for_them() {
    let mut cluster = Cluster::builder("servers later")
        .proxied(Upstream::Postgres)
        .proxied(Upstream::RabbitMq)
        .start()
        .await;
    for upstream in [Upstream::Postgres, Upstream::RabbitMq] {
        cluster.proxy(upstream).refuse();
    }
    for service in Service::ALL {
        cluster.kill(service).await;
        cluster.restart_unready(service).await;
    }
    for service in Service::ALL {
        let missing = cluster.not_ready(service, 0).await;
        assert!(!missing.is_empty(), "{service} says what it waits for");
    }

    for upstream in [Upstream::Postgres, Upstream::RabbitMq] {
        cluster.proxy(upstream).pass();
    }
    all_ready(&cluster).await;
    let room = cluster.given_linked_room("acme", "Aquarium").await;
    assert!(room.link.imported_at.is_some());
    cluster.finish().await;
}
