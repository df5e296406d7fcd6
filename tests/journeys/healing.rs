//! What heals by itself: lost, doubled and disordered pushes, Google's bad moments, odd events.

use google_sim::{Effect, Fault, NewEvent, Operation, PushEffect, PushFault};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{Cluster, Service};
use serde_json::json;

use crate::scene::{Scene, at, tomorrow, whose};

/// Covers R78.
#[tokio::test]
async fn a_lost_push_heals_without_anybody_starting_a_synchronisation() {
    let cluster = Cluster::builder("a lost push")
        .set(Service::SyncWorker, "sync.poll_with_push", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    scene
        .cluster
        .google()
        .add_push_fault(PushFault::always(PushEffect::Drop));

    scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");

    scene
        .wait_booking("found by polling", tomorrow(9), BookingState::Confirmed)
        .await;
    assert!(
        scene
            .cluster
            .google()
            .pushes()
            .iter()
            .any(|push| push.dropped)
    );
    scene.cluster.google().clear_push_faults();
    scene.cluster.finish().await;
}

/// Covers R78.
#[tokio::test]
async fn a_room_that_google_does_not_push_for_is_kept_by_polling() {
    let cluster = Cluster::builder("no push")
        .set(Service::SyncWorker, "sync.poll_without_push", "1s")
        .start()
        .await;
    let app = cluster.app();
    let organisation = roomsync_testkit::app::Organisation::given(cluster.google(), "acme.example");
    let room = organisation.given_room("Aquarium");
    room.support_push(false).expect("no push");
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;
    let link = app.link_object("acme", "aquarium", room.mail()).await;
    let link = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(link.coverage.expect("coverage").channel_state, "refused");

    let ana = organisation.given_user("ana");
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.mail());
    ana.insert_event(meeting).expect("Google takes it");

    app.wait_for("the polled booking", async || {
        let (bookings, _) = app.list_bookings("acme", &["aquarium".to_owned()]).await?;
        Ok(bookings
            .into_iter()
            .find(|b| b.state() == BookingState::Confirmed))
    })
    .await;
    cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn doubled_and_disordered_pushes_change_nothing() {
    let scene = Scene::new("doubled pushes").await;
    let google = scene.cluster.google();
    google.add_push_fault(PushFault::next(4, PushEffect::Duplicate));
    let (event, booking) = scene.given_meeting(9).await;
    google.add_push_fault(PushFault::next(2, PushEffect::Reorder { of: 2 }));
    scene.ana.move_event(&event, at(10), at(11)).expect("moved");
    scene
        .ana
        .move_event(&event, at(12), at(13))
        .expect("moved again");

    let moved = scene
        .wait_booking("the last place", tomorrow(12), BookingState::Confirmed)
        .await;
    assert_eq!(moved.booking_id, booking.booking_id);
    assert_eq!(scene.listed().await.len(), 1);
    scene.cluster.google().clear_push_faults();
    scene.cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn googles_bad_moments_delay_a_change_and_lose_nothing() {
    let scene = Scene::new("bad moments").await;
    let effects = [
        Fault::answer(503, "backendError").effect,
        Fault::answer(403, "rateLimitExceeded").effect,
        Effect::Html502,
        Effect::Garbage,
        Effect::CloseConnection,
    ];
    for (hour, effect) in (9..).zip(effects) {
        let fault = Fault::next(effect).on(Operation::List).times(2);
        scene.cluster.google().add_fault(fault);

        scene
            .ana
            .insert_event(scene.meeting(hour))
            .expect("Google takes it");

        let what = "the booking after the bad moment";
        scene
            .wait_booking(what, tomorrow(hour), BookingState::Confirmed)
            .await;
    }
    scene.cluster.finish().await;
}

/// Covers R17, R24.
#[tokio::test]
async fn an_event_without_title_guests_or_organizer_and_garbage_beside_it_are_no_obstacle() {
    let scene = Scene::new("odd events").await;
    let room = &scene.room.room;
    room.inject_item(json!({"id": "garbage", "start": 5, "attendees": "nobody"}))
        .expect("garbage");
    let event = scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");
    let hidden = ["summary", "organizer", "creator"];
    room.hide_fields(&event, &hidden).expect("hidden");
    let (_, plain) = scene.given_meeting(11).await;

    let odd = scene
        .wait_booking("the odd one", tomorrow(9), BookingState::Confirmed)
        .await;
    // Without organizer and creator the only human guest is whose booking it is.
    assert!(["u-ana", "anonymous"].contains(&whose(&odd).as_str()));
    assert_eq!(whose(&plain), "u-ana");
    scene.cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn an_event_that_becomes_unreadable_keeps_its_booking_until_google_says_otherwise() {
    let scene = Scene::new("an unreadable event").await;
    let (event, booking) = scene.given_meeting(9).await;
    // Its item is garbage in every listing from now on, the complete one included.
    scene
        .room
        .room
        .hide_fields(&event, &["start", "end"])
        .expect("hidden");
    scene
        .room
        .room
        .expire_sync_tokens()
        .expect("a full sync is due");
    let (_, other) = scene.given_meeting(11).await;

    let listed = scene.listed().await;
    let ids: Vec<_> = listed.iter().map(|b| b.booking_id.as_str()).collect();
    assert_eq!(
        ids,
        [booking.booking_id.as_str(), other.booking_id.as_str()]
    );

    scene
        .room
        .room
        .hide_fields(&event, &[])
        .expect("readable again");
    scene.ana.cancel_event(&event).expect("cancelled");
    scene.wait_count("only the other", 1).await;
    scene.cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn an_expired_cursor_is_a_full_sync_and_nothing_flickers() {
    let scene = Scene::new("an expired cursor").await;
    let (_, booking) = scene.given_meeting(9).await;
    scene.room.room.expire_sync_tokens().expect("expired");

    scene.given_meeting(11).await;

    let history = scene
        .room
        .subscriber
        .journal(|j| j.history(&booking.booking_id));
    assert!(
        history.iter().all(|b| b.state() != BookingState::Removed),
        "a full sync is a difference: {history:?}"
    );
    scene.cluster.finish().await;
}

/// Covers R78.
#[tokio::test]
async fn three_workers_and_a_burst_of_changes_miss_nothing_and_list_little() {
    let cluster = Cluster::builder("a burst")
        .replicas(Service::SyncWorker, 3)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (event, _) = scene.given_meeting(9).await;
    for minute in 1..=30 {
        let start = tomorrow(12) + chrono::TimeDelta::minutes(minute);
        let end = start + chrono::TimeDelta::hours(1);
        let moved = scene.ana.move_event(
            &event,
            google_sim::When::at(start),
            google_sim::When::at(end),
        );
        moved.expect("moved");
    }
    let last = tomorrow(12) + chrono::TimeDelta::minutes(30);
    scene
        .wait_booking("the last place", last, BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}

/// Covers R17.
#[tokio::test]
async fn a_subscriber_that_was_away_goes_on_where_it_stopped() {
    let scene = Scene::new("a subscriber away").await;
    scene.given_meeting(9).await;
    scene.room.subscriber.pause();
    scene
        .ana
        .insert_event(scene.meeting(11))
        .expect("Google takes it");
    let app = scene.cluster.app();
    app.wait_for("the booking, seen by the API", async || {
        let (bookings, _) = app.list_bookings("acme", &["aquarium".to_owned()]).await?;
        Ok((bookings.len() == 2).then_some(()))
    })
    .await;
    scene.room.subscriber.resume();

    scene
        .wait_booking("heard later", tomorrow(11), BookingState::Confirmed)
        .await;
    let gaps = scene.room.subscriber.journal(|j| j.gaps.clone());
    assert!(gaps.is_empty(), "{gaps:?}");
    let opened = scene.room.subscriber.journal(|j| j.opened);
    assert_eq!(opened, 2);
    scene.cluster.finish().await;
}
