//! A device books the room it hangs at: straight on the room's calendar.

use google_sim::{Answer, Operation, PushEffect, PushFault};
use roomsync_process::grpc;
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{NewBooking, SOON, eventually};

use crate::{
    booking_user::{event_of, live},
    scene::{Scene, tomorrow, whose},
};

fn at_the_door() -> NewBooking {
    NewBooking::by_device("aquarium", tomorrow(9), "door-1")
}

/// Covers R42, B2.
#[tokio::test]
async fn a_device_books_without_anybodys_calendar() {
    let scene = Scene::new("a device books").await;

    let booking = scene.cluster.app().book("acme", at_the_door()).await;

    assert_eq!(whose(&booking), "door-1");
    let event = scene
        .room
        .room
        .event(&event_of(&booking))
        .expect("an event");
    assert_eq!(event["organizer"]["self"], true);
    assert_eq!(event.get("attendees"), None);
    scene
        .wait_booking("the stream tells it", tomorrow(9), BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}

/// Covers D1, R28.
#[tokio::test]
async fn a_meeting_that_the_mirror_has_not_seen_is_seen_before_a_device_books() {
    let scene = Scene::new("a device looks first").await;
    let google = scene.cluster.google();
    google.add_push_fault(PushFault::always(PushEffect::Drop));
    let event = scene.ana.insert_event(scene.meeting(9));
    let event = event.expect("Google takes it");

    let answer = scene
        .cluster
        .app()
        .create_booking("acme", at_the_door())
        .await;

    match answer {
        Ok(answer) => {
            let booking = answer.booking.expect("a booking");
            assert_eq!(booking.state(), BookingState::Rejected, "{booking:?}");
            assert_eq!(booking.cause, "SLOT_TAKEN");
            assert_eq!(booking.external_provider, "", "it never got there");
        }
        // The mirror was faster.
        Err(status) => assert_eq!(grpc::reason(&status).as_deref(), Some("SLOT_TAKEN")),
    }
    assert!(google.calls(Operation::Insert).is_empty());
    google.clear_push_faults();
    // Of this one the mirror hears.
    scene
        .ana
        .retitle_event(&event, "Planning")
        .expect("retitled");
    scene.cluster.finish().await;
}

/// Covers D1, B7.
#[tokio::test]
async fn of_a_device_and_somebody_in_google_the_later_one_goes() {
    let scene = Scene::new("a device was later").await;
    let google = scene.cluster.google();
    google.add_push_fault(PushFault::always(PushEffect::Drop));
    let held = google.hold(Operation::Insert, scene.room.room.mail());
    let app = scene.cluster.app();
    let call = app.create_booking("acme", at_the_door());
    let meanwhile = async {
        held.wait_until_reached().await;
        let event = scene
            .ana
            .insert_event(scene.meeting(9))
            .expect("Google takes it");
        eventually(SOON, "the room accepts", async || {
            (scene.room.room.answer(&event) == Some(Answer::Accepted)).then_some(())
        })
        .await;
        held.release();
        event
    };

    let (answer, theirs) = tokio::join!(call, meanwhile);

    let booking = answer.expect("CreateBooking").booking.expect("a booking");
    assert!(
        matches!(
            booking.state(),
            BookingState::Rejected | BookingState::Removed
        ),
        "{booking:?}"
    );
    assert_eq!(booking.cause, "SLOT_TAKEN");
    let event = event_of(&booking);
    app.wait_for("our event is gone", async || {
        let events = google.events(scene.room.room.mail()).unwrap_or_default();
        let ours = live(&events).iter().any(|it| it["id"] == *event);
        Ok((!ours).then_some(()))
    })
    .await;
    google.clear_push_faults();
    // Of this one the mirror hears.
    scene
        .ana
        .retitle_event(&theirs, "Planning")
        .expect("retitled");
    scene.cluster.finish().await;
}
