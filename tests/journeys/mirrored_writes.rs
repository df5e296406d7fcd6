//! Events that we made, as the mirror meets them again: refused by the room, moved or handed to another room by
//! their user, and found anew after the link was made anew.

use std::time::Duration;

use google_sim::{Answer, Effect, Fault, NewEvent, NewRoom, Operation, Settings};
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{LinkedRoom, NewBooking, SOON, found_within};

use crate::scene::{Scene, Watched as _, at, start, tomorrow, whose};

/// Enough for a test to be faster than the room.
const SLOW: Duration = Duration::from_mins(10);
/// Long enough to be told of the event, too short for such a room.
const IMPATIENT: Duration = Duration::from_secs(2);

fn slow(settings: &mut Settings) {
    settings.room_answer_delay = SLOW;
}

/// The event of a booking of ours.
fn event(booking: &Booking) -> String {
    booking.booking_id.replace('-', "")
}

async fn ended(scene: &Scene, booking: &Booking) -> Booking {
    let app = scene.cluster.app();
    let has_ended = |booking: &Booking| !booking.cause.is_empty();
    app.wait_booking("its end", "acme", &booking.booking_id, has_ended)
        .await
}

/// Waits until Ana's copy of the event is cancelled.
async fn wait_taken_back(scene: &Scene, event: &str) {
    let gone = found_within(SOON, async || {
        let copy = scene.ana.event(event).expect("her copy");
        (copy["status"] == "cancelled").then_some(())
    });
    assert!(gone.await.is_some(), "the event is still there");
}

/// How often the room declined a request although it was free.
async fn declined_while_free(scene: &Scene, link: &str) -> i64 {
    let link = scene.cluster.app().link("acme", link).await;
    let coverage = link.expect("GetLink").coverage;
    coverage.unwrap_or_default().declined_while_free
}

/// Covers D1, R28.
#[tokio::test]
async fn somebody_in_google_is_faster() {
    let scene = Scene::new("somebody was faster").await;
    // Bob's meeting stands on the room's calendar, and nobody has told us yet.
    let bob = scene.colleague("bob").await;
    let google = scene.cluster.google();
    let held = google.hold(Operation::List, scene.room.room.mail());
    let theirs = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(scene.room.room.mail());
    let theirs = bob.insert_event(theirs).expect("Google takes it");
    let answered = scene.room.room.wait_answered(&theirs, SOON).await;
    assert_eq!(answered.expect("an answer"), Answer::Accepted);

    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana").waiting(IMPATIENT);
    let answer = scene.cluster.app().create_booking("acme", new).await;
    let booking = answer.expect("CreateBooking").booking.expect("a booking");
    held.release();

    let rejected = ended(&scene, &booking).await;
    assert_eq!(
        (
            rejected.state(),
            rejected.cause.as_str(),
            rejected.event_kept
        ),
        (BookingState::Rejected, "ROOM_DECLINED", false)
    );
    wait_taken_back(&scene, &event(&booking)).await;
    let bobs = scene.wait_starts("only Bob's", &[tomorrow(9)]).await;
    assert_eq!(whose(&bobs[0]), "u-bob");
    let link = &scene.room.link.link_id;
    assert_eq!(declined_while_free(&scene, link).await, 0);
    scene.cluster.finish().await;
}

/// Covers D1, B6.
#[tokio::test]
async fn a_booker_without_the_right_to_book_the_room_is_counted() {
    let scene = Scene::new("without the right").await;
    let board = given_board(&scene).await;

    let new = NewBooking::by_user("board", tomorrow(9), "u-ana");
    let answer = scene.cluster.app().create_booking("acme", new).await;
    let booking = answer.expect("CreateBooking").booking.expect("a booking");

    assert_eq!(
        (booking.state(), booking.cause.as_str()),
        (BookingState::Rejected, "ROOM_DECLINED_WHILE_FREE")
    );
    wait_taken_back(&scene, &event(&booking)).await;
    assert_eq!(declined_while_free(&scene, &board.link.link_id).await, 1);
    board.wait_count("nothing is booked", 0).await;
    scene.cluster.finish().await;
}

/// A room that accepts nobody: it declines although it is free.
async fn given_board(scene: &Scene) -> LinkedRoom {
    let room = NewRoom {
        bookable_by_everyone: false,
        ..NewRoom::named("Board")
    };
    let room = scene.room.organisation.org.add_room(room).expect("a room");
    scene.link("board", room).await
}

/// Covers D1, B6.
#[tokio::test]
async fn an_event_is_taken_back_whatever_google_answers_meanwhile() {
    let scene = Scene::new("taken back in troubles").await;
    given_board(&scene).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let faults = [
        Fault::answer(412, "conditionNotMet"),
        Fault::answer(503, "backendError"),
        Fault::answer(401, "authError"),
        Fault::next(Effect::CommitThenClose),
        Fault::next(Effect::CloseConnection),
        Fault::next(Effect::Html502),
        Fault::answer(429, "rateLimitExceeded"),
    ];
    for (hour, fault) in (8..).zip(faults) {
        google.add_fault(fault.clone().on(Operation::Delete));
        let new = NewBooking::by_user("board", tomorrow(hour), "u-ana");
        let answer = app.create_booking("acme", new).await;
        let booking = answer.expect("CreateBooking").booking.expect("a booking");
        let told = (booking.state(), booking.cause.as_str());
        let expected = (BookingState::Rejected, "ROOM_DECLINED_WHILE_FREE");
        assert_eq!(told, expected, "{fault:?}");
        wait_taken_back(&scene, &event(&booking)).await;
        scene.cluster.calm().await;
        let after = app.booking("acme", &booking.booking_id).await;
        assert!(!after.expect("GetBooking").event_kept, "{fault:?}");
    }

    // What Google does not let us delete stays, and it is said.
    let never = Fault::answer(403, "forbidden").on(Operation::Delete);
    google.add_fault(never);
    let new = NewBooking::by_user("board", tomorrow(20), "u-ana");
    let answer = app.create_booking("acme", new).await;
    let booking = answer.expect("CreateBooking").booking.expect("a booking");
    let is_told = |booking: &Booking| booking.event_kept;
    app.wait_booking("kept", "acme", &booking.booking_id, is_told)
        .await;
    let copy = scene.ana.event(&event(&booking)).expect("her event");
    assert_eq!(copy["status"], "confirmed");
    scene.cluster.finish().await;
}

/// Covers D1, R7, R31.
#[tokio::test]
async fn an_event_that_gets_a_guest_while_it_is_taken_back_is_kept() {
    let scene = Scene::new("a guest in between").await;
    given_board(&scene).await;
    let bob = scene.colleague("bob").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let held = google.hold_any(Operation::Delete);
    let new = NewBooking::by_user("board", tomorrow(9), "u-ana");
    let answer = app.create_booking("acme", new).await;
    let booking = answer.expect("CreateBooking").booking.expect("a booking");
    assert_eq!(booking.state(), BookingState::Rejected);
    let event = event(&booking);

    // It was looked at, and is about to be deleted.
    held.wait_until_reached().await;
    let copy = scene.ana.event(&event).expect("her event");
    let mut guests = copy["attendees"].as_array().expect("guests").clone();
    guests.push(serde_json::json!({ "email": bob.mail() }));
    let changed = scene
        .ana
        .patch_event(&event, serde_json::json!({ "attendees": guests }));
    changed.expect("invited");
    held.release();

    let is_told = |booking: &Booking| booking.event_kept;
    app.wait_booking("kept", "acme", &booking.booking_id, is_told)
        .await;
    for person in [&scene.ana, &bob] {
        let copy = person.event(&event).expect("a copy");
        assert_eq!(copy["status"], "confirmed", "it is Ana's and Bob's");
    }
    let refused = google.calls(Operation::Delete);
    let statuses: Vec<_> = refused.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(412)]);
    scene.cluster.finish().await;
}

/// Covers D1, R31.
#[tokio::test]
async fn an_event_that_got_a_guest_before_the_room_declined_is_kept() {
    let scene = Scene::at_google("a guest before the no", slow).await;
    let bob = scene.colleague("bob").await;
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana").waiting(IMPATIENT);
    let answer = scene.cluster.app().create_booking("acme", new).await;
    let booking = answer.expect("CreateBooking").booking.expect("a booking");
    assert_eq!(booking.state(), BookingState::Pending);
    let event = event(&booking);

    let copy = scene.ana.event(&event).expect("her event");
    let mut guests = copy["attendees"].as_array().expect("guests").clone();
    guests.push(serde_json::json!({ "email": bob.mail() }));
    let changed = scene
        .ana
        .patch_event(&event, serde_json::json!({ "attendees": guests }));
    changed.expect("invited");
    scene
        .room
        .room
        .respond(&event, Answer::Declined)
        .expect("the room says no");

    let is_told = |booking: &Booking| booking.event_kept;
    let app = scene.cluster.app();
    let kept = app.wait_booking("kept", "acme", &booking.booking_id, is_told);
    let kept = kept.await;
    assert_eq!(
        (kept.state(), kept.cause.as_str()),
        (BookingState::Rejected, "ROOM_DECLINED_WHILE_FREE")
    );
    let copy = scene.ana.event(&event).expect("her event");
    assert_eq!(copy["status"], "confirmed", "it is Ana's and Bob's");
    scene.cluster.finish().await;
}

/// Covers R31, D26.
#[tokio::test]
async fn a_booking_follows_its_event_when_its_user_moves_it() {
    let scene = Scene::new("our event moved").await;
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let booking = scene.cluster.app().book("acme", new).await;
    let event = event(&booking);

    scene.ana.move_event(&event, at(14), at(15)).expect("moved");
    let moved = scene.wait_starts("moved", &[tomorrow(14)]).await;
    assert_eq!(moved[0].booking_id, booking.booking_id);
    assert_eq!(whose(&moved[0]), "u-ana");

    // What is free now can be booked, what is taken cannot.
    let new = NewBooking::by_device("aquarium", tomorrow(9), "door-1");
    let other = scene.cluster.app().book("acme", new).await;
    let new = NewBooking::by_device("aquarium", tomorrow(14), "door-1");
    let refused = scene.cluster.app().create_booking("acme", new).await;
    assert_eq!(
        refused.expect_err("taken").code(),
        tonic::Code::FailedPrecondition
    );
    assert_eq!(start(&other), tomorrow(9));
    scene.cluster.finish().await;
}

/// Covers R31, D9, B17.
#[tokio::test]
async fn an_event_that_takes_another_room_is_a_new_booking_of_its_user() {
    let scene = Scene::new("our event in another room").await;
    let lagoon = scene.another_room("Lagoon").await;
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let booking = scene.cluster.app().book("acme", new).await;

    let swapped = scene
        .ana
        .swap_room(&event(&booking), scene.room.room.mail(), lagoon.room.mail());
    swapped.expect("swapped");
    let removed = ended(&scene, &booking).await;
    assert_eq!(removed.state(), BookingState::Removed);
    let new = lagoon.wait_starts("the other room", &[tomorrow(9)]).await;
    assert_ne!(new[0].booking_id, booking.booking_id);
    assert_eq!(whose(&new[0]), "u-ana");
    scene.cluster.finish().await;
}

/// Covers D9, R79, R42.
#[tokio::test]
async fn a_new_link_finds_the_bookings_of_users_and_devices_again() {
    let scene = Scene::new("linked again").await;
    let app = scene.cluster.app();
    for new in [
        NewBooking::by_user("aquarium", tomorrow(9), "u-ana"),
        NewBooking::by_device("aquarium", tomorrow(11), "door-1"),
    ] {
        app.book("acme", new).await;
    }
    app.unlink("acme", &scene.room.link.link_id)
        .await
        .expect("closing");
    scene.wait_count("no bookings", 0).await;

    let again = scene.link("aquarium", scene.room.room.clone()).await;
    let hours = [9, 11].map(tomorrow);
    let found = again.wait_starts("found again", &hours).await;
    let owners: Vec<_> = found.iter().map(whose).collect();
    assert_eq!(owners, ["u-ana", "door-1"]);
    scene.cluster.finish().await;
}
