//! Taking back what a room refused, between each two steps: no event is left, the booking is rejected.

use std::time::Duration;

use google_sim::{Answer, Operation};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{SOON, app::user, eventually};

use super::scene::{At, Scene, Successor, TENANT};

/// The refusal is stored, nobody has taken the undo up.
const STORED: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.write_epoch > OLD.write_epoch AND NEW.google_write = 'undo'",
);
/// Google has no event any more, and our row does not say so.
const DONE: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.google_write IS NULL AND OLD.google_write = 'undo'",
);

/// Rooms that take their time are answered for by hand.
async fn scene(name: &str) -> Scene {
    Scene::at_google(name, Successor::Itself, |google| {
        google.room_answer_delay = Duration::from_mins(10);
    })
    .await
}

/// A booking whose event waits for its room.
async fn pending(scene: &Scene) -> (String, String) {
    let app = scene.cluster.app();
    let asked = app.create_booking(TENANT, Scene::wish()).await;
    let booking = asked.expect("taken").booking.expect("a booking");
    assert_eq!(booking.state(), BookingState::Pending, "{booking:?}");
    let event = booking.booking_id.replace('-', "");
    (booking.booking_id, event)
}

async fn nothing_is_left(scene: Scene, booking: &str, cause: &str) {
    let app = scene.cluster.app();
    let rejected = app.wait_booking("it is rejected", TENANT, booking, |booking| {
        booking.state() == BookingState::Rejected
    });
    let rejected = rejected.await;
    assert_eq!(rejected.cause, cause);
    eventually(SOON, "no event is left", async || {
        let left = [scene.ana.mail(), scene.room.room.mail()].map(|of| scene.live(of).len());
        (left == [0, 0]).then_some(())
    })
    .await;
    eventually(SOON, "Google has been told", async || {
        let waiting = "SELECT count(*) FROM booking.bookings WHERE google_write IS NOT NULL";
        (scene.count(waiting).await == 0).then_some(())
    })
    .await;
    let rejected = app.booking(TENANT, booking).await.expect("a booking");
    assert!(!rejected.event_kept, "it is gone: {rejected:?}");
    scene.cluster.finish().await;
}

async fn refused_and_killed(name: &str, at: At) {
    let mut scene = scene(name).await;
    let (booking, event) = pending(&scene).await;
    let stop = scene.stop(at).await;
    scene
        .room
        .room
        .respond(&event, Answer::Declined)
        .expect("a room");
    scene.dies(stop).await;
    nothing_is_left(scene, &booking, "ROOM_DECLINED_WHILE_FREE").await;
}

/// Covers D1, B6.
#[tokio::test]
async fn killed_before_a_refused_event_is_taken_back_it_is_taken_back() {
    refused_and_killed("undo stored", STORED).await;
}

/// Covers D1, B6.
#[tokio::test]
async fn killed_while_a_refused_event_is_taken_back_it_is_taken_back() {
    let at = At::Call(Operation::Delete);
    refused_and_killed("undo calling", at).await;
}

/// Covers D1, B6.
#[tokio::test]
async fn killed_after_a_refused_event_is_taken_back_the_booking_is_rejected() {
    let at = At::Answer(Operation::Delete);
    refused_and_killed("undo committed", at).await;
}

/// Covers D1, B6.
#[tokio::test]
async fn killed_before_taking_back_is_noted_the_booking_is_rejected() {
    refused_and_killed("undo done", DONE).await;
}

/// Covers D24.
#[tokio::test]
async fn killed_while_a_withdrawn_request_is_taken_back_no_event_is_left() {
    let mut scene = scene("withdrawn").await;
    let (booking, _) = pending(&scene).await;
    let stop = scene.stop(At::Answer(Operation::Delete)).await;
    let id = booking.clone();
    scene.calls(async move |app| drop(app.delete_booking(TENANT, &id, user("u-ana"), false).await));
    scene.dies(stop).await;
    nothing_is_left(scene, &booking, "WITHDRAWN").await;
}
