//! A booking made in Flexopus while its room has not answered: watched without any push, honestly undecided
//! after a while, and still watched.

use std::time::Duration;

use google_sim::{Answer, NewRoom, PushEffect, PushFault, scopes};
use roomsync_proto::booking::v1::{Booking, BookingFlag, BookingState};
use roomsync_testkit::{Cluster, NewBooking, Organisation, SOON, Service, found_within};

use crate::scene::{Scene, Watched as _, tomorrow};

/// Long enough to be told of the event, too short for the room.
const IMPATIENT: Duration = Duration::from_secs(2);

/// A room that answers when a human says so, though Google says that it answers by itself; nobody is ever
/// pushed anything; and what is not answered within four seconds is undecided.
async fn silent(name: &str) -> Scene {
    let cluster = Cluster::builder(name)
        .google(|settings| settings.room_answer_delay = Duration::from_mins(10))
        .set(Service::BookingCommand, "bookings.undecided_after", "4s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google();
    google.add_push_fault(PushFault::always(PushEffect::Drop));
    scene
}

/// Ana books at nine and does not wait for the room.
async fn asked(scene: &Scene) -> Booking {
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana").waiting(IMPATIENT);
    let answer = scene.cluster.app().create_booking("acme", new).await;
    let booking = answer.expect("CreateBooking").booking.expect("a booking");
    assert_eq!(booking.state(), BookingState::Pending, "{booking:?}");
    booking
}

/// The event of a booking of ours.
fn event(booking: &Booking) -> String {
    booking.booking_id.replace('-', "")
}

/// Covers B6, R28, D1.
#[tokio::test]
async fn a_room_that_answers_late_confirms_the_booking_without_any_push() {
    let cluster = Cluster::builder("answers late")
        .google(|settings| settings.room_answer_delay = Duration::from_millis(4500))
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google();
    google.add_push_fault(PushFault::always(PushEffect::Drop));

    let pending = asked(&scene).await;
    let confirmed = scene
        .wait_booking("confirmed", tomorrow(9), BookingState::Confirmed)
        .await;

    assert_eq!(confirmed.booking_id, pending.booking_id);
    scene.cluster.finish().await;
}

/// Covers B6.
#[tokio::test]
async fn no_answer_in_time_is_undecided_and_a_later_yes_confirms() {
    let scene = silent("undecided, then yes").await;
    let booking = asked(&scene).await;
    let undecided = scene
        .wait_booking("undecided", tomorrow(9), BookingState::Undecided)
        .await;
    assert_eq!(undecided.booking_id, booking.booking_id);
    assert_eq!(scene.listed().await.len(), 1, "it still blocks");

    let room = &scene.room.room;
    room.respond(&event(&booking), Answer::Accepted)
        .expect("yes, at last");
    let confirmed = scene
        .wait_booking("confirmed", tomorrow(9), BookingState::Confirmed)
        .await;
    assert_eq!(confirmed.booking_id, booking.booking_id);
    let told: Vec<_> = (scene
        .cluster
        .app()
        .history("acme", &booking.booking_id)
        .await)
        .expect("ListHistory")
        .into_iter()
        .map(|entry| entry.state())
        .collect();
    assert!(
        told.ends_with(&[BookingState::Undecided, BookingState::Confirmed]),
        "{told:?}"
    );
    scene.cluster.finish().await;
}

/// Covers B6, D1.
#[tokio::test]
async fn a_no_after_the_deadline_rejects_and_takes_the_event_back() {
    let scene = silent("undecided, then no").await;
    let booking = asked(&scene).await;
    scene
        .wait_booking("undecided", tomorrow(9), BookingState::Undecided)
        .await;

    let room = &scene.room.room;
    room.respond(&event(&booking), Answer::Declined)
        .expect("no, at last");
    let is_rejected = |booking: &Booking| booking.state() == BookingState::Rejected;
    let app = scene.cluster.app();
    let rejected = app.wait_booking("rejected", "acme", &booking.booking_id, is_rejected);
    assert_eq!(rejected.await.cause, "ROOM_DECLINED_WHILE_FREE");
    let gone = found_within(SOON, async || {
        let copy = scene.ana.event(&event(&booking)).expect("her copy");
        (copy["status"] == "cancelled").then_some(())
    });
    assert!(gone.await.is_some(), "the event is taken back");
    scene.cluster.finish().await;
}

/// Covers B6, D10.
#[tokio::test]
async fn where_a_human_approves_it_stays_pending_past_the_deadline() {
    let cluster = Cluster::builder("approved late")
        .google(|settings| settings.room_answer_delay = Duration::from_mins(10))
        .set(Service::BookingCommand, "bookings.undecided_after", "4s")
        .start()
        .await;
    // Google tells how a room answers only where the optional scope was granted.
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let all = [
        scopes::EVENTS,
        scopes::EVENTS_OWNED,
        scopes::RESOURCES_READONLY,
        scopes::CALENDARS_READONLY,
    ];
    let delegated = organisation.org.delegate(&organisation.account, &all);
    delegated.expect("the optional scope, too");
    let scene = Scene::with(cluster).await;
    let board = NewRoom::named("Board").answered_by_humans();
    let board = organisation.org.add_room(board).expect("a room");
    let board = scene.link("board", board).await;
    let app = scene.cluster.app();
    let new = NewBooking::by_user("board", tomorrow(9), "u-ana").waiting(IMPATIENT);
    let answer = app.create_booking("acme", new).await;
    let booking = answer.expect("CreateBooking").booking.expect("a booking");
    assert_eq!(booking.state(), BookingState::Pending);
    assert!(booking.flags().eq([BookingFlag::AwaitingApproval]));

    // What was asked for later, of a room that should have answered by itself, is undecided first.
    asked(&scene).await;
    let undecided = scene
        .wait_booking("undecided", tomorrow(9), BookingState::Undecided)
        .await;
    let now = app.booking("acme", &booking.booking_id).await;
    assert_eq!(now.expect("GetBooking").state(), BookingState::Pending);
    for (room, booking) in [(&board, &booking), (&scene.room, &undecided)] {
        let answered = room.room.respond(&event(booking), Answer::Accepted);
        answered.expect("approved");
        room.wait_starts("confirmed", &[tomorrow(9)]).await;
    }
    scene.cluster.finish().await;
}
