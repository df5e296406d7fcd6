//! The testkit itself: a change at Google arrives, and the end of a test notices what is wrong.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_testkit::{Cluster, Service, Upstream};

fn in_hours(hours: i64) -> DateTime<Utc> {
    SystemClock.now() + TimeDelta::hours(hours)
}

#[tokio::test]
async fn a_meeting_made_at_google_arrives_and_the_cluster_ends_clean() {
    let cluster = Cluster::start("testkit arrives").await;
    let room = cluster.given_linked_room("acme", "Aquarium").await;
    let ana = room.organisation.given_user("ana");
    let event = NewEvent::timed(in_hours(1), in_hours(2)).in_room(room.room.mail());
    ana.insert_event(event).unwrap();
    room.subscriber
        .wait_for("a booking", |journal| journal.bookings(&room.object).pop())
        .await;
    cluster.finish().await;
}

#[tokio::test]
async fn a_service_that_is_killed_comes_back_on_its_ports() {
    let mut cluster = Cluster::builder("testkit restart")
        .replicas(Service::Notification, 2)
        .proxied(Upstream::BookingCommandInternal)
        .start()
        .await;
    let room = cluster.given_linked_room("acme", "Aquarium").await;
    let before = cluster.address(Service::Notification, 0, "public");
    cluster.kill(Service::Notification).await;
    let ana = room.organisation.given_user("ana");
    let event = NewEvent::timed(in_hours(1), in_hours(2)).in_room(room.room.mail());
    ana.insert_event(event).unwrap();
    cluster.proxy(Upstream::BookingCommandInternal).cut();
    cluster.restart(Service::Notification).await;
    assert_eq!(cluster.address(Service::Notification, 0, "public"), before);
    room.subscriber
        .wait_for("a booking", |journal| journal.bookings(&room.object).pop())
        .await;
    cluster.finish().await;
}

#[tokio::test]
#[should_panic(expected = "something was left behind")]
async fn a_parked_message_fails_the_test() {
    let cluster = Cluster::start("testkit parked").await;
    let properties =
        serde_json::json!({ "type": "object.changed", "content_type": "application/json" });
    let routed = cluster
        .vhost()
        .publish("roomsync.events", "object.changed", properties, "not json")
        .await
        .unwrap();
    assert!(routed);
    cluster.finish().await;
}

#[tokio::test]
async fn a_service_that_is_a_process_dies_by_sigkill_and_ends_well_by_sigterm() {
    let mut cluster = Cluster::builder("testkit process")
        .as_process(Service::Notification)
        .start()
        .await;
    let room = cluster.given_linked_room("acme", "Aquarium").await;
    let before = cluster.pid(Service::Notification, 0).unwrap();
    cluster.kill(Service::Notification).await;
    let ana = room.organisation.given_user("ana");
    let event = NewEvent::timed(in_hours(1), in_hours(2)).in_room(room.room.mail());
    ana.insert_event(event).unwrap();
    cluster.restart(Service::Notification).await;
    assert_ne!(cluster.pid(Service::Notification, 0), Some(before));
    room.subscriber
        .wait_for("a booking", |journal| journal.bookings(&room.object).pop())
        .await;
    let metric = "roomsync_notification_changes_total";
    assert!(cluster.metric(Service::Notification, 0, metric).await >= 1.0);
    cluster.finish().await;
}
