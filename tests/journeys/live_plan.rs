//! The live plan: who looks now sees which object is taken now, and until when.

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{NewEvent, When};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, ListBookingsRequest};
use roomsync_testkit::{SOON, app::window, eventually};

use crate::scene::{Scene, availability, end, ids, start};

/// Now, in whole seconds: Google knows no fractions.
fn now() -> DateTime<Utc> {
    SystemClock
        .now()
        .duration_trunc(TimeDelta::seconds(1))
        .expect("a second")
}

/// What the plan shows as taken at an instant.
async fn taken_at(scene: &Scene, at: DateTime<Utc>) -> Vec<Booking> {
    let request = ListBookingsRequest {
        tenant_id: "acme".to_owned(),
        object_ids: vec![scene.room.object.clone()],
        window: Some(window(at, at + TimeDelta::milliseconds(1))),
        ..ListBookingsRequest::default()
    };
    let listed = scene.cluster.app().bookings().list_bookings(request).await;
    listed.expect("ListBookings").into_inner().bookings
}

async fn is_free_at(scene: &Scene, at: DateTime<Utc>) -> bool {
    let answer = availability(
        &scene.room,
        &scene.cluster,
        at,
        at + TimeDelta::milliseconds(1),
    );
    answer.await.free
}

/// Covers R13, R32.
#[tokio::test]
async fn a_meeting_that_is_on_occupies_the_object_now_and_frees_it_at_its_end() {
    let scene = Scene::new("a meeting that is on").await;
    let (begin, finish) = (
        now() - TimeDelta::minutes(30),
        now() + TimeDelta::minutes(30),
    );
    let event = NewEvent::timed(begin, finish).in_room(scene.room.room.mail());
    let event = scene.ana.insert_event(event).expect("Google takes it");
    let heard = scene.wait_starts("the stream says it", &[begin]).await;
    assert_eq!((start(&heard[0]), end(&heard[0])), (begin, finish));

    assert_eq!(ids(&taken_at(&scene, now()).await), ids(&heard));
    assert!(!is_free_at(&scene, now()).await);
    let answer = availability(&scene.room, &scene.cluster, now(), finish).await;
    assert!(answer.mirrored, "the answer is current");
    let last = finish - TimeDelta::milliseconds(1);
    assert!(!is_free_at(&scene, last).await);
    assert!(is_free_at(&scene, finish).await, "the end is exclusive");
    assert_eq!(taken_at(&scene, finish).await.len(), 0);

    // It overruns, and then breaks up early: the plan follows.
    let move_end = |to| {
        let moved = scene.ana.move_event(&event, When::at(begin), When::at(to));
        moved.expect("another end");
    };
    let until = async |what: &str, at: DateTime<Utc>| {
        let ends = |journal: &roomsync_testkit::Journal| {
            let booking = journal.bookings(&scene.room.object).pop()?;
            (end(&booking) == at).then_some(booking)
        };
        scene.room.subscriber.wait_for(what, ends).await
    };
    let later = finish + TimeDelta::minutes(30);
    move_end(later);
    let longer = until("it overruns", later).await;
    assert_eq!(longer.booking_id, heard[0].booking_id);
    assert!(!is_free_at(&scene, finish).await);

    let over = now();
    move_end(over);
    until("it is over", over).await;
    assert!(is_free_at(&scene, over).await);
    assert_eq!(taken_at(&scene, now()).await.len(), 0);
    scene.cluster.finish().await;
}

/// Covers R13.
#[tokio::test]
async fn time_alone_frees_an_object_without_anybody_saying_so() {
    let scene = Scene::new("a meeting that ends").await;
    let (begin, finish) = (now() - TimeDelta::hours(1), now() + TimeDelta::seconds(4));
    let event = NewEvent::timed(begin, finish).in_room(scene.room.room.mail());
    scene.ana.insert_event(event).expect("Google takes it");
    let heard = scene.wait_starts("it is on", &[begin]).await;
    let version = scene.room.subscriber.journal(|j| j.version("aquarium"));

    let freed_at = eventually(SOON, "the object is free", async || {
        let asked_at = SystemClock.now();
        let free = is_free_at(&scene, asked_at).await;
        free.then_some(asked_at)
    });
    assert!(freed_at.await >= finish, "not before its end");
    assert_eq!(taken_at(&scene, SystemClock.now()).await.len(), 0);

    // The booking is not taken back: it was, and the stream has said from the start until when.
    assert_eq!(ids(&scene.listed().await), ids(&heard));
    let later = scene.room.subscriber.journal(|j| j.version("aquarium"));
    assert_eq!(later, version, "nothing was published");
    scene.cluster.finish().await;
}
