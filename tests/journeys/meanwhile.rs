//! What somebody changes at Google while we take an event back, or have the room leave it; and who stood in the
//! way of a request that comes to nothing.

use std::time::Duration;

use google_sim::{Answer, Fault, Operation, Settings, UserControl};
use roomsync_proto::booking::v1::{Booking, BookingFlag, BookingState};
use roomsync_testkit::{
    Cluster, NewBooking, SOON, Service,
    app::{device, instant, user},
    eventually,
};
use serde_json::json;

use crate::{
    booking_user::event_of,
    scene::{Scene, at, tomorrow, whose},
};

/// Longer than any test: the room is still thinking.
fn thinking(settings: &mut Settings) {
    settings.room_answer_delay = Duration::from_mins(10);
}

/// Ana books at nine and does not wait for the room.
async fn asked(scene: &Scene) -> Booking {
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana").waiting(Duration::from_secs(2));
    let answer = scene.cluster.app().create_booking("acme", new).await;
    answer.expect("CreateBooking").booking.expect("a booking")
}

/// Ana invites somebody to an event of hers.
fn invite(ana: &UserControl, event: &str, guest: &str) {
    let copy = ana.event(event).expect("her event");
    let mut guests = copy["attendees"].as_array().expect("guests").clone();
    guests.push(json!({ "email": guest }));
    let invited = ana.patch_event(event, json!({ "attendees": guests }));
    invited.expect("invited");
}

async fn wait_kept(scene: &Scene, booking: &Booking) {
    let app = scene.cluster.app();
    let is_kept = |booking: &Booking| booking.event_kept;
    app.wait_booking("kept", "acme", &booking.booking_id, is_kept)
        .await;
}

/// Covers D1, R31.
#[tokio::test]
async fn a_guest_who_is_invited_while_the_event_is_taken_back_keeps_it() {
    let scene = Scene::at_google("invited meanwhile", thinking).await;
    let bob = scene.colleague("bob").await;
    let booking = asked(&scene).await;
    let event = event_of(&booking);
    let held = scene.cluster.google().hold_any(Operation::Delete);
    let room = &scene.room.room;
    room.respond(&event, Answer::Declined).expect("a no");
    held.wait_until_reached().await;
    invite(&scene.ana, &event, bob.mail());
    held.release();

    wait_kept(&scene, &booking).await;
    let copy = bob.event(&event).expect("his copy");
    assert_eq!(copy["status"], "confirmed", "it is Ana's and Bob's");
    scene.cluster.finish().await;
}

/// Covers D1, R31.
#[tokio::test]
async fn an_event_that_is_kept_and_that_its_room_takes_after_all_is_a_booking() {
    let scene = Scene::at_google("taken after all", thinking).await;
    let bob = scene.colleague("bob").await;
    let booking = asked(&scene).await;
    let event = event_of(&booking);
    let held = scene.cluster.google().hold_any(Operation::Get);
    let room = &scene.room.room;
    room.respond(&event, Answer::Declined).expect("a no");
    held.wait_until_reached().await;
    // The mirror sees the yes while the event is still to be taken back.
    invite(&scene.ana, &event, bob.mail());
    room.respond(&event, Answer::Accepted).expect("a yes");
    let app = scene.cluster.app();
    let checked = async || {
        let link = app.link("acme", &scene.room.link.link_id).await;
        let coverage = link.expect("GetLink").coverage.expect("coverage");
        instant(coverage.last_check_at.as_ref())
    };
    let before = checked().await;
    let again = async || (checked().await > before).then_some(());
    eventually(SOON, "the room's calendar is read", again).await;
    assert!(scene.listed().await.is_empty(), "not while it is to go");
    held.release();

    wait_kept(&scene, &booking).await;
    let nine = [tomorrow(9)];
    let taken = scene.wait_starts("a booking after all", &nine).await;
    assert_ne!(taken[0].booking_id, booking.booking_id);
    assert_eq!(whose(&taken[0]), "u-ana");
    scene.cluster.finish().await;
}

/// Covers D8, R67.
#[tokio::test]
async fn a_guest_who_is_invited_while_a_device_ends_its_booking_keeps_the_event() {
    let scene = Scene::new("invited to a device's").await;
    let app = scene.cluster.app();
    let new = NewBooking::by_device("aquarium", tomorrow(9), "door-1");
    let booking = app.book("acme", new).await;
    let event = event_of(&booking);
    let held = scene.cluster.google().hold_any(Operation::Delete);
    let ended = app.delete_booking("acme", &booking.booking_id, device("door-1"), false);
    let meanwhile = async {
        held.wait_until_reached().await;
        let keeper = scene.cluster.google().user(scene.room.room.mail());
        let guests = json!({"attendees": [{"email": scene.ana.mail()}]});
        keeper.patch_event(&event, guests).expect("invited");
        held.release();
    };
    let (ended, ()) = tokio::join!(ended, meanwhile);

    assert_eq!(ended.expect("ended").state(), BookingState::Removed);
    let copy = scene.ana.event(&event).expect("Ana's copy");
    assert_eq!(copy["status"], "confirmed", "the meeting stays");
    scene.cluster.finish().await;
}

/// Bob's meeting stands where a request of Ana's does.
async fn given_conflict(scene: &Scene) -> Booking {
    let bob = scene.colleague("bob").await;
    let meeting = scene.meeting(9);
    bob.insert_event(meeting).expect("Google takes it");
    bobs(scene, "a conflict", &[BookingFlag::Conflict]).await
}

/// Waits until Bob's meeting has these flags.
async fn bobs(scene: &Scene, what: &str, flags: &'static [BookingFlag]) -> Booking {
    let subscriber = &scene.room.subscriber;
    subscriber
        .wait_for(what, |journal| {
            let known = journal.bookings("aquarium").into_iter();
            let mut bobs = known.filter(|booking| whose(booking) == "u-bob");
            bobs.find(|booking| booking.flags().eq(flags.iter().copied()))
        })
        .await
}

/// Covers D18, D24.
#[tokio::test]
async fn who_stood_in_conflict_with_a_request_that_is_withdrawn_does_so_no_longer() {
    let scene = Scene::at_google("a conflict withdrawn", thinking).await;
    let booking = asked(&scene).await;
    given_conflict(&scene).await;
    let app = scene.cluster.app();
    let withdrawn = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    withdrawn.await.expect("withdrawn");
    bobs(&scene, "no conflict", &[]).await;
    scene.cluster.finish().await;
}

/// Covers D18, D1.
#[tokio::test]
async fn who_stood_in_conflict_with_a_request_that_google_does_not_take_does_so_no_longer() {
    let cluster = Cluster::builder("a conflict given up")
        .set(Service::BookingCommand, "bookings.give_up_after", "6s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google();
    google.add_fault(
        Fault::answer(503, "backendError")
            .on(Operation::Insert)
            .always(),
    );
    asked(&scene).await;
    given_conflict(&scene).await;
    bobs(&scene, "no conflict", &[]).await;
    google.clear_faults();
    scene.cluster.finish().await;
}

/// Covers D24, R34.
#[tokio::test]
async fn a_request_whose_event_was_moved_in_google_is_googles_to_answer() {
    let scene = Scene::at_google("moved, then withdrawn", thinking).await;
    let booking = asked(&scene).await;
    let event = event_of(&booking);
    scene.ana.move_event(&event, at(14), at(15)).expect("moved");
    scene
        .wait_booking("the moved one", tomorrow(14), BookingState::Pending)
        .await;
    let app = scene.cluster.app();
    let refused = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let refused = refused.await.expect_err("refused");
    let reason = roomsync_process::grpc::reason(&refused);
    assert_eq!(reason.as_deref(), Some("BOOKING_PENDING"));
    scene.cluster.finish().await;
}
