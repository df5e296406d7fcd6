//! Every answer of Google to the call that frees a room: what may pass is waited out, what stays is said, and in
//! the end the booking is what the room's calendar says.

use std::time::Duration;

use google_sim::{Answer, Effect, Fault, Operation, scopes};
use roomsync_proto::{
    booking::v1::{Booking, BookingState, DeleteBookingRequest},
    integration::v1::ConnectionState,
};
use roomsync_testkit::{
    Cluster, NewBooking, Service,
    app::bookings::{device, user},
};
use tonic::{Code, Request};

use crate::{
    booking_user::event_of,
    declining::{allow, allowing, refusal, said},
    disconnect::wait_connection,
    scene::{Scene, Watched as _, tomorrow},
};

fn answer(status: u16, reason: &str) -> Effect {
    Effect::Answer {
        status,
        reason: reason.to_owned(),
        // Of those who ask us to slow down. It is not read elsewhere.
        retry_after: Some("1".to_owned()),
        newer_envelope: false,
    }
}

async fn wait_removed(scene: &Scene, booking: &Booking, what: &str) -> Booking {
    let app = scene.cluster.app();
    let is_removed = |booking: &Booking| booking.state() == BookingState::Removed;
    app.wait_booking(what, "acme", &booking.booking_id, is_removed)
        .await
}

/// Covers R62, R63, R64.
#[tokio::test]
async fn what_may_pass_is_waited_out_and_the_room_is_freed_once() {
    let scene = allowing("declines that are waited out").await;
    let app = scene.cluster.app();
    let room = &scene.room.room;
    let faults = [
        (Operation::Patch, answer(401, "authError")),
        (Operation::Patch, answer(403, "rateLimitExceeded")),
        (Operation::Patch, answer(403, "userRateLimitExceeded")),
        (Operation::Patch, answer(404, "notFound")),
        (Operation::Patch, answer(409, "conflict")),
        (Operation::Patch, answer(410, "deleted")),
        (Operation::Patch, answer(412, "conditionNotMet")),
        (Operation::Patch, answer(429, "rateLimitExceeded")),
        (Operation::Patch, answer(500, "backendError")),
        (Operation::Patch, Effect::Html502),
        (Operation::Patch, Effect::Garbage),
        (Operation::Get, answer(503, "backendError")),
        (Operation::Get, Effect::CloseConnection),
    ];
    for (operation, effect) in faults {
        let what = format!("{operation:?} {effect:?}");
        let (event, booking) = scene.given_meeting(9).await;
        let fault = Fault::next(effect).on(operation).of_calendar(room.mail());
        scene.cluster.google().add_fault(fault);
        let asked = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
        let asked = asked.await;
        assert!(asked.is_ok(), "{what}: {asked:?}");

        let removed = wait_removed(&scene, &booking, &what).await;
        assert_eq!(
            said(&removed),
            (BookingState::Removed, "DECLINED"),
            "{what}"
        );
        assert_eq!(room.answer(&event), Some(Answer::Declined), "{what}");
        let copy = scene.ana.event(&event).expect("Ana's copy");
        assert_eq!(copy["status"], "confirmed", "{what}");
        scene.wait_count(&what, 0).await;
        let history = scene.room.history(&booking);
        let removed = history
            .iter()
            .filter(|it| it.state() == BookingState::Removed);
        assert_eq!(removed.count(), 1, "{what}: {history:?}");
    }
    scene.cluster.finish().await;
}

/// Covers R62, R64.
#[tokio::test]
async fn what_stays_refused_is_said_and_the_booking_stays() {
    let scene = allowing("declines that are refused").await;
    let (event, booking) = scene.given_meeting(9).await;
    let (app, room) = (scene.cluster.app(), &scene.room.room);
    let refusals = [
        (Operation::Patch, answer(400, "invalid")),
        (Operation::Patch, answer(403, "forbidden")),
        (Operation::Patch, answer(403, "requiredAccessLevel")),
        (Operation::Patch, answer(403, "forbiddenForNonOrganizer")),
        (Operation::Patch, answer(403, "accessNotConfigured")),
        (Operation::Patch, answer(403, "notACalendarUser")),
        (Operation::Patch, answer(403, "domainPolicy")),
        (Operation::Get, answer(403, "forbidden")),
    ];
    for (operation, effect) in refusals {
        let what = format!("{operation:?} {effect:?}");
        let fault = Fault::next(effect).on(operation).of_calendar(room.mail());
        scene.cluster.google().add_fault(fault);
        let asked = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
        let refused = (Code::FailedPrecondition, "DECLINE_REFUSED".to_owned());
        assert_eq!(refusal(asked.await), refused, "{what}");
        let after = app.booking("acme", &booking.booking_id).await;
        let after = after.expect("GetBooking");
        assert_eq!(said(&after), (BookingState::Confirmed, ""), "{what}");
        assert_eq!(room.answer(&event), Some(Answer::Accepted), "{what}");
    }
    let status = app.connection_status("acme").await.expect("a status");
    assert_eq!(status.state(), ConnectionState::Active);
    scene.cluster.finish().await;
}

/// Covers R62, R64.
#[tokio::test]
async fn an_answer_that_comes_too_late_is_found_to_be_given() {
    let cluster = Cluster::builder("a slow decline")
        .set(Service::BookingCommand, "google.timeout", "1s")
        .set(Service::BookingCommand, "google.connect_timeout", "1s")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    allow(&scene, true).await;
    let (event, booking) = scene.given_meeting(9).await;
    let room = &scene.room.room;
    let slow = Effect::Delay {
        delay: Duration::from_millis(1500),
    };
    let fault = Fault::next(slow).on(Operation::Patch);
    scene
        .cluster
        .google()
        .add_fault(fault.of_calendar(room.mail()));
    let app = scene.cluster.app();
    let asked = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    asked.await.expect("declined, if later");

    let removed = wait_removed(&scene, &booking, "declined in the end").await;
    assert_eq!(said(&removed), (BookingState::Removed, "DECLINED"));
    assert_eq!(room.answer(&event), Some(Answer::Declined));
    scene.cluster.finish().await;
}

/// Covers R67, D8.
#[tokio::test]
async fn what_a_device_booked_goes_whatever_google_says_first() {
    let scene = Scene::new("device bookings in trouble").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let room = scene.room.room.mail();
    let delete = |booking: &Booking| {
        let id = booking.booking_id.clone();
        async move { app.delete_booking("acme", &id, device("d-1"), false).await }
    };
    for effect in [
        answer(404, "notFound"),
        answer(409, "conflict"),
        answer(410, "deleted"),
        answer(412, "conditionNotMet"),
        answer(429, "rateLimitExceeded"),
        answer(503, "backendError"),
        Effect::CloseConnection,
        Effect::CommitThenClose,
    ] {
        let what = format!("{effect:?}");
        let booking = app
            .book(
                "acme",
                NewBooking::by_device("aquarium", tomorrow(9), "d-1"),
            )
            .await;
        google.add_fault(Fault::next(effect).on(Operation::Delete).of_calendar(room));
        let asked = delete(&booking).await;
        assert!(asked.is_ok(), "{what}: {asked:?}");
        let removed = wait_removed(&scene, &booking, &what).await;
        assert_eq!(
            said(&removed),
            (BookingState::Removed, "DECLINED"),
            "{what}"
        );
        let copy = scene.room.room.event(&event_of(&booking));
        assert_eq!(copy.expect("its event")["status"], "cancelled", "{what}");
    }

    let booking = app
        .book(
            "acme",
            NewBooking::by_device("aquarium", tomorrow(9), "d-1"),
        )
        .await;
    let refused = Fault::answer(403, "forbidden").on(Operation::Delete);
    google.add_fault(refused.of_calendar(room));
    let (_, reason) = refusal(delete(&booking).await);
    assert_eq!(reason, "DECLINE_REFUSED");
    let after = app.booking("acme", &booking.booking_id).await;
    assert_eq!(
        said(&after.expect("GetBooking")),
        (BookingState::Confirmed, "")
    );
    delete(&booking).await.expect("ended");
    scene.wait_count("the room is free", 0).await;
    scene.cluster.finish().await;
}

/// Covers R62, D19.
#[tokio::test]
async fn a_decline_outlasts_the_loss_of_the_connection() {
    let scene = allowing("a decline without a scope").await;
    let (event, booking) = scene.given_meeting(9).await;
    scene.cluster.calm().await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let room = &scene.room.room;
    let missing = Fault::answer(403, "insufficientPermissions").on(Operation::Patch);
    google.add_fault(missing.of_calendar(room.mail()).always());
    let mut request = Request::new(DeleteBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: booking.booking_id.clone(),
        actor: Some(user("u-ana")),
        series: false,
    });
    request.set_timeout(Duration::from_secs(3));
    let answer = app.bookings().delete_booking(request).await;
    let answer = answer.expect("in time").into_inner().booking;
    let answer = answer.expect("the booking as it is");
    assert_eq!(said(&answer), (BookingState::Declining, ""));
    wait_connection(app, ConnectionState::Lost).await;
    assert_eq!(room.answer(&event), Some(Answer::Accepted));

    google.clear_faults();
    let organisation = &scene.room.organisation;
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
    let removed = wait_removed(&scene, &booking, "declined when connected again").await;
    assert_eq!(said(&removed), (BookingState::Removed, "DECLINED"));
    assert_eq!(room.answer(&event), Some(Answer::Declined));
    scene.cluster.finish().await;
}

/// Covers R60, R61, R62, R63, R65, R66.
#[tokio::test]
async fn what_was_booked_in_flexopus_is_declined_like_anything_else_once_it_is_confirmed() {
    let scene = Scene::new("own bookings declined").await;
    let app = scene.cluster.app();
    // Ana books in her own calendar; Eve, whom we cannot act as, in the shared one.
    let partner = scene.cluster.google().add_org("partner.example");
    let eve = partner.add_user("eve@partner.example", false).expect("Eve");
    app.given_user("acme", "u-eve", eve.mail()).await;
    for (who, person, hour) in [("u-ana", &scene.ana, 9), ("u-eve", &eve, 11)] {
        allow(&scene, false).await;
        let booking = NewBooking::by_user("aquarium", tomorrow(hour), who);
        let booking = app.book("acme", booking).await;
        let event = event_of(&booking);
        let delete = || app.delete_booking("acme", &booking.booking_id, user(who), false);
        let not_allowed = (Code::FailedPrecondition, "DECLINE_NOT_ALLOWED".to_owned());
        assert_eq!(refusal(delete().await), not_allowed);
        allow(&scene, true).await;
        let before = person.event(&event).expect("the person's copy");

        let declined = delete().await.expect("declined");

        assert_eq!(said(&declined), (BookingState::Removed, "DECLINED"));
        assert_eq!(scene.room.room.answer(&event), Some(Answer::Declined));
        let after = person.event(&event).expect("the person's copy");
        for field in ["status", "start", "end", "summary", "organizer"] {
            assert_eq!(after[field], before[field], "{who}: {field}");
        }
    }
    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}
