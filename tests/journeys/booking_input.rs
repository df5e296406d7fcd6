//! Every reason for which `CreateBooking` refuses, as the `.proto` lists them: each with its code and facts, and
//! nothing is stored or written then.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use google_sim::{Effect, Fault, Operation, Role};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{BookingState, CreateBookingRequest, create_booking_request::Booker},
    integration::v1::{Link, LinkCapability, LinkState, Object, TenantSettings},
};
use roomsync_testkit::{Cluster, LinkedRoom, NewBooking, Service, Token, app::window};
use tonic::{Code, Status};

use crate::{
    bad_input::{add_caller, channel},
    scene::{Scene, tomorrow},
};

/// A refusal: code, reason, and facts by name.
pub(crate) type Told = (Code, String, BTreeMap<String, String>);

/// What a refusal says, of the facts only those that are named.
pub(crate) fn told<T: std::fmt::Debug>(answer: Result<T, Status>, facts: &[&str]) -> Told {
    let status = answer.expect_err("a refusal");
    let fact = |name: &&str| Some(((*name).to_owned(), grpc::metadata(&status, name)?));
    let facts = facts.iter().filter_map(fact).collect();
    let reason = grpc::reason(&status).unwrap_or_else(|| status.to_string());
    (status.code(), reason, facts)
}

/// What a refusal should say.
pub(crate) fn says(code: Code, reason: &str, facts: &[(&str, &str)]) -> Told {
    let owned = |(name, fact): &(&str, &str)| ((*name).to_owned(), (*fact).to_owned());
    (code, reason.to_owned(), facts.iter().map(owned).collect())
}

/// Ana books the aquarium tomorrow at nine.
fn wish() -> CreateBookingRequest {
    CreateBookingRequest {
        tenant_id: "acme".to_owned(),
        request_id: uuid::Uuid::new_v4().to_string(),
        object_id: "aquarium".to_owned(),
        window: Some(window(tomorrow(9), tomorrow(10))),
        recurrence: Vec::new(),
        booker: Some(Booker::UserId("u-ana".to_owned())),
    }
}

fn of(object: &str) -> CreateBookingRequest {
    CreateBookingRequest {
        object_id: object.to_owned(),
        ..wish()
    }
}

fn by(booker: Booker) -> CreateBookingRequest {
    CreateBookingRequest {
        booker: Some(booker),
        ..wish()
    }
}

fn user(id: &str) -> CreateBookingRequest {
    by(Booker::UserId(id.to_owned()))
}

/// From so many seconds after now to so many.
fn seconds(from: i64, to: i64) -> CreateBookingRequest {
    let now = SystemClock.now();
    let at = |seconds| now + TimeDelta::seconds(seconds);
    CreateBookingRequest {
        window: Some(window(at(from), at(to))),
        ..wish()
    }
}

/// Asks, and asserts what is said to it.
async fn refuses(scene: &Scene, request: CreateBookingRequest, expected: Told) {
    let names: Vec<&str> = expected.2.keys().map(String::as_str).collect();
    let what = format!("{request:?}");
    let app = scene.cluster.app();
    let answer = app.bookings().create_booking(request).await;
    assert_eq!(told(answer, &names), expected, "{what}");
}

/// No event, no booking, and every object is as free as it was.
async fn nothing_came_of_it(scene: &Scene) {
    let inserted = scene.cluster.google().calls(Operation::Insert);
    assert!(inserted.is_empty(), "{inserted:?}");
    assert!(scene.listed().await.is_empty());
    let stored = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM booking.bookings");
    let stored = stored.fetch_one(scene.cluster.database().pool()).await;
    assert_eq!(stored.expect("a number"), 0, "nothing is stored");
}

const DAY: i64 = 86_400;

/// Covers D16, R25.
#[tokio::test]
async fn a_request_that_makes_no_sense_is_told_which_field_and_a_series_why() {
    let scene = Scene::new("fields of a booking").await;
    let field = |field: &str| says(Code::InvalidArgument, "INVALID_FIELD", &[("field", field)]);
    let without_booker = CreateBookingRequest {
        booker: None,
        ..wish()
    };
    let without_window = CreateBookingRequest {
        window: None,
        ..wish()
    };
    let named = |id: &str| CreateBookingRequest {
        request_id: id.to_owned(),
        ..wish()
    };
    let cases = [
        (named(""), "request_id"),
        (named("a b"), "request_id"),
        (named(&"x".repeat(65)), "request_id"),
        (of(""), "object_id"),
        (of("a/b"), "object_id"),
        (without_booker, "booker"),
        (user(""), "user_id"),
        (by(Booker::DeviceId("no spaces".to_owned())), "device_id"),
        (without_window, "window"),
        (seconds(7200, 3600), "window.ends_at"),
        (seconds(3600, 3600), "window.ends_at"),
        (seconds(3600, 3600 + 14 * DAY + 2), "window"),
        (seconds(-6 * 60, 3600), "window.starts_at"),
        (seconds(-240, -60), "window.ends_at"),
        (seconds(731 * DAY, 731 * DAY + 60), "window.ends_at"),
    ];
    for (request, expected) in cases {
        refuses(&scene, request, field(expected)).await;
    }
    let tenantless = CreateBookingRequest {
        tenant_id: String::new(),
        ..wish()
    };
    refuses(&scene, tenantless, field("tenant_id")).await;
    for rule in ["RRULE:FREQ=DAILY;COUNT=3", "garbage"] {
        let series = CreateBookingRequest {
            recurrence: vec![rule.to_owned()],
            ..wish()
        };
        let expected = says(Code::FailedPrecondition, "SERIES_NOT_SUPPORTED", &[]);
        refuses(&scene, series, expected).await;
    }
    nothing_came_of_it(&scene).await;

    // Just within the limits it is booked.
    for request in [
        seconds(-4 * 60, 15 * 60),
        seconds(2 * DAY, 2 * DAY + 14 * DAY),
    ] {
        let app = scene.cluster.app();
        let booked = app.bookings().create_booking(request).await;
        let booked = booked.expect("CreateBooking").into_inner().booking;
        let booked = booked.expect("a booking");
        assert_eq!(booked.state(), BookingState::Confirmed, "{booked:?}");
    }
    scene.cluster.finish().await;
}

/// Covers R39, R2, B9, D2.
#[tokio::test]
async fn what_cannot_be_booked_now_says_why_and_ids_of_others_are_no_ids() {
    let narrow = Token::random("the-other-app", "app");
    let mut key = narrow.key();
    key.insert("tenants".to_owned(), vec!["other"].into());
    let cluster = Cluster::builder("objects that cannot be booked")
        .config(Service::BookingCommand, move |table| {
            add_caller(table, key.clone());
        })
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let precondition =
        |reason: &str, facts: &[(&str, &str)]| says(Code::FailedPrecondition, reason, facts);
    let unknown = |reason: &str| says(Code::NotFound, reason, &[]);

    // Unknown, or another tenant's.
    let LinkedRoom { object: cellar, .. } = app.given_linked_room(google, "other", "Cellar").await;
    app.given_user("other", "u-olga", "olga@other.example")
        .await;
    let elsewhere = |tenant: &str, object: &str, booker: &str| CreateBookingRequest {
        tenant_id: tenant.to_owned(),
        object_id: object.to_owned(),
        ..user(booker)
    };
    let cases = [
        (elsewhere("acme", "nowhere", "u-ana"), "OBJECT_NOT_FOUND"),
        (elsewhere("acme", &cellar, "u-ana"), "OBJECT_NOT_FOUND"),
        (elsewhere("other", "aquarium", "u-olga"), "OBJECT_NOT_FOUND"),
        (elsewhere("nobody", "aquarium", "u-ana"), "OBJECT_NOT_FOUND"),
        (elsewhere("acme", "aquarium", "u-nobody"), "USER_NOT_FOUND"),
        (elsewhere("acme", "aquarium", "u-olga"), "USER_NOT_FOUND"),
        (elsewhere("other", &cellar, "u-ana"), "USER_NOT_FOUND"),
    ];
    for (request, expected) in cases {
        refuses(&scene, request, unknown(expected)).await;
    }
    let address = scene.cluster.address(Service::BookingCommand, 0, "public");
    let answer = |secret: &str| {
        let channel = channel(address, secret);
        async move {
            use roomsync_proto::booking::v1::booking_service_client::BookingServiceClient;
            BookingServiceClient::new(channel)
                .create_booking(wish())
                .await
        }
    };
    let blind = answer(&narrow.secret).await;
    assert_eq!(told(blind, &[]), unknown("TENANT_NOT_FOUND"));
    let stranger = answer("nonsense").await;
    let expected = says(Code::Unauthenticated, "TOKEN_UNKNOWN", &[]);
    assert_eq!(told(stranger, &[]), expected);

    // Not linked, not verified yet or for good, not handed over.
    for object in ["desk", "harbour", "vault", "spree"] {
        app.given_object("acme", object).await;
    }
    refuses(&scene, of("desk"), precondition("OBJECT_NOT_LINKED", &[])).await;
    let nowhere = "c_nowhere@resource.calendar.google.com";
    let failed = app.link_object("acme", "vault", nowhere).await;
    app.wait_link("it fails", "acme", &failed.link_id, |link| {
        link.state() == LinkState::Failed
    })
    .await;
    let not_verified = |state| precondition("LINK_NOT_VERIFIED", &[("state", state)]);
    refuses(&scene, of("vault"), not_verified("FAILED")).await;
    let spree = scene.room.organisation.given_room("Spree");
    let spree = app.link_object("acme", "spree", spree.mail()).await;
    let spree = app.wait_imported("acme", &spree.link_id).await;
    refuses(&scene, of("spree"), precondition("OBJECT_NOT_OPEN", &[])).await;
    app.acknowledge("acme", &spree.link_id).await.expect("open");
    let down = Fault::answer(503, "backendError").always();
    google.add_fault(down.on(Operation::ResourcesList));
    let harbour = scene.room.organisation.given_room("Harbour");
    let harbour = app.link_object("acme", "harbour", harbour.mail()).await;
    assert_eq!(harbour.state(), LinkState::Pending);
    refuses(&scene, of("harbour"), not_verified("PENDING")).await;
    google.clear_faults();
    app.wait_imported("acme", &harbour.link_id).await;

    // What administrators do not allow.
    let read_only = TenantSettings {
        read_only: Some(true),
        ..TenantSettings::default()
    };
    app.put_tenant("acme", true, read_only).await;
    let is_read_only = |of| precondition("READ_ONLY", &[("of", of)]);
    refuses(&scene, wish(), is_read_only("tenant")).await;
    app.put_tenant("acme", false, TenantSettings::default())
        .await;
    refuses(&scene, wish(), precondition("MODULE_MISSING", &[])).await;
    app.given_tenant("acme").await;
    let object = |read_only| Object {
        object_id: "aquarium".to_owned(),
        name: "Aquarium".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        read_only,
        ..Object::default()
    };
    app.upsert_objects("acme", vec![object(true)]).await;
    refuses(&scene, wish(), is_read_only("object")).await;
    app.upsert_objects("acme", vec![object(false)]).await;
    nothing_came_of_it(&scene).await;
    scene.cluster.finish().await;
}

/// Covers B2, B6, B15.
#[tokio::test]
async fn a_slot_a_right_or_a_request_id_that_is_missing_or_taken_says_so() {
    let cluster = Cluster::builder("slots and rights")
        .with_every_push("the budget is closed in the end: polls could not be answered")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let precondition =
        |reason: &str, facts: &[(&str, &str)]| says(Code::FailedPrecondition, reason, facts);

    // A request id means one content.
    let lagoon = scene.another_room("Lagoon").await;
    scene.colleague("bob").await;
    let first = CreateBookingRequest {
        request_id: "r-1".to_owned(),
        ..wish()
    };
    let booked = app.bookings().create_booking(first.clone()).await;
    let booked = booked.expect("CreateBooking").into_inner().booking;
    let others = [
        CreateBookingRequest {
            object_id: lagoon.object.clone(),
            ..first.clone()
        },
        CreateBookingRequest {
            window: Some(window(tomorrow(9), tomorrow(11))),
            ..first.clone()
        },
        CreateBookingRequest {
            booker: Some(Booker::UserId("u-bob".to_owned())),
            ..first.clone()
        },
        CreateBookingRequest {
            booker: Some(Booker::DeviceId("u-ana".to_owned())),
            ..first.clone()
        },
    ];
    for other in others {
        let expected = says(Code::AlreadyExists, "REQUEST_ID_REUSED", &[]);
        refuses(&scene, other, expected).await;
    }
    let again = app.bookings().create_booking(first).await;
    assert_eq!(again.expect("no fault").into_inner().booking, booked);

    let instead = [("alternatives", "lagoon")];
    refuses(&scene, wish(), precondition("SLOT_TAKEN", &instead)).await;

    // Who may only read the room's calendar writes nothing on it for a device.
    google.configure(|settings| settings.super_admins_own_rooms = false);
    let room = &scene.room;
    let admin = room.organisation.admin.mail();
    room.room.share(admin, Role::Reader).expect("a reader");
    app.recheck("acme", &room.link.link_id)
        .await
        .expect("RecheckLink");
    let may_not = |link: &Link| {
        link.state() == LinkState::Verified
            && !link
                .capabilities()
                .any(|it| it == LinkCapability::BookAsDevice)
    };
    app.wait_link("it may only read", "acme", &room.link.link_id, may_not)
        .await;
    let at_noon = |booker| CreateBookingRequest {
        window: Some(window(tomorrow(12), tomorrow(13))),
        ..by(booker)
    };
    let missing = [("capability", "BOOK_AS_DEVICE"), ("why", "READER_ROLE")];
    let device = at_noon(Booker::DeviceId("d-1".to_owned()));
    refuses(&scene, device, precondition("CAPABILITY_MISSING", &missing)).await;
    let of_user = at_noon(Booker::UserId("u-ana".to_owned()));
    let of_user = app.bookings().create_booking(of_user).await;
    of_user.expect("the user invites the room");
    let inserted = google.calls(Operation::Insert);
    assert_eq!(inserted.len(), 2, "{inserted:?}");
    scene.cluster.finish().await;
}

/// Covers D14.
#[tokio::test]
async fn beyond_the_horizon_a_google_that_cannot_be_asked_is_said_with_when_to_come_back() {
    let scene = Scene::new("far and away").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let far = tomorrow(9) + TimeDelta::days(500);
    let room = scene.room.room.mail();
    let throttled = Effect::Answer {
        status: 429,
        reason: "rateLimitExceeded".to_owned(),
        retry_after: Some("1".to_owned()),
        newer_envelope: false,
    };
    let cases = [
        (
            Fault::answer(503, "backendError"),
            (Code::Unavailable, "GOOGLE_UNAVAILABLE"),
        ),
        (
            Fault::next(throttled),
            (Code::ResourceExhausted, "GOOGLE_BUSY"),
        ),
    ];
    for (fault, (code, reason)) in cases {
        google.add_fault(fault.on(Operation::List).of_calendar(room).always());
        let new = NewBooking::by_user("aquarium", far, "u-ana");
        let status = app.create_booking("acme", new).await.expect_err("not now");
        google.clear_faults();
        assert!(grpc::retry_after(&status).is_some(), "{status:?}");
        assert_eq!(told::<()>(Err(status), &[]), says(code, reason, &[]));
    }
    nothing_came_of_it(&scene).await;
    scene.cluster.finish().await;
}
