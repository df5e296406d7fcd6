//! Every reason for which `DeleteBooking` refuses, as the `.proto` lists them: each with its code and facts, and
//! the booking and its event stay as they are. What Google refuses is in `declining_troubles.rs`.

use chrono::TimeDelta;
use google_sim::{NewEvent, Operation, scopes};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{Actor, Booking, BookingState, CreateBookingRequest, DeleteBookingRequest},
    integration::v1::{ConnectionState, Object, TenantSettings},
};
use roomsync_testkit::{
    NewBooking,
    app::{administrator, device, user},
};
use tonic::Code;

use crate::{
    booking_input::{Told, says, told},
    declining::{allow, allowing},
    scene::{Scene, tomorrow},
};

fn ending(booking: &str, actor: Option<Actor>) -> DeleteBookingRequest {
    DeleteBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: booking.to_owned(),
        actor,
        series: false,
    }
}

/// Asks, and asserts what is said to it.
async fn refuses(scene: &Scene, request: DeleteBookingRequest, expected: Told) {
    let names: Vec<&str> = expected.2.keys().map(String::as_str).collect();
    let what = format!("{request:?}");
    let app = scene.cluster.app();
    let answer = app.bookings().delete_booking(request).await;
    assert_eq!(told(answer, &names), expected, "{what}");
}

fn precondition(reason: &str, facts: &[(&str, &str)]) -> Told {
    says(Code::FailedPrecondition, reason, facts)
}

/// The booking is as it was, and Google was asked for nothing.
async fn nothing_came_of_it(scene: &Scene, bookings: &[&Booking]) {
    let app = scene.cluster.app();
    for before in bookings {
        let after = app.booking("acme", &before.booking_id).await;
        assert_eq!(&after.expect("GetBooking"), *before);
    }
    for operation in [Operation::Patch, Operation::Delete, Operation::Update] {
        let calls = scene.cluster.google().calls(operation);
        assert!(calls.is_empty(), "{calls:?}");
    }
}

/// Covers R36, R61, R65, B9, D25.
#[tokio::test]
async fn what_cannot_be_ended_says_why_and_ids_of_others_are_no_ids() {
    let scene = allowing("endings refused").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let (_, booking) = scene.given_meeting(9).await;
    let id = booking.booking_id.as_str();
    let by = |actor| ending(id, Some(actor));

    // What makes no sense.
    let field = |field: &str| says(Code::InvalidArgument, "INVALID_FIELD", &[("field", field)]);
    let cases = [
        (ending("x", Some(user("u-ana"))), "booking_id"),
        (ending("", Some(user("u-ana"))), "booking_id"),
        (ending(id, None), "actor"),
        (ending(id, Some(Actor { actor: None })), "actor"),
        (by(user("")), "actor.user_id"),
        (by(device("a b")), "actor.device_id"),
        (by(administrator("a b")), "actor.administrator.user_id"),
    ];
    for (request, expected) in cases {
        refuses(&scene, request, field(expected)).await;
    }

    // Unknown, or another tenant's, whoever asks.
    app.given_linked_room(google, "other", "Cellar").await;
    let unknown = says(Code::NotFound, "BOOKING_NOT_FOUND", &[]);
    let nobodys = "00000000-0000-7000-8000-000000000000";
    refuses(
        &scene,
        ending(nobodys, Some(user("u-ana"))),
        unknown.clone(),
    )
    .await;
    for actor in [user("u-ana"), device("d-1"), administrator("")] {
        let foreign = DeleteBookingRequest {
            tenant_id: "other".to_owned(),
            ..by(actor)
        };
        refuses(&scene, foreign, unknown.clone()).await;
    }
    let nowhere = DeleteBookingRequest {
        tenant_id: "nobody".to_owned(),
        ..by(administrator(""))
    };
    let no_tenant = says(Code::NotFound, "TENANT_NOT_FOUND", &[]);
    refuses(&scene, nowhere, no_tenant).await;

    // Somebody else's; no series; over.
    let not_yours = says(Code::PermissionDenied, "NOT_YOURS", &[]);
    for actor in [user("u-bob"), device("d-1")] {
        refuses(&scene, by(actor), not_yours.clone()).await;
    }
    let series = DeleteBookingRequest {
        series: true,
        ..by(user("u-ana"))
    };
    refuses(&scene, series, precondition("NOT_A_SERIES", &[])).await;
    let hour = TimeDelta::hours(1);
    let began = SystemClock.now() - hour * 30;
    let past = NewEvent::timed(began, began + hour).in_room(scene.room.room.mail());
    scene.ana.insert_event(past).expect("Google takes it");
    let over = scene
        .room
        .subscriber
        .wait_for("a past one", |journal| {
            let known = journal.bookings("aquarium").into_iter();
            let mut past = known.filter(|it| it.booking_id != id);
            past.find(|it| it.state() == BookingState::Confirmed)
        })
        .await;
    for actor in [user("u-ana"), administrator("")] {
        let request = ending(&over.booking_id, Some(actor));
        refuses(&scene, request, precondition("BOOKING_OVER", &[])).await;
    }

    // What administrators do not allow.
    allow(&scene, false).await;
    for actor in [user("u-ana"), administrator("")] {
        refuses(&scene, by(actor), precondition("DECLINE_NOT_ALLOWED", &[])).await;
    }
    let settings = |read_only| TenantSettings {
        decline_allowed: Some(true),
        read_only: Some(read_only),
        ..TenantSettings::default()
    };
    let object = |read_only| Object {
        object_id: "aquarium".to_owned(),
        name: "Aquarium".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        read_only,
        ..Object::default()
    };
    let is_read_only = |of| precondition("READ_ONLY", &[("of", of)]);
    app.put_tenant("acme", true, settings(true)).await;
    refuses(&scene, by(user("u-ana")), is_read_only("tenant")).await;
    app.put_tenant("acme", true, settings(false)).await;
    app.upsert_objects("acme", vec![object(true)]).await;
    refuses(&scene, by(user("u-ana")), is_read_only("object")).await;
    app.upsert_objects("acme", vec![object(false)]).await;
    app.put_tenant("acme", false, settings(false)).await;
    refuses(
        &scene,
        by(user("u-ana")),
        precondition("MODULE_MISSING", &[]),
    )
    .await;
    app.put_tenant("acme", true, settings(false)).await;
    nothing_came_of_it(&scene, &[&booking, &over]).await;
    scene.cluster.finish().await;
}

/// Covers D19, R36.
#[tokio::test]
async fn without_a_connection_nothing_is_booked_or_ended_and_nothing_is_deleted() {
    let scene = allowing("endings without a connection").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let (_, booking) = scene.given_meeting(9).await;
    scene.cluster.calm().await;
    let organisation = &scene.room.organisation;
    organisation
        .org
        .revoke_delegation(&organisation.account)
        .expect("withdrawn");
    google.expire_access_tokens();
    app.wait_for("the connection is lost", async || {
        let preview = app.preview_link("acme", "aquarium", scene.room.room.mail(), 0);
        let refused = preview.await.is_err();
        let status = app.connection_status("acme").await?;
        let lost = refused && status.state() == ConnectionState::Lost;
        Ok(lost.then_some(()))
    })
    .await;

    let expected = precondition("NOT_CONNECTED", &[("state", "LOST")]);
    for actor in [user("u-ana"), administrator("")] {
        let request = ending(&booking.booking_id, Some(actor));
        refuses(&scene, request, expected.clone()).await;
    }
    for new in [
        NewBooking::by_user("aquarium", tomorrow(14), "u-ana"),
        NewBooking::by_device("aquarium", tomorrow(14), "d-1"),
    ] {
        let request = CreateBookingRequest {
            tenant_id: "acme".to_owned(),
            request_id: new.request_id,
            object_id: new.object,
            window: Some(roomsync_testkit::app::window(new.window.0, new.window.1)),
            recurrence: Vec::new(),
            booker: Some(new.booker),
        };
        let answer = app.bookings().create_booking(request).await;
        assert_eq!(told(answer, &["state"]), expected);
    }
    nothing_came_of_it(&scene, &[&booking]).await;

    // Connected again, it goes on as if nothing had been.
    let delegated = [
        scopes::EVENTS,
        scopes::RESOURCES_READONLY,
        scopes::EVENTS_OWNED,
        scopes::APP_CREATED,
    ];
    organisation
        .org
        .delegate(&organisation.account, &delegated)
        .expect("delegated");
    app.connect("acme", organisation).await;
    let actor = user("u-ana");
    let declined = app.delete_booking("acme", &booking.booking_id, actor, false);
    let declined = declined.await;
    let reason = declined.as_ref().err().and_then(grpc::reason);
    assert_eq!(reason, None, "{declined:?}");
    scene.cluster.finish().await;
}
