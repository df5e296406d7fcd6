//! What persons leave behind besides bookings and logs: nothing that names them, and nobody too early.

use std::time::Duration;

use chrono::TimeDelta;
use google_sim::{Fault, NewEvent, Operation};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectionState, DeleteUsersRequest, TenantSettings},
};
use roomsync_testkit::{
    Cluster, FakeBookingApp, NewBooking, SOON, Service,
    app::{administrator, user},
    eventually,
};

use crate::{
    declining::allowing,
    disconnect::{count, wait_connection},
    scene::{Scene, Watched as _, tomorrow, whose},
};

fn by_ana() -> NewBooking {
    NewBooking::by_user("aquarium", tomorrow(9), "u-ana")
}

async fn delete_ana(app: &FakeBookingApp) {
    let request = DeleteUsersRequest {
        tenant_id: "acme".to_owned(),
        user_ids: vec!["u-ana".to_owned()],
    };
    app.people().delete_users(request).await.expect("deleted");
}

/// Covers B12, B13, D23.
#[tokio::test]
async fn who_is_deleted_leaves_the_history_of_what_others_booked() {
    let scene = allowing("declined by who left").await;
    let bob = scene.colleague("bob").await;
    bob.insert_event(scene.meeting(9)).expect("made");
    let booking = scene
        .wait_booking("Bob's", tomorrow(9), BookingState::Confirmed)
        .await;
    let app = scene.cluster.app();
    app.delete_booking("acme", &booking.booking_id, administrator("u-ana"), false)
        .await
        .expect("declined");
    let told = async || {
        let told = app.history("acme", &booking.booking_id).await;
        format!("{:?}", told.expect("ListHistory"))
    };
    assert!(told().await.contains("u-ana"));
    delete_ana(app).await;
    assert!(!told().await.contains("u-ana"), "{}", told().await);
    scene.cluster.finish().await;
}

/// Covers B12, B13, R80.
#[tokio::test]
async fn nobody_stands_in_requests_and_history_of_an_object_that_was_unlinked() {
    let scene = Scene::new("unlinked and forgotten").await;
    let app = scene.cluster.app();
    let booking = app.book("acme", by_ana()).await;
    app.unlink("acme", &scene.room.link.link_id)
        .await
        .expect("unlinked");
    scene.room.wait_count("no booking", 0).await;
    let requests = "SELECT count(*) FROM booking.create_requests";
    assert_eq!(count(&scene.cluster, requests).await, 0);
    let told = app.history("acme", &booking.booking_id).await;
    let told = format!("{:?}", told.expect("ListHistory"));
    assert!(!told.contains("u-ana"), "{told}");
    scene.cluster.finish().await;
}

/// Covers B13.
#[tokio::test]
async fn persons_stay_for_as_many_days_as_the_tenant_says() {
    let cluster = Cluster::builder("anonymise later")
        .set(Service::BookingCommand, "anonymise.every", "100ms")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    for days in [2, 4] {
        let from = SystemClock.now() - TimeDelta::days(days);
        let meeting = NewEvent::timed(from, from + TimeDelta::hours(1));
        let meeting = meeting.in_room(scene.room.room.mail());
        scene.ana.insert_event(meeting).expect("Google takes it");
    }
    let owners = async || {
        let listed = scene.listed().await;
        let owners: Vec<String> = listed.iter().map(whose).collect();
        owners
    };
    let both = async || (owners().await == ["u-ana", "u-ana"]).then_some(());
    eventually(SOON, "both are Ana's", both).await;

    let settings = TenantSettings {
        anonymise_after_days: Some(3),
        ..TenantSettings::default()
    };
    scene.cluster.app().put_tenant("acme", true, settings).await;
    let older = async || (owners().await[0] == "anonymous").then_some(());
    eventually(SOON, "the older one is nobody's", older).await;
    // All that is due of an object leaves in one transaction.
    assert_eq!(owners().await, ["anonymous", "u-ana"]);
    scene.cluster.finish().await;
}

/// Covers R80, B13, D7.
#[tokio::test]
async fn what_google_was_never_told_names_nobody_when_the_tenant_has_disconnected() {
    let cluster = Cluster::builder("disconnected, not told")
        .google(|settings| settings.room_answer_delay = Duration::from_mins(10))
        .set(Service::BookingCommand, "disconnect.force_after", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let asked = app.create_booking("acme", by_ana().waiting(Duration::from_secs(2)));
    let booking = asked.await.expect("CreateBooking").booking.expect("one");
    google.add_fault(
        Fault::answer(503, "backendError")
            .on(Operation::Delete)
            .always(),
    );
    app.delete_booking("acme", &booking.booking_id, user("u-ana"), false)
        .await
        .expect("withdrawn");
    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    let left = "SELECT count(*) FROM booking.bookings WHERE google_write IS NOT NULL
        OR booker_kind = 'user' OR organizer_mail IS NOT NULL OR event_calendar IS NOT NULL";
    assert_eq!(count(&scene.cluster, left).await, 0);
    google.clear_faults();
    scene.cluster.finish().await;
}
