//! Requests that Google has not been asked for yet: whom they stand in the way of, and what becomes of them.

use std::time::Duration;

use chrono::TimeDelta;
use google_sim::{Answer, NewEvent, Operation};
use roomsync_process::grpc;
use roomsync_proto::{booking::v1::BookingState, integration::v1::Object};
use roomsync_testkit::{
    NewBooking, SOON,
    app::{device, window},
};

use crate::scene::{Scene, Watched as _, tomorrow};

fn at_the_door() -> NewBooking {
    NewBooking::by_device("aquarium", tomorrow(9), "door-1")
}

/// Covers B15, B7.
#[tokio::test]
async fn what_somebody_is_about_to_get_is_offered_to_nobody() {
    let scene = Scene::new("about to be taken").await;
    let lagoon = scene.another_room("Lagoon").await;
    scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let held = scene.cluster.google().hold_any(Operation::Insert);
    let new = NewBooking::by_user("lagoon", tomorrow(9), "u-ana");
    let asked = app.create_booking("acme", new.waiting(Duration::from_secs(1)));
    let booking = asked.await.expect("CreateBooking").booking.expect("one");
    assert_eq!(booking.state(), BookingState::Requested);

    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let refused = app.create_booking("acme", new).await.expect_err("taken");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("SLOT_TAKEN"));
    let offered = grpc::metadata(&refused, "alternatives");
    assert_eq!(offered.unwrap_or_default(), "");
    held.release();
    lagoon.wait_starts("it is booked", &[tomorrow(9)]).await;
    scene.cluster.finish().await;
}

/// Covers R26, B15.
#[tokio::test]
async fn a_time_for_which_the_main_app_blocked_the_object_cannot_be_booked() {
    let scene = Scene::new("a blocked time").await;
    let app = scene.cluster.app();
    let object = Object {
        object_id: "aquarium".to_owned(),
        name: "aquarium".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        blocked: vec![window(tomorrow(8), tomorrow(10))],
        ..Object::default()
    };
    app.upsert_objects("acme", vec![object]).await;
    for new in [
        NewBooking::by_user("aquarium", tomorrow(9), "u-ana"),
        at_the_door(),
    ] {
        let refused = app.create_booking("acme", new).await.expect_err("blocked");
        assert_eq!(grpc::reason(&refused).as_deref(), Some("SLOT_TAKEN"));
    }
    let after = NewBooking::by_user("aquarium", tomorrow(10), "u-ana");
    app.book("acme", after).await;
    scene.cluster.finish().await;
}

/// Covers D24, R67.
#[tokio::test]
async fn a_device_that_gives_up_before_google_is_asked_makes_no_event() {
    let scene = Scene::new("given up at the door").await;
    scene.cluster.calm().await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let held = google.hold(Operation::List, scene.room.room.mail());
    let asked = app.create_booking("acme", at_the_door().waiting(Duration::from_secs(1)));
    let booking = asked.await.expect("CreateBooking").booking.expect("one");
    assert_eq!(booking.state(), BookingState::Requested);
    held.wait_until_reached().await;
    let ended = app.delete_booking("acme", &booking.booking_id, device("door-1"), false);
    assert_eq!(ended.await.expect("ended").cause, "WITHDRAWN");
    held.release();
    scene.cluster.calm().await;
    assert!(google.calls(Operation::Insert).is_empty());
    scene.cluster.finish().await;
}

/// Covers D14, R26.
#[tokio::test]
async fn beyond_the_horizon_everything_in_the_slot_is_seen_however_many_pages_it_takes() {
    let scene = Scene::new("page by page").await;
    let google = scene.cluster.google();
    google.configure(|settings| settings.forced_page_size = Some(1));
    let at = |hour| tomorrow(hour) + TimeDelta::days(500);
    let room = &scene.room.room;
    // Whichever page comes first or last says nothing.
    for (hour, answer) in [
        (9, Answer::Declined),
        (10, Answer::Accepted),
        (11, Answer::Declined),
    ] {
        let meeting = NewEvent::timed(at(hour), at(hour + 1)).in_room(room.mail());
        let event = scene.ana.insert_event(meeting).expect("Google takes it");
        room.wait_answered(&event, SOON).await.expect("answered");
        room.respond(&event, answer).expect("as it should");
    }
    let new = NewBooking::by_user("aquarium", at(9), "u-ana").until(at(12));
    let refused = scene.cluster.app().create_booking("acme", new).await;
    let refused = refused.expect_err("taken");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("SLOT_TAKEN"));
    scene.cluster.finish().await;
}
