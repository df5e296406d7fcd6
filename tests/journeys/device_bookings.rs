//! What a device booked is ended by any device of the object and by administrators, whatever is allowed
//! otherwise (R67, D8).

use google_sim::Answer;
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{
    NewBooking,
    app::bookings::{administrator, device, user},
};
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    declining::{refusal, said},
    scene::{Scene, tomorrow},
};

async fn booked(scene: &Scene) -> Booking {
    let new = NewBooking::by_device("aquarium", tomorrow(9), "d-1");
    scene.cluster.app().book("acme", new).await
}

/// Google's id of the event of a booking of ours.
fn event_of(booking: &Booking) -> String {
    booking.booking_id.replace('-', "")
}

fn copy(scene: &Scene, booking: &Booking) -> Value {
    scene
        .room
        .room
        .event(&event_of(booking))
        .expect("the room's copy")
}

/// Covers R67, D8.
#[tokio::test]
async fn any_device_and_administrators_end_it_and_the_event_goes() {
    let scene = Scene::new("device bookings ended").await;
    let app = scene.cluster.app();
    for actor in [device("d-1"), device("d-2"), administrator("u-adm")] {
        let booking = booked(&scene).await;
        let (code, reason) = refusal(
            app.delete_booking("acme", &booking.booking_id, user("u-ana"), false)
                .await,
        );
        assert_eq!(
            (code, reason.as_str()),
            (Code::PermissionDenied, "NOT_YOURS")
        );

        let ended = app.delete_booking("acme", &booking.booking_id, actor, false);
        let ended = ended.await.expect("ended");

        assert_eq!(said(&ended), (BookingState::Removed, "DECLINED"));
        assert_eq!(copy(&scene, &booking)["status"], "cancelled");
    }
    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}

/// Covers D8.
#[tokio::test]
async fn with_a_human_in_it_only_the_room_leaves() {
    let scene = Scene::new("a device booking with a guest").await;
    let booking = booked(&scene).await;
    let event = event_of(&booking);
    // Somebody adds Ana in Google.
    let keeper = scene.cluster.google().user(scene.room.room.mail());
    let guests = json!({"attendees": [{"email": scene.ana.mail(), "comment": "with cake"}]});
    keeper.patch_event(&event, guests).expect("invited");

    let app = scene.cluster.app();
    let ended = app.delete_booking("acme", &booking.booking_id, device("d-1"), false);
    let ended = ended.await.expect("ended");

    assert_eq!(said(&ended), (BookingState::Removed, "DECLINED"));
    let copy = copy(&scene, &booking);
    assert_eq!(copy["status"], "confirmed", "the meeting stays");
    let answer = scene.room.room.answer(&event);
    assert_eq!(answer, Some(Answer::Declined));
    let of_ana = scene.ana.event(&event).expect("it is still Ana's meeting");
    assert_eq!(of_ana["status"], "confirmed");
    let guests = copy["attendees"].as_array().expect("a guest list");
    let ana = guests.iter().find(|it| it["email"] == scene.ana.mail());
    assert_eq!(ana.expect("ana is a guest")["comment"], "with cake");
    scene.wait_count("the room is free", 0).await;
    scene.cluster.finish().await;
}
