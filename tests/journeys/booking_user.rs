//! A user books a linked room in Flexopus: a real event in the user's own calendar.

use chrono::{TimeDelta, Utc};
use google_sim::Operation;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::booking::v1::{Booking, BookingOrigin, BookingState};
use roomsync_proto::integration::v1::TenantSettings;
use roomsync_testkit::NewBooking;
use serde_json::{Value, json};
use tonic::Code;

use crate::scene::{Scene, at, start, tomorrow, whose};

/// Google's id of the event of a booking of ours.
pub(crate) fn event_of(booking: &Booking) -> String {
    booking.booking_id.replace('-', "")
}

/// The times of an event that is not cancelled.
pub(crate) fn live(events: &[Value]) -> Vec<&Value> {
    events
        .iter()
        .filter(|event| event["status"] != "cancelled")
        .collect()
}

fn by_ana() -> NewBooking {
    NewBooking::by_user("aquarium", tomorrow(9), "u-ana")
}

/// Covers R25, R27, R28, R29, R30, R39, D2, D15.
#[tokio::test]
async fn a_booking_is_an_event_in_the_users_own_calendar_and_confirmed_when_the_room_accepts() {
    let scene = Scene::new("a user books").await;

    let booking = scene.cluster.app().book("acme", by_ana()).await;

    assert_eq!(whose(&booking), "u-ana");
    assert_eq!(booking.origin(), BookingOrigin::Flexopus);
    assert_eq!(booking.external_provider, "google");
    assert!(booking.check_in_disabled);
    let event = scene.ana.event(&event_of(&booking)).expect("Ana's event");
    assert_eq!(event["organizer"]["email"], scene.ana.mail());
    assert_eq!(event["organizer"]["self"], true);
    let guests = event["attendees"].as_array().expect("guests");
    let rooms = guests.iter().filter(|guest| guest["resource"] == true);
    assert_eq!(rooms.count(), 1);
    for absent in ["summary", "description", "conferenceData", "location"] {
        assert_eq!(event.get(absent), None, "the event carries no {absent}");
    }
    scene
        .wait_booking("the stream tells it", tomorrow(9), BookingState::Confirmed)
        .await;
    assert_eq!(scene.listed().await.len(), 1);
    scene.cluster.finish().await;
}

/// Covers R31, R17.
#[tokio::test]
async fn the_user_moves_the_event_in_google_and_the_booking_follows() {
    let scene = Scene::new("a user books and moves").await;
    let booking = scene.cluster.app().book("acme", by_ana()).await;

    let event = event_of(&booking);
    let moved = scene.ana.move_event(&event, at(14), at(15));
    moved.expect("Ana may edit it");

    let after = scene
        .wait_booking("the moved one", tomorrow(14), BookingState::Confirmed)
        .await;
    assert_eq!(after.booking_id, booking.booking_id);
    assert_eq!(whose(&after), "u-ana");
    scene.cluster.finish().await;
}

/// Covers R32, D16.
#[tokio::test]
async fn a_booking_that_starts_now_works() {
    let scene = Scene::new("a booking from now on").await;
    let now = SystemClock.now();
    let new = NewBooking::by_user("aquarium", now, "u-ana").until(now + TimeDelta::minutes(15));

    let booking = scene.cluster.app().book("acme", new).await;

    assert!(start(&booking) <= now && start(&booking) > now - TimeDelta::seconds(2));
    scene.cluster.finish().await;
}

/// Covers B6.
#[tokio::test]
async fn the_same_request_again_means_the_same_booking_and_one_event() {
    let scene = Scene::new("the same request").await;
    let app = scene.cluster.app();
    let new = by_ana().request_id("r-1");
    let (one, two) = tokio::join!(
        app.create_booking("acme", new.clone()),
        app.create_booking("acme", new.clone())
    );
    let id = |answer: Result<roomsync_proto::booking::v1::CreateBookingResponse, _>| {
        let answer: Result<_, tonic::Status> = answer;
        answer
            .expect("CreateBooking")
            .booking
            .expect("a booking")
            .booking_id
    };
    let (one, two) = (id(one), id(two));
    let three = id(app.create_booking("acme", new.clone()).await);
    assert_eq!((&one, &one), (&two, &three));
    let inserts = scene.cluster.google().calls(Operation::Insert);
    assert_eq!(inserts.len(), 1, "{inserts:?}");

    let other = new.until(tomorrow(11));
    let status = app
        .create_booking("acme", other)
        .await
        .expect_err("another content");
    assert_eq!(status.code(), Code::AlreadyExists);
    assert_eq!(grpc::reason(&status).as_deref(), Some("REQUEST_ID_REUSED"));
    scene.cluster.finish().await;
}

/// Covers D15.
#[tokio::test]
async fn a_tenants_neutral_title_is_the_only_text_of_the_event() {
    let scene = Scene::new("a neutral title").await;
    let settings = TenantSettings {
        neutral_title: Some("Flexopus booking".to_owned()),
        ..TenantSettings::default()
    };
    let app = scene.cluster.app();
    app.put_tenant("acme", true, settings).await;

    let booking = app.book("acme", by_ana()).await;

    let event = scene.ana.event(&event_of(&booking)).expect("Ana's event");
    assert_eq!(event["summary"], json!("Flexopus booking"));
    scene.cluster.finish().await;
}

/// Covers D14.
#[tokio::test]
async fn beyond_the_horizon_google_is_asked_before_anything_is_stored() {
    let scene = Scene::new("beyond the horizon").await;
    let app = scene.cluster.app();
    let far = tomorrow(9) + TimeDelta::days(500);
    let meeting = google_sim::NewEvent::timed(far, far + TimeDelta::hours(1));
    let meeting = meeting.in_room(scene.room.room.mail());
    scene.ana.insert_event(meeting).expect("Google takes it");
    let room = scene.room.room.mail();
    let new = |start: chrono::DateTime<Utc>| NewBooking::by_user("aquarium", start, "u-ana");

    let status = app
        .create_booking("acme", new(far))
        .await
        .expect_err("taken");
    assert_eq!(grpc::reason(&status).as_deref(), Some("SLOT_TAKEN"));
    assert!(scene.cluster.google().calls(Operation::Insert).is_empty());

    app.book("acme", new(far + TimeDelta::hours(2))).await;
    let of_room = scene.cluster.google().events(room).expect("a calendar");
    assert_eq!(live(&of_room).len(), 2);
    scene.cluster.finish().await;
}
