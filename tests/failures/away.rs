//! RabbitMQ or PostgreSQL are away, at the start or in the middle: services wait and recover by
//! themselves, readiness says so, no acknowledged push is lost.

use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_testkit::{Cluster, SOON, Service, Upstream, eventually};

/// Covers R17, R78.
#[tokio::test]
async fn rabbitmq_cut_off_in_the_middle_loses_no_acknowledged_push() {
    let cluster = Cluster::builder("rabbitmq away")
        .proxied(Upstream::RabbitMq)
        // Long enough to outlive the outage: what Google gives up on is not ours to lose.
        .google(|settings| settings.push_retries = 10)
        .start()
        .await;
    let room = cluster
        .app()
        .given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    let ana = room.organisation.given_user("ana");

    cluster.proxy(Upstream::RabbitMq).refuse();
    for service in [
        Service::WebhookIngest,
        Service::SyncWorker,
        Service::Notification,
    ] {
        eventually(SOON, "readiness says that the broker is away", async || {
            let missing = cluster.not_ready(service, 0).await;
            missing.iter().any(|m| m.contains("broker")).then_some(())
        })
        .await;
    }
    let start = SystemClock.now() + chrono::TimeDelta::days(1);
    let meeting =
        NewEvent::timed(start, start + chrono::TimeDelta::hours(1)).in_room(room.room.mail());
    ana.insert_event(meeting).expect("Google takes it");
    // Google hears 503 and tries again: nothing was acknowledged that could be lost.
    eventually(SOON, "a push is refused with 503", async || {
        let pushes = cluster.google().pushes();
        pushes
            .iter()
            .any(|p| p.answers.contains(&Some(503)))
            .then_some(())
    })
    .await;

    cluster.proxy(Upstream::RabbitMq).pass();
    for service in Service::ALL {
        cluster.ready(service).await;
    }
    room.subscriber
        .wait_for("the meeting", |j| {
            (j.bookings("aquarium").len() == 1).then_some(())
        })
        .await;
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn postgresql_cut_off_in_the_middle_is_waited_out() {
    let cluster = Cluster::builder("postgresql away")
        .proxied(Upstream::Postgres)
        .start()
        .await;
    let room = cluster
        .app()
        .given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    let ana = room.organisation.given_user("ana");

    cluster.proxy(Upstream::Postgres).refuse();
    for service in [
        Service::BookingCommand,
        Service::SyncWorker,
        Service::Notification,
    ] {
        eventually(
            SOON,
            "readiness says that the database is away",
            async || {
                let missing = cluster.not_ready(service, 0).await;
                missing.iter().any(|m| m.contains("database")).then_some(())
            },
        )
        .await;
    }
    let start = SystemClock.now() + chrono::TimeDelta::days(1);
    let meeting =
        NewEvent::timed(start, start + chrono::TimeDelta::hours(1)).in_room(room.room.mail());
    ana.insert_event(meeting).expect("Google takes it");
    let exists = |p: &google_sim::Push| p.state == "exists" && p.answers.contains(&Some(200));
    eventually(
        SOON,
        "webhook-ingest needs no database: the push is taken",
        async || cluster.google().pushes().iter().any(exists).then_some(()),
    )
    .await;

    cluster.proxy(Upstream::Postgres).pass();
    for service in Service::ALL {
        cluster.ready(service).await;
    }
    room.subscriber
        .wait_for("the meeting", |j| {
            (j.bookings("aquarium").len() == 1).then_some(())
        })
        .await;
    cluster.finish().await;
}

/// Covers R78.
#[tokio::test]
async fn services_that_start_before_their_servers_wait_for_them() {
    let cluster = Cluster::builder("servers later")
        .proxied(Upstream::Postgres)
        .proxied(Upstream::RabbitMq)
        .start()
        .await;
    let mut cluster = cluster;
    for upstream in [Upstream::Postgres, Upstream::RabbitMq] {
        cluster.proxy(upstream).refuse();
    }
    for service in Service::ALL {
        cluster.kill(service).await;
    }
    for service in Service::ALL {
        cluster.restart_unready(service).await;
    }
    for service in Service::ALL {
        let missing = cluster.not_ready(service, 0).await;
        assert!(!missing.is_empty(), "{service} says what it waits for");
    }
    for upstream in [Upstream::Postgres, Upstream::RabbitMq] {
        cluster.proxy(upstream).pass();
    }
    for service in Service::ALL {
        cluster.ready(service).await;
    }
    let room = cluster
        .app()
        .given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    assert!(room.link.imported_at.is_some());
    cluster.finish().await;
}
