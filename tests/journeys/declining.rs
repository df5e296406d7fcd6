//! A booking is declined from Flexopus: only the room leaves, the organiser's event stays as it is.

use google_sim::{Answer, NewEvent, Operation};
use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    integration::v1::TenantSettings,
};
use roomsync_testkit::app::bookings::{administrator, device, user};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::scene::{Scene, Watched as _, at, availability, ids, start, tomorrow};

/// Lets bookings be declined from Flexopus, or not.
pub(crate) async fn allow(scene: &Scene, decline: bool) {
    let settings = TenantSettings {
        decline_allowed: Some(decline),
        ..TenantSettings::default()
    };
    scene.cluster.app().put_tenant("acme", true, settings).await;
}

/// A scene where bookings may be declined.
pub(crate) async fn allowing(name: &str) -> Scene {
    let scene = Scene::new(name).await;
    allow(&scene, true).await;
    scene
}

/// Code and reason of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("refused");
    let reason = roomsync_process::grpc::reason(&status);
    (status.code(), reason.unwrap_or_default())
}

/// What a booking is, in short.
pub(crate) fn said(booking: &Booking) -> (BookingState, &str) {
    (booking.state(), booking.cause.as_str())
}

/// Ana's copy of an event without what a guest's answer changes: the room's answer and the version.
pub(crate) fn but_the_answer(scene: &Scene, event: &str, room: &str) -> Value {
    let mut copy = scene.ana.event(event).expect("ana's copy");
    for field in ["etag", "updated"] {
        copy[field] = Value::Null;
    }
    let guests = copy["attendees"].as_array_mut().expect("a guest list");
    let entry = guests.iter_mut().find(|entry| entry["email"] == room);
    entry.expect("the room is a guest")["responseStatus"] = Value::Null;
    copy
}

/// A meeting with everything that an organiser may care for.
fn board_meeting(scene: &Scene) -> NewEvent {
    scene
        .meeting(9)
        .titled("Board")
        .with("description", json!("The quarter"))
        .with("location", json!("HQ"))
        .with_guest("guest@elsewhere.example")
}

/// Covers R36, R60, R61, R62, R63, R64.
#[tokio::test]
async fn the_owner_declines_the_room_leaves_and_the_event_stays_as_it_is() {
    let scene = allowing("declined by its owner").await;
    let event = scene.ana.insert_event(board_meeting(&scene)).expect("made");
    let booking = scene
        .wait_booking("the meeting", tomorrow(9), BookingState::Confirmed)
        .await;
    let room = scene.room.room.mail();
    let before = but_the_answer(&scene, &event, room);

    let app = scene.cluster.app();
    let declined = app
        .delete_booking("acme", &booking.booking_id, user("u-ana"), false)
        .await
        .expect("declined");

    assert_eq!(said(&declined), (BookingState::Removed, "DECLINED"));
    assert_eq!(scene.room.room.answer(&event), Some(Answer::Declined));
    assert_eq!(but_the_answer(&scene, &event, room), before);
    scene.wait_count("the booking gone", 0).await;
    let states: Vec<_> = scene.room.history(&booking);
    let states: Vec<_> = states.iter().map(Booking::state).collect();
    let last = [BookingState::Declining, BookingState::Removed];
    assert_eq!(states[states.len() - 2..], last);
    let free = availability(&scene.room, &scene.cluster, tomorrow(9), tomorrow(10)).await;
    assert!(free.free, "{free:?}");

    let again = app
        .delete_booking("acme", &booking.booking_id, user("u-ana"), false)
        .await
        .expect("asking again is no fault");
    assert_eq!(said(&again), (BookingState::Removed, "DECLINED"));
    let patches = scene.cluster.google().calls(Operation::Patch);
    assert_eq!(patches.len(), 1, "{patches:?}");
    scene.cluster.finish().await;
}

/// Covers R61, R65, R66.
#[tokio::test]
async fn without_the_option_nobody_declines_and_with_it_nobody_else() {
    let scene = Scene::new("who may decline").await;
    let (event, booking) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let delete = |actor| app.delete_booking("acme", &booking.booking_id, actor, false);
    let not_allowed = (Code::FailedPrecondition, "DECLINE_NOT_ALLOWED".to_owned());
    let not_yours = (Code::PermissionDenied, "NOT_YOURS".to_owned());

    assert_eq!(refusal(delete(user("u-ana")).await), not_allowed);
    assert_eq!(refusal(delete(administrator("u-adm")).await), not_allowed);
    for allowed in [false, true] {
        allow(&scene, allowed).await;
        assert_eq!(refusal(delete(user("u-bob")).await), not_yours);
        assert_eq!(refusal(delete(device("d-1")).await), not_yours);
    }
    assert_eq!(scene.room.room.answer(&event), Some(Answer::Accepted));
    let untouched = app.booking("acme", &booking.booking_id).await;
    assert_eq!(untouched.expect("GetBooking"), booking);

    let declined = delete(administrator("u-adm")).await.expect("declined");
    assert_eq!(said(&declined), (BookingState::Removed, "DECLINED"));
    assert_eq!(scene.room.room.answer(&event), Some(Answer::Declined));
    scene.cluster.finish().await;
}

/// Covers R24, R61.
#[tokio::test]
async fn an_anonymous_booking_of_google_is_declined_by_administrators_alone() {
    let scene = allowing("an anonymous booking declined").await;
    let zoe = scene.room.organisation.given_user("zoe");
    let event = zoe.insert_event(scene.meeting(9)).expect("made");
    let booking = scene
        .wait_booking("anonymous", tomorrow(9), BookingState::Confirmed)
        .await;
    let app = scene.cluster.app();
    let delete = |actor| app.delete_booking("acme", &booking.booking_id, actor, false);

    for actor in [user("u-ana"), device("d-1")] {
        let (code, reason) = refusal(delete(actor).await);
        assert_eq!(
            (code, reason.as_str()),
            (Code::PermissionDenied, "NOT_YOURS")
        );
    }
    let declined = delete(administrator("")).await.expect("declined");
    assert_eq!(said(&declined), (BookingState::Removed, "DECLINED"));
    let kept = zoe.event(&event).expect("the event stays");
    assert_eq!(kept["status"], "confirmed");
    scene.cluster.finish().await;
}

/// Covers R20, R62, B17.
#[tokio::test]
async fn of_an_event_with_two_rooms_only_the_one_is_freed() {
    let scene = allowing("one of two rooms declined").await;
    let other = scene.another_room("Lagoon").await;
    let event = scene.meeting(9).in_room(other.room.mail());
    let event = scene.ana.insert_event(event).expect("made");
    let booking = scene
        .wait_booking("the first", tomorrow(9), BookingState::Confirmed)
        .await;
    let kept = other.wait_starts("the second", &[tomorrow(9)]).await;

    let app = scene.cluster.app();
    let declined = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    declined.await.expect("declined");

    scene.wait_count("the first gone", 0).await;
    let after = other.wait_starts("the second stays", &[tomorrow(9)]).await;
    assert_eq!(ids(&after), ids(&kept));
    assert_eq!(other.room.answer(&event), Some(Answer::Accepted));
    scene.cluster.finish().await;
}

/// Covers D25.
#[tokio::test]
async fn moved_by_its_organiser_and_accepted_again_it_is_a_new_booking() {
    let scene = allowing("declined, then moved").await;
    let (event, booking) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let declined = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    declined.await.expect("declined");
    scene.wait_count("no booking", 0).await;

    scene.ana.move_event(&event, at(14), at(15)).expect("moved");

    let after = scene.wait_starts("a new one", &[tomorrow(14)]).await;
    assert_ne!(after[0].booking_id, booking.booking_id);
    let old = app.booking("acme", &booking.booking_id).await;
    let old = old.expect("the old one stays as it was");
    assert_eq!(said(&old), (BookingState::Removed, "DECLINED"));
    assert_eq!(start(&old), tomorrow(9));
    scene.cluster.finish().await;
}

/// Covers D18.
#[tokio::test]
async fn who_stood_in_conflict_with_it_does_so_no_longer() {
    let scene = allowing("a conflict declined").await;
    let (_, booking) = scene.given_meeting(9).await;
    // A room's keeper may accept although it is taken.
    let zoe = scene.room.organisation.given_user("zoe");
    let second = zoe.insert_event(scene.meeting(9)).expect("made");
    let room = &scene.room.room;
    room.wait_answered(&second, roomsync_testkit::SOON)
        .await
        .expect("answered");
    room.respond(&second, Answer::Accepted).expect("accepted");
    let conflict = |journal: &roomsync_testkit::Journal, count: usize, flags: usize| {
        let known = journal.bookings("aquarium");
        let right = known.len() == count && known.iter().all(|b| b.flags.len() == flags);
        right.then_some(())
    };
    let subscriber = &scene.room.subscriber;
    subscriber
        .wait_for("a conflict of two", |journal| conflict(journal, 2, 1))
        .await;

    let app = scene.cluster.app();
    let declined = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    declined.await.expect("declined");

    subscriber
        .wait_for("one without conflict", |journal| conflict(journal, 1, 0))
        .await;
    scene.cluster.finish().await;
}
