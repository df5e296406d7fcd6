//! Google in trouble while a booking is made: exactly one event and one booking, or none.

use std::time::Duration;

use google_sim::{Effect, Fault, Operation};
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{Cluster, NewBooking, Service};

use crate::{
    booking_user::{event_of, live},
    scene::{Scene, tomorrow, whose},
};

fn by_ana() -> NewBooking {
    NewBooking::by_user("aquarium", tomorrow(9), "u-ana")
}

async fn asked(scene: &Scene, new: NewBooking) -> Booking {
    let answer = scene.cluster.app().create_booking("acme", new).await;
    answer.expect("CreateBooking").booking.expect("a booking")
}

async fn ends_confirmed(scene: &Scene, booking: &Booking) {
    let app = scene.cluster.app();
    let confirmed = |booking: &Booking| booking.state() == BookingState::Confirmed;
    app.wait_booking(
        "confirmed in the end",
        "acme",
        &booking.booking_id,
        confirmed,
    )
    .await;
    let events = scene.cluster.google().events(scene.ana.mail());
    let events = events.expect("a calendar");
    assert_eq!(live(&events).len(), 1, "one event: {events:?}");
    assert_eq!(scene.listed().await.len(), 1, "one booking");
}

/// Covers B6, D1.
#[tokio::test]
async fn an_answer_lost_after_the_write_ends_in_one_event_and_one_booking() {
    let scene = Scene::new("a lost answer").await;
    let google = scene.cluster.google();
    google.add_fault(Fault::next(Effect::CommitThenClose).on(Operation::Insert));

    let booking = asked(&scene, by_ana()).await;

    ends_confirmed(&scene, &booking).await;
    scene.cluster.finish().await;
}

/// Covers B6.
#[tokio::test]
async fn faults_and_throttling_are_waited_out() {
    let scene = Scene::new("faults of google").await;
    let google = scene.cluster.google();
    let faults = [
        Fault::answer(503, "backendError"),
        Fault::next(Effect::CloseConnection),
        Fault::next(Effect::Garbage),
        Fault::next(Effect::Html502),
    ];
    for fault in faults {
        google.add_fault(fault.on(Operation::Insert));
    }

    let booking = asked(&scene, by_ana().waiting(Duration::from_secs(1))).await;

    ends_confirmed(&scene, &booking).await;
    scene.cluster.finish().await;
}

/// Covers B6.
#[tokio::test]
async fn a_throttled_write_waits_as_long_as_google_says() {
    let scene = Scene::new("a throttled write").await;
    let google = scene.cluster.google();
    let throttled = Effect::Answer {
        status: 429,
        reason: "rateLimitExceeded".to_owned(),
        retry_after: Some("1".to_owned()),
        newer_envelope: false,
    };
    google.add_fault(Fault::next(throttled).on(Operation::Insert));

    let booking = asked(&scene, by_ana().waiting(Duration::from_secs(1))).await;

    ends_confirmed(&scene, &booking).await;
    scene.cluster.finish().await;
}

/// Covers B6, D1.
#[tokio::test]
async fn a_request_that_google_never_takes_is_given_up_and_what_may_be_there_is_taken_back() {
    let cluster = Cluster::builder("given up")
        .set(Service::BookingCommand, "bookings.give_up_after", "2s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google();
    // The first one is carried out, and nobody hears of it.
    google.add_fault(Fault::next(Effect::CommitThenClose).on(Operation::Insert));
    let silent = Fault::answer(503, "backendError").always();
    google.add_fault(silent.clone().on(Operation::Insert));
    // Neither does the mirror.
    google.add_fault(silent.on(Operation::List));

    let booking = asked(&scene, by_ana()).await;

    let app = scene.cluster.app();
    let rejected = |booking: &Booking| booking.state() == BookingState::Rejected;
    let given_up = app
        .wait_booking("given up", "acme", &booking.booking_id, rejected)
        .await;
    assert_eq!(given_up.cause, "GOOGLE_UNAVAILABLE");
    google.clear_faults();
    let event = event_of(&booking);
    app.wait_for("the event is taken back", async || {
        let event = scene.ana.event(&event).ok();
        Ok(event.filter(|it| it["status"] == "cancelled").map(drop))
    })
    .await;
    scene.cluster.finish().await;
}

/// Covers D22.
#[tokio::test]
async fn somebody_without_google_calendar_is_booked_for_in_the_shared_calendar() {
    let scene = Scene::new("calendar off").await;
    scene.ana.calendar_off(true).expect("switched off");
    let app = scene.cluster.app();

    let booking = app.book("acme", by_ana()).await;

    assert_eq!(whose(&booking), "u-ana");
    let event = event_of(&booking);
    let event = scene.room.room.event(&event).expect("the room's copy");
    let organizer = event["organizer"]["email"].as_str().expect("an organizer");
    assert!(
        organizer.ends_with("@group.calendar.google.com"),
        "{organizer}"
    );

    // Remembered: the other place is not tried again.
    let before = scene.cluster.google().calls(Operation::Insert).len();
    app.book(
        "acme",
        NewBooking::by_user("aquarium", tomorrow(11), "u-ana"),
    )
    .await;
    let after = scene.cluster.google().calls(Operation::Insert).len();
    assert_eq!(after - before, 1);
    let still = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(still.reason, "", "nothing is wrong with the connection");
    scene.cluster.finish().await;
}

/// Covers D22, B6.
#[tokio::test]
async fn a_fault_between_one_place_and_the_other_is_waited_out() {
    let scene = Scene::new("between places").await;
    scene.ana.calendar_off(true).expect("switched off");
    let google = scene.cluster.google();
    google.add_fault(Fault::answer(503, "backendError").on(Operation::CalendarInsert));

    let booking = asked(&scene, by_ana().waiting(Duration::from_secs(1))).await;

    let app = scene.cluster.app();
    let settled = |booking: &Booking| booking.state() != BookingState::Requested;
    let booking = app
        .wait_booking("not given up", "acme", &booking.booking_id, settled)
        .await;
    assert_ne!(booking.state(), BookingState::Rejected, "{booking:?}");
    scene.cluster.finish().await;
}

/// Covers R32, B6.
#[tokio::test]
async fn a_request_survives_the_process_that_took_it() {
    let cluster = Cluster::builder("a process dies")
        .set(Service::BookingCommand, "bookings.claim", "4s")
        .start()
        .await;
    let mut scene = Scene::with(cluster).await;
    let held = scene.cluster.google().hold_any(Operation::Insert);
    let booking = asked(&scene, by_ana().waiting(Duration::from_secs(1))).await;
    assert_eq!(booking.state(), BookingState::Requested);
    held.wait_until_reached().await;
    scene.cluster.kill_replica(Service::BookingCommand, 0).await;
    held.release();
    scene.cluster.restart(Service::BookingCommand).await;

    ends_confirmed(&scene, &booking).await;
    scene.cluster.finish().await;
}
