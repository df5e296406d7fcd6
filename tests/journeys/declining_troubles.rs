//! Declining where somebody or something stands in the way: settings, rights, Google's moods, impatience.

use std::time::Duration;

use google_sim::{Answer, Effect, Fault, Operation, Role};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{Booking, BookingState, DeleteBookingRequest},
    integration::v1::{LinkCapability, Object, TenantSettings},
};
use roomsync_testkit::{
    Cluster, Service,
    app::bookings::{administrator, user},
};
use tonic::{Code, Request};

use crate::{
    declining::{allow, allowing, refusal, said},
    scene::{Scene, Watched as _},
};

fn precondition(reason: &str) -> (Code, String) {
    (Code::FailedPrecondition, reason.to_owned())
}

fn states_of(scene: &Scene, booking: &Booking) -> Vec<BookingState> {
    let history = scene.room.history(booking);
    history.iter().map(Booking::state).collect()
}

/// Covers B9.
#[tokio::test]
async fn who_may_only_look_declines_nothing() {
    let scene = Scene::new("read-only").await;
    let (event, booking) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let delete = || app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let settings = |read_only| TenantSettings {
        decline_allowed: Some(true),
        read_only: Some(read_only),
        ..TenantSettings::default()
    };
    let object = |read_only| Object {
        object_id: "aquarium".to_owned(),
        name: "aquarium".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        read_only,
        ..Object::default()
    };
    let of = async || {
        let status = delete().await.expect_err("refused");
        assert_eq!(grpc::reason(&status).as_deref(), Some("READ_ONLY"));
        grpc::metadata(&status, "of").expect("whose switch")
    };

    app.put_tenant("acme", true, settings(true)).await;
    assert_eq!(of().await, "tenant");
    app.put_tenant("acme", true, settings(false)).await;
    app.upsert_objects("acme", vec![object(true)]).await;
    assert_eq!(of().await, "object");
    assert_eq!(scene.room.room.answer(&event), Some(Answer::Accepted));

    app.upsert_objects("acme", vec![object(false)]).await;
    delete().await.expect("declined");
    scene.cluster.finish().await;
}

/// Covers D3, B2.
#[tokio::test]
async fn without_writing_rights_on_the_room_nothing_is_declined() {
    let scene = allowing("no rights to decline").await;
    let (event, booking) = scene.given_meeting(9).await;
    let google = scene.cluster.google();
    google.configure(|settings| settings.super_admins_own_rooms = false);
    let account = scene.room.organisation.admin.mail();
    scene
        .room
        .room
        .share(account, Role::Reader)
        .expect("reader only");
    let app = scene.cluster.app();

    // Nobody has noticed yet, or has: either way the booking stays.
    let refused = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let (_, reason) = refusal(refused.await);
    assert!(
        ["DECLINE_REFUSED", "CAPABILITY_MISSING"].contains(&reason.as_str()),
        "{reason}"
    );
    let link = app.recheck("acme", &scene.room.link.link_id).await;
    let link = link.expect("RecheckLink").link_id;
    app.wait_link("it may only read", "acme", &link, |link| {
        !link.capabilities().any(|it| it == LinkCapability::Decline)
            && link.state() == roomsync_proto::integration::v1::LinkState::Verified
    })
    .await;
    let refused = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    let status = refused.await.expect_err("refused");
    assert_eq!(grpc::reason(&status).as_deref(), Some("CAPABILITY_MISSING"));
    assert_eq!(
        grpc::metadata(&status, "capability").as_deref(),
        Some("DECLINE")
    );
    assert_eq!(
        grpc::metadata(&status, "why").as_deref(),
        Some("READER_ROLE")
    );
    assert_eq!(scene.room.room.answer(&event), Some(Answer::Accepted));
    let stays = app.booking("acme", &booking.booking_id).await;
    assert_eq!(stays.expect("GetBooking").state(), BookingState::Confirmed);
    scene.cluster.finish().await;
}

/// Covers R64.
#[tokio::test]
async fn what_google_refuses_is_confirmed_again() {
    let scene = allowing("a decline refused").await;
    let (event, booking) = scene.given_meeting(9).await;
    let room = scene.room.room.mail();
    let fault = Fault::answer(403, "forbidden").on(Operation::Patch);
    scene.cluster.google().add_fault(fault.of_calendar(room));
    let app = scene.cluster.app();

    let refused = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);

    assert_eq!(refusal(refused.await), precondition("DECLINE_REFUSED"));
    let after = app.booking("acme", &booking.booking_id).await;
    assert_eq!(
        said(&after.expect("GetBooking")),
        (BookingState::Confirmed, "")
    );
    assert_eq!(scene.room.room.answer(&event), Some(Answer::Accepted));
    scene
        .room
        .subscriber
        .wait_for("declining and back", |journal| {
            let history = journal.history(&booking.booking_id);
            let states: Vec<_> = history.iter().map(Booking::state).collect();
            let back = [BookingState::Declining, BookingState::Confirmed];
            states.ends_with(&back).then_some(())
        })
        .await;
    // It may be tried again.
    let declined = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    declined.await.expect("declined");
    scene.cluster.finish().await;
}

async fn survives(name: &str, effect: Effect) {
    let scene = allowing(name).await;
    let (event, booking) = scene.given_meeting(9).await;
    let room = scene.room.room.mail();
    let fault = Fault::next(effect).on(Operation::Patch).of_calendar(room);
    scene.cluster.google().add_fault(fault);

    let app = scene.cluster.app();
    let asked = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    asked.await.expect("declined, if later");

    scene.wait_count("the booking gone", 0).await;
    assert_eq!(scene.room.room.answer(&event), Some(Answer::Declined));
    let states = states_of(&scene, &booking);
    let removed = states.iter().filter(|it| **it == BookingState::Removed);
    assert_eq!(removed.count(), 1, "{states:?}");
    let word = scene.room.last_word(&booking);
    assert_eq!(word, (BookingState::Removed, "DECLINED".to_owned()));
    scene.cluster.finish().await;
}

/// Covers R62, R64.
#[tokio::test]
async fn an_answer_that_is_lost_and_a_google_that_is_away_end_in_one_decline() {
    Box::pin(survives("the answer lost", Effect::CommitThenClose)).await;
    Box::pin(survives("the call lost", Effect::CloseConnection)).await;
    let away = Effect::Answer {
        status: 503,
        reason: "backendError".to_owned(),
        retry_after: None,
        newer_envelope: false,
    };
    Box::pin(survives("google away", away)).await;
}

/// Covers R62, D24.
#[tokio::test]
async fn who_does_not_wait_is_told_honestly_and_the_decline_goes_on() {
    let scene = allowing("an impatient owner").await;
    let (_, booking) = scene.given_meeting(9).await;
    let room = scene.room.room.mail();
    let held = scene.cluster.google().hold(Operation::Patch, room);
    let mut request = Request::new(DeleteBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: booking.booking_id.clone(),
        actor: Some(user("u-ana")),
        series: false,
    });
    request.set_timeout(Duration::from_secs(1));

    let answer = scene.cluster.app().bookings().delete_booking(request).await;

    let answer = answer.expect("in time").into_inner().booking;
    let answer = answer.expect("the booking as it is");
    assert_eq!(answer.state(), BookingState::Declining);
    held.wait_until_reached().await;
    held.release();
    scene.wait_count("the booking gone", 0).await;
    scene.cluster.finish().await;
}

/// Covers R62.
#[tokio::test]
async fn two_who_decline_at_once_get_the_same_answer_and_google_is_told_once() {
    let cluster = Cluster::builder("two decline at once")
        .replicas(Service::BookingCommand, 2)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    allow(&scene, true).await;
    let (_, booking) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let delete = |actor| app.delete_booking("acme", &booking.booking_id, actor, false);

    let (one, two) = tokio::join!(delete(user("u-ana")), delete(administrator("u-adm")));

    for answer in [one, two] {
        let answer = answer.expect("declined");
        assert_eq!(said(&answer), (BookingState::Removed, "DECLINED"));
    }
    let patches = scene.cluster.google().calls(Operation::Patch);
    assert_eq!(patches.len(), 1, "{patches:?}");
    scene.wait_count("the booking gone", 0).await;
    scene.cluster.finish().await;
}

/// Covers R36, R65.
#[tokio::test]
async fn what_cannot_be_ended_says_why() {
    let scene = allowing("bookings that stay").await;
    scene.room.room.auto_accept(false).expect("answers by hand");
    let made = scene.ana.insert_event(scene.meeting(9)).expect("made");
    let pending = scene
        .wait_booking("pending", crate::scene::tomorrow(9), BookingState::Pending)
        .await;
    let app = scene.cluster.app();
    let delete = async |id: &str| app.delete_booking("acme", id, user("u-ana"), false).await;

    let refused = refusal(delete(&pending.booking_id).await);
    assert_eq!(refused, precondition("BOOKING_PENDING"));
    let unknown = refusal(delete("00000000-0000-7000-8000-000000000000").await);
    assert_eq!(unknown, (Code::NotFound, "BOOKING_NOT_FOUND".to_owned()));
    let garbage = refusal(delete("x").await);
    assert_eq!(garbage, (Code::InvalidArgument, "INVALID_FIELD".to_owned()));
    scene
        .room
        .room
        .respond(&made, Answer::Accepted)
        .expect("accepted");
    scene
        .wait_booking(
            "confirmed",
            crate::scene::tomorrow(9),
            BookingState::Confirmed,
        )
        .await;
    delete(&pending.booking_id).await.expect("declined");
    app.put_tenant("acme", false, TenantSettings::default())
        .await;
    let gated = refusal(delete(&pending.booking_id).await);
    assert_eq!(gated, precondition("MODULE_MISSING"));
    allow(&scene, true).await;
    scene.cluster.finish().await;
}
