//! Booking by consent: in the connection's calendar "Flexopus", with the user as guest.

use google_sim::Operation;
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::NewBooking;

use crate::{
    booking_user::event_of,
    connect::{linked, unconnected},
    scene::{Watched as _, at, tomorrow, whose},
};

/// Covers R25, R29, R30, R31, D3.
#[tokio::test]
async fn by_consent_the_user_is_a_guest_who_may_change_the_event() {
    let (cluster, organisation) = unconnected("booking by consent").await;
    let (app, google) = (cluster.app(), cluster.google());
    let connected = app.connect_by_consent("acme", organisation.admin.mail());
    connected.await.expect("connected");
    let room = linked(&cluster, &organisation, "acme").await;
    let ana = organisation.given_user("ana");
    app.given_user("acme", "u-ana", ana.mail()).await;

    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    let booking = app.book("acme", new).await;

    assert_eq!(whose(&booking), "u-ana");
    let event = ana.event(&event_of(&booking)).expect("Ana's copy");
    let organizer = event["organizer"]["email"].as_str().expect("an organizer");
    assert!(
        organizer.ends_with("@group.calendar.google.com"),
        "{organizer}"
    );
    assert_eq!(event["guestsCanModify"], true);
    let own = event["attendees"].as_array().expect("guests");
    let own = own.iter().find(|guest| guest["self"] == true).expect("Ana");
    assert_eq!(
        own["responseStatus"], "needsAction",
        "nobody answers for Ana"
    );
    let inserted = google.calls(Operation::Insert);
    assert_eq!(inserted.len(), 1);
    // Who reads mail elsewhere sees the event only so.
    let mails = inserted[0].query.get("sendUpdates");
    assert_eq!(mails.map(String::as_str), Some("all"));
    room.wait_booking("the stream tells it", tomorrow(9), BookingState::Confirmed)
        .await;

    // A guest who may modify it moves it; the simulator moves it where it was made.
    let shared = organisation.org.user(organizer);
    shared
        .move_event(&event_of(&booking), at(14), at(15))
        .expect("moved");
    let moved = room
        .wait_booking("the moved one", tomorrow(14), BookingState::Confirmed)
        .await;
    assert_eq!(moved.booking_id, booking.booking_id);
    assert_eq!(whose(&moved), "u-ana");
    cluster.finish().await;
}
