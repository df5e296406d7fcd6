//! A one-off meeting in a linked room: made, moved, cancelled, the room taken off it.

use google_sim::NewEvent;
use roomsync_proto::{
    booking::v1::{BookingState, CheckAvailabilityRequest, GetBookingRequest, ListBookingsRequest},
    integration::v1::GetStatusRequest,
};
use roomsync_testkit::app::{instant, window};

use crate::scene::{Scene, at, start, tomorrow, whose};

/// Covers R1, R4, R12, R14, R15.
#[tokio::test]
async fn a_meeting_made_in_google_shows_who_booked_the_room_and_when() {
    let scene = Scene::new("a meeting shows who and when").await;
    let (_, booking) = scene.given_meeting(9).await;

    assert_eq!(whose(&booking), "u-ana");
    assert_eq!(start(&booking), tomorrow(9));
    assert_eq!(booking.external_provider, "google");
    let listed = scene.listed().await;
    assert_eq!(
        listed.len(),
        1,
        "the API lists what the stream said: {listed:?}"
    );
    assert_eq!(listed[0].booking_id, booking.booking_id);
    assert_eq!(listed[0].window, booking.window);
    scene.cluster.finish().await;
}

/// Covers R17, R18, D26.
#[tokio::test]
async fn a_meeting_moved_in_google_moves_its_booking_and_keeps_its_id() {
    let scene = Scene::new("a moved meeting").await;
    let (event, before) = scene.given_meeting(9).await;

    scene
        .ana
        .move_event(&event, at(14), at(15))
        .expect("Google moves it");

    let after = scene
        .wait_booking("the moved one", tomorrow(14), BookingState::Confirmed)
        .await;
    assert_eq!(after.booking_id, before.booking_id);
    assert_eq!(scene.listed().await.len(), 1, "the old slot is free");
    let history = scene
        .room
        .subscriber
        .journal(|j| j.history(&before.booking_id));
    assert!(
        history.iter().all(|b| b.state() != BookingState::Removed),
        "a move is no removal: {history:?}"
    );
    scene.cluster.finish().await;
}

/// Covers R17, R21.
#[tokio::test]
async fn a_meeting_cancelled_in_google_ends_its_booking() {
    let scene = Scene::new("a cancelled meeting").await;
    let (event, booking) = scene.given_meeting(9).await;

    scene.ana.cancel_event(&event).expect("Google cancels it");

    scene.wait_count("the booking gone", 0).await;
    let request = GetBookingRequest {
        tenant_id: scene.room.tenant.clone(),
        booking_id: booking.booking_id.clone(),
        viewer: None,
    };
    let tombstone = scene.cluster.app().bookings().get_booking(request).await;
    let tombstone = tombstone
        .expect("it stays readable")
        .into_inner()
        .booking
        .expect("a booking");
    assert_eq!(tombstone.state(), BookingState::Removed);
    assert_eq!(tombstone.cause, "CANCELLED");
    scene.cluster.finish().await;
}

/// Covers R21, R22.
#[tokio::test]
async fn a_room_taken_off_the_guest_list_loses_only_its_own_booking() {
    let scene = Scene::new("an uninvited room").await;
    let app = scene.cluster.app();
    let other = app
        .given_linked_room(scene.cluster.google(), "acme", "Lagoon")
        .await;
    let both = scene.meeting(9).in_room(other.room.mail());
    let event = scene.ana.insert_event(both).expect("Google takes it");
    scene
        .wait_booking("the first room's", tomorrow(9), BookingState::Confirmed)
        .await;
    let second = |j: &roomsync_testkit::app::Journal| {
        j.bookings("lagoon")
            .pop()
            .filter(|b| b.state() == BookingState::Confirmed)
    };
    let kept = other.subscriber.wait_for("the second room's", second).await;

    scene
        .ana
        .uninvite_room(&event, scene.room.room.mail())
        .expect("Google uninvites it");

    scene.wait_count("the first room free", 0).await;
    let still = app.bookings_of("acme", "lagoon").await;
    assert_eq!(still.len(), 1);
    assert_eq!(
        still[0].booking_id, kept.booking_id,
        "the other room's booking stays as it was"
    );
    let event = scene.ana.event(&event).expect("the event remains");
    assert_eq!(event["status"], "confirmed");

    scene
        .ana
        .cancel_event(event["id"].as_str().expect("an id"))
        .expect("Google cancels it");
    other
        .subscriber
        .wait_for("both free", |j| {
            j.bookings("lagoon").is_empty().then_some(())
        })
        .await;
    scene.cluster.finish().await;
}

/// Covers R23, R24.
#[tokio::test]
async fn a_meeting_of_somebody_unknown_is_an_anonymous_booking() {
    let scene = Scene::new("an anonymous booking").await;
    let stranger = scene.room.organisation.given_user("stranger");

    stranger
        .insert_event(scene.meeting(9))
        .expect("Google takes it");

    let booking = scene
        .wait_booking("the stranger's", tomorrow(9), BookingState::Confirmed)
        .await;
    assert_eq!(whose(&booking), "anonymous");
    scene.cluster.finish().await;
}

/// Covers R26.
#[tokio::test]
async fn availability_is_what_the_resource_calendar_says() {
    let scene = Scene::new("availability").await;
    let asked = |from, to| CheckAvailabilityRequest {
        tenant_id: scene.room.tenant.clone(),
        object_ids: vec![scene.room.object.clone()],
        window: Some(window(tomorrow(from), tomorrow(to))),
    };
    let free = async |from, to| {
        let answer = scene
            .cluster
            .app()
            .bookings()
            .check_availability(asked(from, to))
            .await;
        answer
            .expect("CheckAvailability")
            .into_inner()
            .objects
            .remove(0)
    };
    assert!(free(9, 10).await.free);

    let (event, _) = scene.given_meeting(9).await;

    let answer = free(8, 12).await;
    assert!(!answer.free && answer.mirrored);
    assert_eq!(answer.busy, vec![window(tomorrow(9), tomorrow(10))]);
    assert!(free(10, 11).await.free, "the end is exclusive");
    assert!(free(8, 9).await.free, "the start is inclusive");

    scene.ana.cancel_event(&event).expect("Google cancels it");
    scene.wait_count("free again", 0).await;
    assert!(free(8, 12).await.free);
    scene.cluster.finish().await;
}

/// Covers R33.
#[tokio::test]
async fn bookings_are_listed_by_object_by_user_and_page_by_page() {
    let scene = Scene::new("listed bookings").await;
    let app = scene.cluster.app();
    for hour in [9, 11, 13] {
        scene.given_meeting(hour).await;
    }
    let stranger = scene.room.organisation.given_user("stranger");
    stranger
        .insert_event(scene.meeting(15))
        .expect("Google takes it");
    scene.wait_count("four bookings", 4).await;

    let page = |page_token| ListBookingsRequest {
        tenant_id: "acme".to_owned(),
        object_ids: vec![scene.room.object.clone()],
        window: Some(window(tomorrow(0), tomorrow(24))),
        page_size: 3,
        page_token,
        ..ListBookingsRequest::default()
    };
    let first = app.bookings().list_bookings(page(String::new())).await;
    let first = first.expect("the first page").into_inner();
    assert_eq!(
        first.bookings.iter().map(start).collect::<Vec<_>>(),
        [9, 11, 13].map(tomorrow)
    );
    let second = app
        .bookings()
        .list_bookings(page(first.next_page_token))
        .await;
    let second = second.expect("the second page").into_inner();
    assert_eq!(
        second.bookings.iter().map(start).collect::<Vec<_>>(),
        [tomorrow(15)]
    );
    assert!(second.next_page_token.is_empty());

    let of_ana = ListBookingsRequest {
        tenant_id: "acme".to_owned(),
        user_id: "u-ana".to_owned(),
        ..ListBookingsRequest::default()
    };
    let of_ana = app
        .bookings()
        .list_bookings(of_ana)
        .await
        .expect("Ana's own")
        .into_inner();
    assert_eq!(of_ana.bookings.len(), 3);
    scene.cluster.finish().await;
}

/// Covers R57.
#[tokio::test]
async fn the_status_says_when_the_last_booking_update_came() {
    let scene = Scene::new("the last update").await;
    let status = async || {
        let request = GetStatusRequest {
            tenant_id: "acme".to_owned(),
        };
        let answer = scene.cluster.app().connections().get_status(request).await;
        answer
            .expect("GetStatus")
            .into_inner()
            .status
            .expect("a status")
    };
    let before = instant(status().await.last_change_at.as_ref());

    scene.given_meeting(9).await;

    let after = status().await;
    let changed = instant(after.last_change_at.as_ref());
    assert!(
        changed.is_some() && changed > before,
        "{changed:?} is later than {before:?}"
    );
    assert!(instant(after.last_check_at.as_ref()) >= changed);
    assert_eq!(after.linked_objects, 1);
    assert_eq!(after.domain, "acme.example");
    scene.cluster.finish().await;
}

/// Covers R15.
#[tokio::test]
async fn what_lies_outside_the_room_is_no_booking() {
    let scene = Scene::new("a meeting without the room").await;
    let without_room = NewEvent::timed(tomorrow(8), tomorrow(9));
    scene
        .ana
        .insert_event(without_room)
        .expect("Google takes it");
    scene.given_meeting(9).await;
    assert_eq!(scene.listed().await.len(), 1);
    scene.cluster.finish().await;
}
