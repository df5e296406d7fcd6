//! Listings that Google made before we wrote, and that come in after it: they say nothing about what we wrote.

use std::time::Duration;

use google_sim::Operation;
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{NewBooking, app::user};

use crate::{
    declining::allowing,
    disconnect::count,
    scene::{Scene, Watched as _, tomorrow},
};

/// Covers R28, B4, B6.
#[tokio::test]
async fn a_comparison_that_is_older_than_a_booking_does_not_end_it() {
    let scene = Scene::new("compared before").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    // By the cursor first, then everything.
    let delta = google.hold_answer(Operation::List, scene.room.room.mail());
    let all = google.hold_answer(Operation::List, scene.room.room.mail());
    app.sync_now("acme", "aquarium").await.expect("asked");
    delta.wait_until_reached().await;
    delta.release();
    all.wait_until_reached().await;
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let asked = app.create_booking("acme", new.waiting(Duration::from_secs(2)));
    let booking = asked.await.expect("CreateBooking").booking.expect("one");
    assert_ne!(booking.state(), BookingState::Requested);
    all.release();

    let found = scene.wait_starts("confirmed", &[tomorrow(9)]).await;
    assert_eq!(found[0].booking_id, booking.booking_id);
    let told = scene.room.history(&booking);
    assert!(told.iter().all(|it| it.cause.is_empty()), "{told:?}");
    scene.cluster.finish().await;
}

/// Covers R61, D25.
#[tokio::test]
async fn a_listing_that_is_older_than_a_decline_does_not_bring_the_booking_back() {
    let scene = allowing("listed before").await;
    let (event, booking) = scene.given_meeting(9).await;
    scene.cluster.calm().await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let held = google.hold_answer(Operation::List, scene.room.room.mail());
    scene
        .ana
        .retitle_event(&event, "Planning")
        .expect("changed");
    held.wait_until_reached().await;
    let declined = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    assert_eq!(declined.await.expect("declined").cause, "DECLINED");
    held.release();
    scene.cluster.calm().await;
    scene.wait_count("no booking", 0).await;
    // Nor for a moment, as another one.
    let bookings = "SELECT count(*) FROM booking.bookings";
    assert_eq!(count(&scene.cluster, bookings).await, 1);
    scene.cluster.finish().await;
}
