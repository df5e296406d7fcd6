//! The room's answer decides whether an event is a booking.

use google_sim::{Answer, NewEvent};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::Cluster;
use serde_json::json;

use crate::scene::{Scene, tomorrow};

/// Covers D10.
#[tokio::test]
async fn a_room_that_has_not_answered_is_pending_until_a_human_accepts() {
    let scene = Scene::new("a pending booking").await;
    scene.room.room.auto_accept(false).expect("answers by hand");
    let event = scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");

    let pending = scene
        .wait_booking("pending", tomorrow(9), BookingState::Pending)
        .await;
    assert_eq!(scene.listed().await.len(), 1, "it blocks the slot");

    scene
        .room
        .room
        .respond(&event, Answer::Tentative)
        .expect("maybe");
    scene
        .room
        .room
        .respond(&event, Answer::Accepted)
        .expect("yes");
    let confirmed = scene
        .wait_booking("confirmed", tomorrow(9), BookingState::Confirmed)
        .await;
    assert_eq!(confirmed.booking_id, pending.booking_id);
    scene.cluster.finish().await;
}

/// Covers D10.
#[tokio::test]
async fn a_room_that_declines_ends_the_booking_although_the_event_stays_confirmed() {
    let scene = Scene::new("a declined booking").await;
    let (event, booking) = scene.given_meeting(9).await;

    scene
        .room
        .room
        .respond(&event, Answer::Declined)
        .expect("the room says no");

    scene.wait_count("the booking gone", 0).await;
    let history = scene
        .room
        .subscriber
        .journal(|j| j.history(&booking.booking_id));
    let last = history.last().expect("its end");
    assert_eq!(
        (last.state(), last.cause.as_str()),
        (BookingState::Removed, "ROOM_DECLINED")
    );
    let copy = scene.room.room.event(&event).expect("the room's copy");
    assert_eq!(
        copy["status"], "confirmed",
        "Google keeps it on the room's calendar"
    );
    scene.cluster.finish().await;
}

/// Covers D10.
#[tokio::test]
async fn of_two_meetings_at_once_the_room_declines_the_second() {
    let scene = Scene::new("a double booking").await;
    let (_, first) = scene.given_meeting(9).await;
    let event = scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes the second, too");
    let answered = scene
        .room
        .room
        .wait_answered(&event, std::time::Duration::from_secs(10))
        .await;
    assert_eq!(answered.expect("the room answers"), Answer::Declined);

    // A later change shows that the declined one was seen and left out.
    scene.given_meeting(11).await;
    let listed = scene.listed().await;
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert_eq!(listed[0].booking_id, first.booking_id);
    scene.cluster.finish().await;
}

/// Covers D10.
#[tokio::test]
async fn an_event_made_on_the_rooms_own_calendar_is_a_booking() {
    let scene = Scene::new("the room as organizer").await;
    let admin = scene.room.organisation.admin.mail().to_owned();
    let event = NewEvent::timed(tomorrow(9), tomorrow(10));
    scene
        .room
        .room
        .insert_event(&admin, event)
        .expect("Google takes it");
    scene
        .wait_booking("the room's own", tomorrow(9), BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}

/// Covers D10.
#[tokio::test]
async fn a_tentative_event_in_a_room_that_accepted_is_a_booking() {
    let scene = Scene::new("a tentative event").await;
    let tentative = scene.meeting(9).with("status", json!("tentative"));
    scene.ana.insert_event(tentative).expect("Google takes it");
    scene
        .wait_booking("the tentative one", tomorrow(9), BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}

/// Covers D10.
#[tokio::test]
async fn an_event_shown_as_free_on_the_rooms_calendar_is_no_booking() {
    let scene = Scene::new("a transparent event").await;
    let admin = scene.room.organisation.admin.mail().to_owned();
    let free =
        NewEvent::timed(tomorrow(9), tomorrow(10)).with("transparency", json!("transparent"));
    scene
        .room
        .room
        .insert_event(&admin, free)
        .expect("Google takes it");
    scene.given_meeting(11).await;
    assert_eq!(scene.listed().await.len(), 1);
    scene.cluster.finish().await;
}

/// Covers D10, D26.
#[tokio::test]
async fn a_moved_meeting_whose_room_answers_late_is_pending_meanwhile() {
    let cluster = Cluster::start("a moved meeting, answered late").await;
    let scene = Scene::with(cluster).await;
    let (event, before) = scene.given_meeting(9).await;
    scene.room.room.auto_accept(false).expect("answers by hand");

    scene
        .ana
        .move_event(&event, crate::scene::at(14), crate::scene::at(15))
        .expect("moved");

    let pending = scene
        .wait_booking("asked anew", tomorrow(14), BookingState::Pending)
        .await;
    assert_eq!(pending.booking_id, before.booking_id);
    scene
        .room
        .room
        .respond(&event, Answer::Accepted)
        .expect("yes");
    scene
        .wait_booking("accepted anew", tomorrow(14), BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}
