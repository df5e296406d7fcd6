//! A request is taken back before the room has answered: nothing of it stays in Google (D24).

use std::time::Duration;

use google_sim::{Effect, Fault, Operation, Settings};
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{
    NewBooking, SOON,
    app::bookings::{administrator, device, user},
    found_within,
};
use tonic::Code;

use crate::{
    declining::{allow, refusal, said},
    scene::{Scene, availability, tomorrow},
};

/// Longer than any test: the room is still thinking.
const THINKING: Duration = Duration::from_mins(10);
/// Long enough to be told of the event, too short for the room.
const IMPATIENT: Duration = Duration::from_secs(3);

fn thinking(settings: &mut Settings) {
    settings.room_answer_delay = THINKING;
}

/// Ana books at nine and does not wait for the room.
async fn asked(scene: &Scene) -> Booking {
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana").waiting(IMPATIENT);
    let app = scene.cluster.app();
    let answer = app.create_booking("acme", new).await;
    answer.expect("CreateBooking").booking.expect("a booking")
}

/// Waits until nobody's calendar has a live event.
async fn wait_no_event(scene: &Scene) {
    let google = scene.cluster.google();
    let calendars = [scene.ana.mail(), scene.room.room.mail()];
    let gone = found_within(SOON, async || {
        let live = calendars.iter().any(|calendar| {
            let events = google.events(calendar).expect("a calendar");
            events.iter().any(|event| event["status"] != "cancelled")
        });
        (!live).then_some(())
    });
    assert!(gone.await.is_some(), "an event is left");
}

/// Covers D24, B6.
#[tokio::test]
async fn withdrawn_before_the_room_answered_it_leaves_no_event() {
    let scene = Scene::at_google("withdrawn", thinking).await;
    let booking = asked(&scene).await;
    assert_eq!(booking.state(), BookingState::Pending);
    let app = scene.cluster.app();
    let delete = |actor| app.delete_booking("acme", &booking.booking_id, actor, false);

    let (code, reason) = refusal(delete(user("u-bob")).await);
    assert_eq!(
        (code, reason.as_str()),
        (Code::PermissionDenied, "NOT_YOURS")
    );
    let (_, reason) = refusal(delete(device("d-1")).await);
    assert_eq!(reason, "NOT_YOURS");
    let (code, reason) = refusal(delete(administrator("u-adm")).await);
    let not_allowed = (Code::FailedPrecondition, "DECLINE_NOT_ALLOWED");
    assert_eq!((code, reason.as_str()), not_allowed);

    let withdrawn = delete(user("u-ana")).await.expect("withdrawn");

    assert_eq!(said(&withdrawn), (BookingState::Rejected, "WITHDRAWN"));
    wait_no_event(&scene).await;
    let free = availability(&scene.room, &scene.cluster, tomorrow(9), tomorrow(10)).await;
    assert!(free.free, "{free:?}");
    let again = delete(user("u-ana"))
        .await
        .expect("asking again is no fault");
    assert_eq!(said(&again), (BookingState::Rejected, "WITHDRAWN"));
    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}

/// Covers D24, B6.
#[tokio::test]
async fn whatever_fails_while_it_is_taken_back_it_leaves_no_event() {
    let scene = Scene::at_google("withdrawn in trouble", thinking).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let faults = [
        Fault::answer(401, "authError"),
        Fault::answer(403, "userRateLimitExceeded"),
        Fault::answer(409, "conflict"),
        Fault::answer(412, "conditionNotMet"),
        Fault::answer(503, "backendError"),
        Fault::next(Effect::CloseConnection),
        Fault::next(Effect::CommitThenClose),
    ];
    for fault in faults {
        let booking = asked(&scene).await;
        assert_eq!(booking.state(), BookingState::Pending, "{fault:?}");
        google.add_fault(fault.clone().on(Operation::Delete));
        let withdrawn = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
        let withdrawn = withdrawn.await.expect("withdrawn");
        let expected = (BookingState::Rejected, "WITHDRAWN");
        assert_eq!(said(&withdrawn), expected, "{fault:?}");
        let event = booking.booking_id.replace('-', "");
        let gone = found_within(SOON, async || {
            let copy = scene.ana.event(&event).expect("her copy");
            (copy["status"] == "cancelled").then_some(())
        });
        assert!(gone.await.is_some(), "{fault:?} left an event");
    }
    wait_no_event(&scene).await;
    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}

/// Covers D24.
#[tokio::test]
async fn an_administrator_withdraws_it_where_bookings_may_be_declined() {
    let scene = Scene::at_google("withdrawn by an administrator", thinking).await;
    allow(&scene, true).await;
    let booking = asked(&scene).await;
    let app = scene.cluster.app();
    let withdrawn = app.delete_booking("acme", &booking.booking_id, administrator("u-adm"), false);
    let withdrawn = withdrawn.await.expect("withdrawn");
    assert_eq!(said(&withdrawn), (BookingState::Rejected, "WITHDRAWN"));
    wait_no_event(&scene).await;
    scene.cluster.finish().await;
}

/// Covers D24, B6.
#[tokio::test]
async fn withdrawn_while_google_is_making_the_event_it_leaves_none() {
    let scene = Scene::at_google("withdrawn in flight", thinking).await;
    let held = scene.cluster.google().hold_any(Operation::Insert);
    let booking = asked(&scene).await;
    assert_eq!(booking.state(), BookingState::Requested);
    held.wait_until_reached().await;

    let app = scene.cluster.app();
    let withdrawn = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let withdrawn = withdrawn.await.expect("withdrawn");
    assert_eq!(said(&withdrawn), (BookingState::Rejected, "WITHDRAWN"));
    held.release();

    // The event was made, and taken back.
    let google = scene.cluster.google();
    let deleted = found_within(SOON, async || {
        let deleted = google.calls(Operation::Delete);
        deleted
            .iter()
            .any(|call| call.status == Some(204))
            .then_some(())
    });
    assert!(deleted.await.is_some(), "it was taken back");
    wait_no_event(&scene).await;
    scene.cluster.finish().await;
}
