//! sync-worker dies (SIGKILL) between two steps of following a change. Its successor must finish:
//! no calendar stays dirty because somebody died.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{NewEvent, Operation, UserControl};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{
    Cluster, SOON, Service,
    app::{LinkedRoom, instant},
    eventually,
};

use crate::point::Point;

fn tomorrow(hour: i64) -> DateTime<Utc> {
    let today = SystemClock
        .now()
        .duration_trunc(TimeDelta::days(1))
        .expect("a day");
    today + TimeDelta::days(1) + TimeDelta::hours(hour)
}

/// A linked room, with sync-worker as a process of its own and a short lease.
async fn scene(name: &str) -> (Cluster, LinkedRoom, UserControl) {
    let cluster = Cluster::builder(name)
        .as_process(Service::SyncWorker)
        .set(Service::SyncWorker, "sync.lease", "2s")
        .start()
        .await;
    let room = cluster
        .app()
        .given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    let ana = room.organisation.given_user("ana");
    cluster.app().given_user("acme", "u-ana", ana.mail()).await;
    clean(&cluster).await;
    (cluster, room, ana)
}

fn meeting(room: &LinkedRoom) -> NewEvent {
    NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.room.mail())
}

/// How many calendars have something to do.
async fn dirty(cluster: &Cluster) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM sync.calendars WHERE generation_done < generation_wanted",
    )
    .fetch_one(cluster.database().pool())
    .await
    .expect("sync.calendars")
}

async fn clean(cluster: &Cluster) {
    eventually(SOON, "no calendar is dirty", async || {
        (dirty(cluster).await == 0).then_some(())
    })
    .await;
}

async fn confirmed(room: &LinkedRoom) -> Booking {
    room.subscriber
        .wait_for("the confirmed meeting", |journal| {
            journal.bookings("aquarium").into_iter().find(|b| {
                let start = instant(b.window.as_ref().and_then(|w| w.starts_at.as_ref()));
                start == Some(tomorrow(9)) && b.state() == BookingState::Confirmed
            })
        })
        .await
}

/// Covers R17.
#[tokio::test]
async fn a_worker_killed_between_raise_and_claim_leaves_a_dirty_calendar_that_is_finished() {
    let (mut cluster, room, ana) = scene("killed before claim").await;
    let table = "sync.calendars";
    let claims = "NEW.epoch > OLD.epoch AND NEW.generation_done = OLD.generation_done";
    let mut point = Point::before_update(cluster.database(), table, claims).await;

    ana.insert_event(meeting(&room)).expect("Google takes it");
    point.reached().await;
    assert_eq!(dirty(&cluster).await, 1, "the raise is committed");
    cluster.kill(Service::SyncWorker).await;
    point.remove().await;
    assert_eq!(dirty(&cluster).await, 1, "the claim died with its worker");

    cluster.restart(Service::SyncWorker).await;
    confirmed(&room).await;
    clean(&cluster).await;
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn a_worker_killed_during_the_listing_is_succeeded_after_its_lease() {
    let (mut cluster, room, ana) = scene("killed while listing").await;
    let hold = cluster.google().hold(Operation::List, room.room.mail());

    ana.insert_event(meeting(&room)).expect("Google takes it");
    hold.wait_until_reached().await;
    cluster.kill(Service::SyncWorker).await;
    hold.release();
    assert_eq!(dirty(&cluster).await, 1, "its lease is still there");

    cluster.restart(Service::SyncWorker).await;
    confirmed(&room).await;
    clean(&cluster).await;
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn a_worker_killed_after_apply_and_before_the_cursor_replays_without_a_second_change() {
    let (mut cluster, room, ana) = scene("killed before cursor").await;
    let table = "sync.calendars";
    let ends = "NEW.generation_done > OLD.generation_done";
    let mut point = Point::before_update(cluster.database(), table, ends).await;

    ana.insert_event(meeting(&room)).expect("Google takes it");
    point.reached().await;
    // The Apply is committed: the subscriber hears of the booking although the cursor is not stored.
    let first = room
        .subscriber
        .wait_for("the applied booking", |journal| {
            journal.bookings("aquarium").pop()
        })
        .await;
    cluster.kill(Service::SyncWorker).await;
    point.remove().await;
    assert_eq!(dirty(&cluster).await, 1, "the cursor died with its worker");

    cluster.restart(Service::SyncWorker).await;
    let booking = confirmed(&room).await;
    clean(&cluster).await;
    assert_eq!(
        booking.booking_id, first.booking_id,
        "the replay makes no second booking"
    );
    let history = room.subscriber.journal(|j| j.history(&first.booking_id));
    let mut versions: Vec<_> = history.iter().map(|b| b.object_version).collect();
    versions.dedup();
    assert_eq!(
        versions.len(),
        history.len(),
        "no change is published twice: {history:?}"
    );
    assert!(
        history.len() <= 2,
        "created, at most once changed by the room's answer: {history:?}"
    );
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn a_stalled_workers_late_apply_is_refused() {
    let cluster = Cluster::builder("a stalled worker")
        .as_process(Service::SyncWorker)
        .replicas(Service::SyncWorker, 2)
        .set(Service::SyncWorker, "sync.lease", "2s")
        .start()
        .await;
    let room = cluster
        .app()
        .given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    let ana = room.organisation.given_user("ana");
    cluster.app().given_user("acme", "u-ana", ana.mail()).await;
    clean(&cluster).await;
    // Whoever lists first stands still with a listing in hand until after the other one is done.
    let hold = cluster
        .google()
        .hold_answer(Operation::List, room.room.mail());
    let event = ana.insert_event(meeting(&room)).expect("Google takes it");
    hold.wait_until_reached().await;
    ana.cancel_event(&event).expect("cancelled meanwhile");
    eventually(SOON, "the other worker is done", async || {
        (dirty(&cluster).await == 0).then_some(())
    })
    .await;
    hold.release();

    let later = NewEvent::timed(tomorrow(11), tomorrow(12)).in_room(room.room.mail());
    ana.insert_event(later).expect("Google takes it");
    room.subscriber
        .wait_for("only the later meeting", |journal| {
            let bookings = journal.bookings("aquarium");
            (bookings.len() == 1 && bookings[0].state() == BookingState::Confirmed).then_some(())
        })
        .await;
    clean(&cluster).await;
    cluster.finish().await;
}
