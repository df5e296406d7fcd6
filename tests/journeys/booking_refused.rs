//! What `CreateBooking` refuses, and what the room does. What Google refuses is in `booking_google.rs`.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{Operation, PushEffect, PushFault};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{BookingState, CreateBookingRequest, create_booking_request::Booker},
    integration::v1::TenantSettings,
};
use roomsync_testkit::{NewBooking, app::window};
use tonic::Status;

use crate::{
    booking_user::event_of,
    scene::{Scene, tomorrow},
};

fn reason(status: &Status) -> String {
    grpc::reason(status).unwrap_or_else(|| status.to_string())
}

fn by_ana(start: DateTime<Utc>) -> NewBooking {
    NewBooking::by_user("aquarium", start, "u-ana")
}

async fn refused(scene: &Scene, tenant: &str, new: NewBooking) -> String {
    let answer = scene.cluster.app().create_booking(tenant, new).await;
    reason(&answer.expect_err("refused"))
}

/// Covers R39, R2, D2, D16.
#[tokio::test]
async fn what_cannot_be_booked_is_refused_with_its_own_reason_and_never_reaches_google() {
    let scene = Scene::new("refused bookings").await;
    let app = scene.cluster.app();
    app.given_object("acme", "desk").await;
    let nine = tomorrow(9);
    let of = |object: &str| NewBooking::by_user(object, nine, "u-ana");
    let hours = TimeDelta::hours;

    let cases = [
        (of("nowhere"), "OBJECT_NOT_FOUND"),
        (of("desk"), "OBJECT_NOT_LINKED"),
        (
            NewBooking::by_user("aquarium", nine, "u-nobody"),
            "USER_NOT_FOUND",
        ),
        (by_ana(nine - TimeDelta::days(3)), "INVALID_FIELD"),
        (by_ana(nine).until(nine), "INVALID_FIELD"),
        (
            by_ana(nine).until(nine + hours(14 * 24 + 1)),
            "INVALID_FIELD",
        ),
        (by_ana(nine + TimeDelta::days(731)), "INVALID_FIELD"),
        (by_ana(nine).request_id("a b"), "INVALID_FIELD"),
    ];
    for (new, expected) in cases {
        assert_eq!(
            refused(&scene, "acme", new.clone()).await,
            expected,
            "{new:?}"
        );
    }
    app.given_tenant("other").await;
    assert_eq!(
        refused(&scene, "other", by_ana(nine)).await,
        "OBJECT_NOT_FOUND"
    );

    let series = CreateBookingRequest {
        tenant_id: "acme".to_owned(),
        request_id: "r".to_owned(),
        object_id: "aquarium".to_owned(),
        window: Some(window(nine, nine + hours(1))),
        booker: Some(Booker::UserId("u-ana".to_owned())),
        recurrence: vec!["RRULE:FREQ=DAILY".to_owned()],
    };
    let status = app
        .bookings()
        .create_booking(series)
        .await
        .expect_err("a series");
    assert_eq!(reason(&status), "SERIES_NOT_SUPPORTED");

    let read_only = TenantSettings {
        read_only: Some(true),
        ..TenantSettings::default()
    };
    app.put_tenant("acme", true, read_only).await;
    assert_eq!(refused(&scene, "acme", by_ana(nine)).await, "READ_ONLY");
    app.put_tenant("acme", true, TenantSettings::default())
        .await;

    assert!(scene.cluster.google().calls(Operation::Insert).is_empty());
    assert!(scene.listed().await.is_empty());
    scene.cluster.finish().await;
}

/// Covers R26, B15, B7.
#[tokio::test]
async fn a_taken_slot_is_refused_with_what_is_free_instead() {
    let scene = Scene::new("alternatives").await;
    scene.another_room("Lagoon").await;
    scene.given_meeting(9).await;
    let app = scene.cluster.app();

    let status = app
        .create_booking("acme", by_ana(tomorrow(9)))
        .await
        .expect_err("taken");

    assert_eq!(reason(&status), "SLOT_TAKEN");
    assert_eq!(
        grpc::metadata(&status, "alternatives").as_deref(),
        Some("lagoon")
    );
    scene.cluster.finish().await;
}

/// Covers D1, B6, B15.
#[tokio::test]
async fn a_room_that_declines_rejects_the_booking_and_the_event_goes() {
    let scene = Scene::new("a room declines").await;
    scene.another_room("Lagoon").await;
    let google = scene.cluster.google();
    // Somebody in Google is faster, and we have not heard of it.
    google.add_push_fault(PushFault::always(PushEffect::Drop));
    let taken = scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");
    let bob = scene.colleague("bob").await;
    let app = scene.cluster.app();

    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-bob");
    let answer = match app.create_booking("acme", new).await {
        Ok(answer) => answer,
        // The mirror was faster after all: nothing to see here but the same refusal.
        Err(status) => panic!("{}: the mirror has seen {taken}", reason(&status)),
    };

    let booking = answer.booking.expect("a booking");
    assert_eq!(booking.state(), BookingState::Rejected, "{booking:?}");
    assert_eq!(booking.cause, "ROOM_DECLINED");
    assert_eq!(answer.alternative_object_ids, ["lagoon"]);
    let event = event_of(&booking);
    app.wait_for("what we wrote is taken back", async || {
        let event = bob.event(&event).ok();
        Ok(event.filter(|it| it["status"] == "cancelled").map(drop))
    })
    .await;
    google.clear_push_faults();
    scene.cluster.finish().await;
}
