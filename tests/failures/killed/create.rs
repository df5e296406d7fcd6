//! `CreateBooking`, between each two of its steps: exactly one event and one booking, whoever goes on,
//! and whether or not the caller asks again.

use std::time::Duration;

use google_sim::Operation;
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{NewBooking, SOON, Upstream, eventually};

use super::scene::{At, OBJECT, Scene, Stop, Successor, TENANT, tomorrow};

/// Nothing is stored yet.
const NOT_STORED: At = At::Statement("INSERT", "booking.create_requests", "true");
/// The request is stored, nobody has taken it up.
const STORED: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.write_epoch > OLD.write_epoch",
);
/// It is taken up, no call was made.
const TAKEN_UP: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.write_attempted AND NOT OLD.write_attempted",
);
/// Google has the event, and our row does not say so.
const MADE: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.at_google AND NOT OLD.at_google",
);
/// Our row says so; the room's answer is about to be.
const ANSWERED: At = At::Statement(
    "UPDATE",
    "booking.bookings",
    "NEW.state = 'confirmed' AND OLD.state <> 'confirmed'",
);

/// Dies at one place; nobody asks again until it is confirmed.
async fn dies_and_is_booked(name: &str, at: At, successor: Successor) {
    let scene = Scene::new(name, successor).await;
    let wish = Scene::wish();
    dies_and_is_booked_once(scene, at, wish).await;
}

async fn dies_and_is_booked_once(mut scene: Scene, at: At, wish: NewBooking) {
    let stop = scene.stop(at).await;
    let asked = wish.clone();
    scene.calls(async move |app| drop(app.create_booking(TENANT, asked).await));
    scene.dies(stop).await;

    let booking = confirmed(&scene).await;
    booked_once(&scene, &wish, &booking).await;
    scene.cluster.finish().await;
}

async fn confirmed(scene: &Scene) -> Booking {
    let booked = scene
        .room
        .subscriber
        .wait_for("the confirmed booking", |journal| {
            let bookings = journal.bookings(OBJECT);
            bookings
                .into_iter()
                .find(|booking| booking.state() == BookingState::Confirmed)
        });
    booked.await
}

/// The same request is the same booking, and there is one event and one row.
async fn booked_once(scene: &Scene, wish: &NewBooking, booking: &Booking) {
    let again = scene.cluster.app().create_booking(TENANT, wish.clone());
    let again = again.await.expect("the same answer").booking;
    let again = again.expect("a booking");
    assert_eq!(
        again.booking_id, booking.booking_id,
        "one request, one booking"
    );
    assert_eq!(again.state(), BookingState::Confirmed);
    let event = booking.booking_id.replace('-', "");
    for calendar in [scene.ana.mail(), scene.room.room.mail()] {
        for live in scene.live(calendar) {
            assert_eq!(live["id"], event.as_str(), "no other event: {live}");
        }
    }
    assert_eq!(scene.live(scene.room.room.mail()).len(), 1, "one event");
    let rows = scene.count("SELECT count(*) FROM booking.bookings").await;
    assert_eq!(rows, 1, "one booking");
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_before_anything_is_stored_nothing_is_booked_until_it_is_asked_again() {
    let mut scene = Scene::new("create not stored", Successor::Itself).await;
    let wish = Scene::wish();
    let stop = scene.stop(NOT_STORED).await;
    let asked = wish.clone();
    scene.calls(async move |app| drop(app.create_booking(TENANT, asked).await));
    scene.dies(stop).await;
    let rows = scene.count("SELECT count(*) FROM booking.bookings").await;
    assert_eq!(rows, 0, "the transaction died with its process");

    let patient = wish.clone().waiting(Duration::from_secs(15));
    let booking = scene.cluster.app().book(TENANT, patient).await;
    booked_once(&scene, &wish, &booking).await;
    scene.cluster.finish().await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_after_the_request_is_stored_it_is_booked_all_the_same() {
    dies_and_is_booked("create stored", STORED, Successor::Itself).await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_after_the_request_is_stored_another_replica_books() {
    dies_and_is_booked("create stored, other", STORED, Successor::Another).await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_before_the_insert_is_called_it_is_booked_once() {
    dies_and_is_booked("create taken up", TAKEN_UP, Successor::Itself).await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_while_the_insert_is_called_it_is_booked_once() {
    let at = At::Call(Operation::Insert);
    dies_and_is_booked("create calling", at, Successor::Another).await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_after_google_committed_there_is_one_event() {
    let at = At::Answer(Operation::Insert);
    dies_and_is_booked("create committed", at, Successor::Itself).await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_after_google_committed_another_replica_finds_the_event() {
    let at = At::Answer(Operation::Insert);
    dies_and_is_booked("create committed, other", at, Successor::Another).await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_before_the_event_is_noted_there_is_one_event() {
    dies_and_is_booked("create made", MADE, Successor::Itself).await;
}

/// Covers R27, B6.
#[tokio::test]
async fn killed_before_the_rooms_answer_is_noted_it_is_confirmed() {
    dies_and_is_booked("create answered", ANSWERED, Successor::Itself).await;
}

/// Covers R27, R44, B6.
#[tokio::test]
async fn killed_after_a_devices_event_is_made_there_is_one_event() {
    let scene = Scene::new("create at a device", Successor::Another).await;
    let wish = NewBooking::by_device(OBJECT, tomorrow(9), "door").waiting(Duration::from_secs(2));
    dies_and_is_booked_once(scene, At::Answer(Operation::Insert), wish).await;
}

/// The message about a write that is done is delivered again: whoever did it died before taking it
/// from the queue.
///
/// Covers R27, B6.
#[tokio::test]
async fn killed_before_the_message_is_taken_from_the_queue_it_is_done_again_without_effect() {
    let mut scene = Scene::new("create acknowledged", Successor::Itself).await;
    let wish = Scene::wish();
    // The first death leaves the write to the queue, the second one stands in the consumer.
    let stop = scene.stop(STORED).await;
    let asked = wish.clone();
    scene.calls(async move |app| drop(app.create_booking(TENANT, asked).await));
    scene.dies(stop).await;
    let Stop::Point(mut noted) = scene.stop(MADE).await else {
        unreachable!("a statement");
    };
    noted.reached().await;
    // What the consumer says from now on does not reach the broker.
    scene.cluster.proxy(Upstream::RabbitMq).stall();
    noted.open().await;
    eventually(SOON, "the write is done", async || {
        let waiting = "SELECT count(*) FROM booking.bookings WHERE google_write IS NOT NULL";
        (scene.count(waiting).await == 0).then_some(())
    })
    .await;
    scene.kill().await;
    scene.cluster.proxy(Upstream::RabbitMq).pass();
    scene.succeed().await;

    let booking = confirmed(&scene).await;
    booked_once(&scene, &wish, &booking).await;
    scene.cluster.finish().await;
}
