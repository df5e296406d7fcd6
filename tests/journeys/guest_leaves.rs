//! Bookings of users whom Google does not let us act as: their events stand in the shared calendar, the user
//! is a guest, and an event that nobody attends any more is nobody's.

use google_sim::{Answer, UserControl};
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{LinkedRoom, NewBooking, SOON, found_within};

use crate::scene::{Scene, Watched as _, tomorrow, whose};

/// A user of another organisation, whom our connection cannot act as: booked through the shared calendar.
async fn stranger(scene: &Scene) -> UserControl {
    let org = scene.cluster.google().add_org("partner.example");
    let eve = org.add_user("eve@partner.example", false).expect("Eve");
    let app = scene.cluster.app();
    app.given_user("acme", "u-eve", eve.mail()).await;
    eve
}

async fn booked(scene: &Scene) -> (Booking, String) {
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-eve");
    let booking = scene.cluster.app().book("acme", new).await;
    let event = booking.booking_id.replace('-', "");
    (booking, event)
}

async fn wait_removed(scene: &Scene, booking: &Booking) -> Booking {
    let app = scene.cluster.app();
    let is_removed = |booking: &Booking| booking.state() == BookingState::Removed;
    app.wait_booking("removed", "acme", &booking.booking_id, is_removed)
        .await
}

/// The event as the room sees it is over.
async fn wait_deleted(room: &LinkedRoom, event: &str) {
    let deleted = found_within(SOON, async || {
        let gone = match room.room.event(event) {
            Ok(copy) => copy["status"] == "cancelled",
            Err(_) => true,
        };
        gone.then_some(())
    });
    assert!(deleted.await.is_some(), "the event is still there");
}

/// Covers D22, R35, R31.
#[tokio::test]
async fn a_guest_who_declines_frees_the_room_and_the_event_is_deleted() {
    let scene = Scene::new("the guest declines").await;
    let eve = stranger(&scene).await;
    let (booking, event) = booked(&scene).await;
    assert_eq!(whose(&booking), "u-eve");
    eve.respond(&event, Answer::Declined).expect("not coming");

    let removed = wait_removed(&scene, &booking).await;
    assert_eq!(removed.cause, "CANCELLED");
    wait_deleted(&scene.room, &event).await;
    scene.wait_count("free", 0).await;
    scene.cluster.finish().await;
}

/// Covers D22, R35.
#[tokio::test]
async fn a_guest_who_deletes_the_event_from_her_calendar_frees_the_room() {
    let scene = Scene::new("the guest deletes her copy").await;
    let eve = stranger(&scene).await;
    let (booking, event) = booked(&scene).await;
    eve.cancel_event(&event).expect("deleted");
    wait_removed(&scene, &booking).await;
    wait_deleted(&scene.room, &event).await;
    scene.cluster.finish().await;
}

/// Covers D22, R31.
#[tokio::test]
async fn an_event_of_the_shared_calendar_that_takes_another_room_goes_on() {
    let scene = Scene::new("the guest takes another room").await;
    let eve = stranger(&scene).await;
    let lagoon = scene.another_room("Lagoon").await;
    let (booking, event) = booked(&scene).await;

    // Guests may modify it; the simulator takes a room off only where the event was made.
    let copy = eve.event(&event).expect("her copy");
    let shared = copy["organizer"]["email"].as_str().expect("its calendar");
    let shared = scene.room.organisation.org.user(shared);
    let swapped = shared.swap_room(&event, scene.room.room.mail(), lagoon.room.mail());
    swapped.expect("swapped");
    wait_removed(&scene, &booking).await;
    let new = lagoon.wait_starts("the other room", &[tomorrow(9)]).await;
    assert_eq!(whose(&new[0]), "u-eve");
    let copy = eve.event(&event).expect("her copy");
    assert_eq!(copy["status"], "confirmed");
    scene.cluster.finish().await;
}
