//! `DeleteBooking`, between each two of its steps: the room is freed once, the organiser's event stays as
//! it is, the booking is removed.

use google_sim::{NewEvent, Operation};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::app::user;

use super::scene::{At, OBJECT, Scene, Successor, TENANT, tomorrow};

/// Nothing is stored yet.
const NOT_STORED: At = At::Statement("UPDATE", "booking.bookings", "NEW.state = 'declining'");
/// It is stored, nobody has taken it up.
const STORED: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.write_epoch > OLD.write_epoch",
);
/// Google has freed the room, and our row does not say so.
const DONE: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.google_write IS NULL AND OLD.google_write = 'decline'",
);

/// Dies at one place, after the wish was stored.
async fn dies_and_is_declined(name: &str, at: At, successor: Successor) {
    let mut scene = Scene::new(name, successor).await;
    let (booking, event) = confirmed(&scene).await;
    let before = scene.ana.event(&event).expect("Ana's event");

    let stop = scene.stop(at).await;
    let id = booking.clone();
    scene.calls(async move |app| drop(app.delete_booking(TENANT, &id, user("u-ana"), false).await));
    scene.dies(stop).await;
    declined(&scene, &booking, &event, &before).await;
    scene.cluster.finish().await;
}

/// A meeting that Ana made in Google, and the booking that it is.
async fn confirmed(scene: &Scene) -> (String, String) {
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(scene.room.room.mail());
    let event = scene.ana.insert_event(meeting).expect("Google takes it");
    let booking = scene.room.subscriber.wait_for("it confirmed", |journal| {
        let bookings = journal.bookings(OBJECT);
        let confirmed =
            |b: &_| BookingState::Confirmed == roomsync_proto::booking::v1::Booking::state(b);
        bookings.into_iter().find(confirmed)
    });
    (booking.await.booking_id, event)
}

async fn declined(scene: &Scene, booking: &str, event: &str, before: &serde_json::Value) {
    let app = scene.cluster.app();
    let removed = app.wait_booking("the booking is removed", TENANT, booking, |booking| {
        booking.state() == BookingState::Removed
    });
    assert_eq!(removed.await.cause, "DECLINED");
    let answer = scene.room.room.answer(event);
    assert_eq!(
        answer,
        Some(google_sim::Answer::Declined),
        "the room is free"
    );
    let after = scene.ana.event(event).expect("Ana's event");
    for unchanged in ["status", "start", "end", "summary", "organizer"] {
        assert_eq!(after[unchanged], before[unchanged], "{unchanged} is Ana's");
    }
    let entries = scene
        .count("SELECT count(*) FROM booking.history WHERE cause = 'declined'")
        .await;
    assert_eq!(entries, 1, "it was removed once");
    let again = app
        .delete_booking(TENANT, booking, user("u-ana"), false)
        .await;
    let again = again.expect("repeating it is no fault");
    assert_eq!(again.state(), BookingState::Removed);
}

/// Covers R62.
#[tokio::test]
async fn killed_before_a_decline_is_stored_the_booking_stands_until_it_is_asked_again() {
    let mut scene = Scene::new("decline not stored", Successor::Itself).await;
    let (booking, event) = confirmed(&scene).await;
    let before = scene.ana.event(&event).expect("Ana's event");
    let stop = scene.stop(NOT_STORED).await;
    let id = booking.clone();
    scene.calls(async move |app| drop(app.delete_booking(TENANT, &id, user("u-ana"), false).await));
    scene.dies(stop).await;
    let app = scene.cluster.app();
    let stands = app.booking(TENANT, &booking).await.expect("a booking");
    assert_eq!(stands.state(), BookingState::Confirmed);

    let asked = app.delete_booking(TENANT, &booking, user("u-ana"), false);
    asked.await.expect("it may be declined");
    declined(&scene, &booking, &event, &before).await;
    scene.cluster.finish().await;
}

/// Covers R62, R63, R64.
#[tokio::test]
async fn killed_after_a_decline_is_stored_the_room_is_freed_all_the_same() {
    dies_and_is_declined("decline stored", STORED, Successor::Itself).await;
}

/// Covers R62, R63, R64.
#[tokio::test]
async fn killed_after_a_decline_is_stored_another_replica_frees_the_room() {
    dies_and_is_declined("decline stored, other", STORED, Successor::Another).await;
}

/// Covers R62, R63, R64.
#[tokio::test]
async fn killed_while_the_decline_is_called_the_room_is_freed() {
    let at = At::Call(Operation::Patch);
    dies_and_is_declined("decline calling", at, Successor::Itself).await;
}

/// Covers R62, R63, R64.
#[tokio::test]
async fn killed_after_google_freed_the_room_the_booking_is_removed_as_declined() {
    let at = At::Answer(Operation::Patch);
    dies_and_is_declined("decline committed", at, Successor::Another).await;
}

/// Covers R62, R63, R64.
#[tokio::test]
async fn killed_before_a_decline_is_noted_the_booking_is_removed_as_declined() {
    dies_and_is_declined("decline done", DONE, Successor::Itself).await;
}
