//! A device's event that the mirror saw before the process that made it could settle: nobody but us checks a slot of
//! the room's own calendar, so the second look at it must not die with the process.

use std::time::Duration;

use google_sim::{NewEvent, Operation, When};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{NewBooking, SOON, eventually};

use super::scene::{At, OBJECT, Scene, Successor, TENANT, tomorrow};

fn at(hour: i64) -> When {
    When::at(tomorrow(hour))
}

/// Covers R44, B6, B7.
#[tokio::test]
async fn killed_after_the_mirror_saw_a_devices_event_its_slot_is_looked_at_again() {
    let mut scene = Scene::new("seen by the mirror", Successor::Itself).await;
    let room = scene.room.room.clone();
    // Written on the room's calendar by somebody in Google, before the device's. Google tells whole seconds, and within
    // one of them the lesser id is the earlier one.
    let meeting = NewEvent::timed(tomorrow(14), tomorrow(15)).with_id("0000000000");
    let admin = scene.room.organisation.admin.mail().to_owned();
    let earlier = room.insert_event(&admin, meeting).expect("Google takes it");

    let stop = scene.stop(At::Answer(Operation::Insert)).await;
    let wish = NewBooking::by_device(OBJECT, tomorrow(9), "door").waiting(Duration::from_secs(2));
    scene.calls(async move |app| drop(app.create_booking(TENANT, wish).await));
    let seen = scene.room.subscriber.wait_for("it is seen", |journal| {
        let bookings = journal.bookings(OBJECT);
        bookings.into_iter().find(|booking| {
            let starts_at = booking.window.and_then(|window| window.starts_at);
            let is_ours = starts_at.is_some_and(|at| at.seconds == tomorrow(9).timestamp());
            is_ours && booking.state() == BookingState::Confirmed
        })
    });
    let seen = seen.await;
    let own = scene.room.organisation.org.user(room.mail());
    own.move_event(&earlier, at(9), at(10)).expect("moved");
    scene.dies(stop).await;

    let app = scene.cluster.app();
    let gone = app.wait_booking("it gives way", TENANT, &seen.booking_id, |booking| {
        booking.state() == BookingState::Removed
    });
    assert_eq!(gone.await.cause, "SLOT_TAKEN");
    eventually(SOON, "only the earlier one stays", async || {
        let live = scene.live(room.mail());
        (live.len() == 1 && live[0]["id"] == earlier.as_str()).then_some(())
    })
    .await;
    scene.cluster.finish().await;
}
