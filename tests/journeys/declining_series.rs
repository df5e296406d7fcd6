//! Dates of a series are declined from Flexopus: one of them, or all that are still to come.

use chrono::TimeDelta;
use google_sim::{Answer, Effect, Fault, NewEvent, Operation, instance_id};
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::app::bookings::user;
use tonic::Code;

use crate::{
    declining::{allow, allowing, refusal, said},
    scene::{Scene, ids, start, tomorrow},
    weekly::{Weekly, date, week},
};

async fn decline(scene: &Scene, booking: &Booking, series: bool) -> Booking {
    let app = scene.cluster.app();
    app.delete_booking("acme", &booking.booking_id, user("u-ana"), series)
        .await
        .expect("declined")
}

/// Covers R62, B10, D25.
#[tokio::test]
async fn of_a_series_the_one_date_is_declined() {
    let weekly = Weekly::new("one date declined").await;
    let scene = &weekly.scene;
    allow(scene, true).await;

    let declined = decline(scene, &weekly.bookings[2], false).await;

    assert_eq!(said(&declined), (BookingState::Removed, "DECLINED"));
    let starts: Vec<_> = [0, 1, 3, 4].map(|number| week(number, 9)).into();
    let after = scene.wait_starts("four dates", &starts).await;
    assert_eq!(ids(&after), weekly.ids([0, 1, 3, 4]));
    let room = &scene.room.room;
    let answer = |number| room.answer(&instance_id(&weekly.id, &date(number)));
    assert_eq!(answer(2), Some(Answer::Declined));
    assert_eq!(answer(3), Some(Answer::Accepted));
    weekly.scene.cluster.finish().await;
}

/// Covers R62, R63, D25.
#[tokio::test]
async fn a_series_is_declined_with_the_dates_that_answered_for_themselves() {
    let weekly = Weekly::new("a series declined").await;
    let scene = &weekly.scene;
    allow(scene, true).await;
    weekly.given_afternoon(2).await;
    let before = scene.ana.event(&weekly.id).expect("ana's series");

    let declined = decline(scene, &weekly.bookings[1], true).await;

    assert_eq!(said(&declined), (BookingState::Removed, "DECLINED"));
    scene.wait_starts("none is left", &[]).await;
    for booking in &weekly.bookings {
        let ended = scene.cluster.app().booking("acme", &booking.booking_id);
        let ended = ended.await.expect("GetBooking");
        assert_eq!(said(&ended), (BookingState::Removed, "DECLINED"));
    }
    let room = &scene.room.room;
    for number in 0..5 {
        let answer = room.answer(&instance_id(&weekly.id, &date(number)));
        assert_eq!(answer, Some(Answer::Declined), "date {number}");
    }
    let after = scene.ana.event(&weekly.id).expect("the series stays");
    for field in [
        "status",
        "start",
        "end",
        "recurrence",
        "summary",
        "sequence",
    ] {
        assert_eq!(after[field], before[field], "{field}");
    }
    weekly.scene.cluster.finish().await;
}

/// Covers R62, D25.
#[tokio::test]
async fn a_series_is_declined_whatever_fails_halfway() {
    let weekly = Weekly::new("a series declined in trouble").await;
    let scene = &weekly.scene;
    allow(scene, true).await;
    weekly.given_afternoon(2).await;
    let google = scene.cluster.google();
    let room = &scene.room.room;
    let away = || Fault::answer(503, "backendError");
    for fault in [
        // The series itself, then the list of what is left of it, then the date that answers for itself.
        Fault::next(Effect::CommitThenClose).on(Operation::Patch),
        away().on(Operation::Instances),
        Fault::next(Effect::CloseConnection).on(Operation::Instances),
        away().on(Operation::Patch).after(1),
        Fault::answer(412, "conditionNotMet")
            .on(Operation::Patch)
            .after(1),
    ] {
        google.add_fault(fault.of_calendar(room.mail()));
    }
    let app = scene.cluster.app();
    let asked = app.delete_booking("acme", &weekly.bookings[1].booking_id, user("u-ana"), true);
    asked.await.expect("declined, if later");

    scene.wait_starts("none is left", &[]).await;
    for booking in &weekly.bookings {
        let is_ended = |it: &Booking| said(it) == (BookingState::Removed, "DECLINED");
        app.wait_booking("declined", "acme", &booking.booking_id, is_ended)
            .await;
    }
    for number in 0..5 {
        let answer = room.answer(&instance_id(&weekly.id, &date(number)));
        assert_eq!(answer, Some(Answer::Declined), "date {number}");
    }
    weekly.scene.cluster.finish().await;
}

/// Covers D6, D25.
#[tokio::test]
async fn what_is_past_of_a_declined_series_stays() {
    let scene = allowing("a running series declined").await;
    let first = tomorrow(9) - TimeDelta::weeks(3);
    let series = NewEvent::timed(first, first + TimeDelta::hours(1))
        .in_room(scene.room.room.mail())
        .repeating("FREQ=WEEKLY;COUNT=5");
    scene.ana.insert_event(series).expect("made");
    let starts: Vec<_> = (0..5)
        .map(|number| first + TimeDelta::weeks(number))
        .collect();
    let before = scene.wait_starts("past and future", &starts).await;

    decline(&scene, &before[3], true).await;

    let after = scene.wait_starts("the past", &starts[..3]).await;
    assert_eq!(ids(&after), ids(&before[..3]));
    // What is past is no decision any more.
    let app = scene.cluster.app();
    let over = app.delete_booking("acme", &after[0].booking_id, user("u-ana"), true);
    let over = refusal(over.await);
    assert_eq!(over, (Code::FailedPrecondition, "BOOKING_OVER".to_owned()));
    scene.cluster.finish().await;
}

/// Covers D25, B10.
#[tokio::test]
async fn a_room_that_knows_single_dates_only_declines_those_one_by_one() {
    let scene = allowing("single dates declined").await;
    let series = NewEvent::timed(tomorrow(9), tomorrow(10)).repeating("FREQ=WEEKLY;COUNT=5");
    let series = scene.ana.insert_event(series).expect("made without a room");
    for number in [1, 3] {
        scene
            .ana
            .invite_room_to_occurrence(&series, &date(number), scene.room.room.mail())
            .expect("invited");
    }
    let dates = [week(1, 9), week(3, 9)];
    let before = scene.wait_starts("two dates", &dates).await;

    decline(&scene, &before[1], true).await;

    scene.wait_starts("none is left", &[]).await;
    for number in [1, 3] {
        let answer = scene.room.room.answer(&instance_id(&series, &date(number)));
        assert_eq!(answer, Some(Answer::Declined), "date {number}");
    }
    assert_eq!(start(&before[0]), week(1, 9));
    scene.cluster.finish().await;
}

/// Covers D25.
#[tokio::test]
async fn an_event_of_its_own_is_no_series() {
    let scene = allowing("no series").await;
    let (_, booking) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let refused = app.delete_booking("acme", &booking.booking_id, user("u-ana"), true);
    let refused = refusal(refused.await);
    assert_eq!(
        refused,
        (Code::FailedPrecondition, "NOT_A_SERIES".to_owned())
    );
    scene.cluster.finish().await;
}
