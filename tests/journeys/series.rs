//! A series in a linked room: every date is a booking of its own.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{Answer, NewEvent, When};
use roomsync_proto::booking::v1::BookingState;

use crate::scene::{Scene, start, tomorrow};

/// Tomorrow at this hour, so many weeks later.
fn week(number: i64, hour: i64) -> DateTime<Utc> {
    tomorrow(hour) + TimeDelta::weeks(number)
}

/// Ana's weekly meeting at nine, five times.
fn weekly(scene: &Scene) -> NewEvent {
    scene.meeting(9).repeating("FREQ=WEEKLY;COUNT=5")
}

async fn given_series(scene: &Scene) -> String {
    let series = scene
        .ana
        .insert_event(weekly(scene))
        .expect("Google takes the series");
    scene.wait_count("five bookings", 5).await;
    confirmed(scene).await;
    series
}

/// Waits until every booking that the subscriber knows is confirmed.
async fn confirmed(scene: &Scene) {
    scene
        .room
        .subscriber
        .wait_for("all of them confirmed", |journal| {
            let all = journal.bookings(&scene.room.object);
            all.iter()
                .all(|b| b.state() == BookingState::Confirmed)
                .then_some(())
        })
        .await;
}

/// Covers R16.
#[tokio::test]
async fn a_series_is_a_booking_for_every_date() {
    let scene = Scene::new("a series").await;
    given_series(&scene).await;
    let starts: Vec<_> = scene.listed().await.iter().map(start).collect();
    assert_eq!(starts, (0..5).map(|n| week(n, 9)).collect::<Vec<_>>());
    scene.cluster.finish().await;
}

/// Covers R16, B10.
#[tokio::test]
async fn one_date_of_a_series_is_moved_cancelled_or_declined_on_its_own() {
    let scene = Scene::new("dates of a series").await;
    let series = given_series(&scene).await;
    let before = scene.listed().await;

    let moved = (When::at(week(1, 14)), When::at(week(1, 15)));
    scene
        .ana
        .move_occurrence(&series, &When::at(week(1, 9)), moved.0, moved.1)
        .expect("moved");
    let booking = scene
        .wait_booking("the moved date", week(1, 14), BookingState::Confirmed)
        .await;
    assert_eq!(
        booking.booking_id, before[1].booking_id,
        "a moved date keeps its booking"
    );

    scene
        .ana
        .cancel_occurrence(&series, &When::at(week(2, 9)))
        .expect("cancelled");
    scene.wait_count("the cancelled date is gone", 4).await;

    let third = When::at(week(3, 9));
    scene
        .room
        .room
        .respond_occurrence(&series, &third, Answer::Declined)
        .expect("declined");
    scene.wait_count("the declined date is gone", 3).await;

    let kept: Vec<_> = scene
        .listed()
        .await
        .into_iter()
        .map(|b| b.booking_id)
        .collect();
    let expected = [&before[0], &before[1], &before[4]].map(|b| b.booking_id.clone());
    assert_eq!(kept, expected, "the other dates are untouched");
    scene.cluster.finish().await;
}

/// Covers R16, R21.
#[tokio::test]
async fn a_cancelled_series_takes_all_its_dates_with_it_exceptions_too() {
    let scene = Scene::new("a cancelled series").await;
    let series = given_series(&scene).await;
    let moved = (When::at(week(1, 14)), When::at(week(1, 15)));
    scene
        .ana
        .move_occurrence(&series, &When::at(week(1, 9)), moved.0, moved.1)
        .expect("moved");
    scene
        .wait_booking("the moved date", week(1, 14), BookingState::Confirmed)
        .await;

    scene.ana.cancel_series(&series).expect("cancelled");

    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}

/// Covers R16.
#[tokio::test]
async fn a_series_split_by_this_and_following_stays_complete() {
    let scene = Scene::new("a split series").await;
    let series = given_series(&scene).await;
    let later = serde_json::json!({
        "start": When::at(week(3, 11)),
        "end": When::at(week(3, 12)),
    });
    scene
        .ana
        .split_series(&series, &When::at(week(3, 9)), later)
        .expect("split");
    scene
        .wait_booking("the later part", week(4, 11), BookingState::Confirmed)
        .await;
    scene.wait_count("five bookings still", 5).await;
    scene.cluster.finish().await;
}

/// Covers R16.
#[tokio::test]
async fn an_endless_series_is_mirrored_to_the_horizon_and_no_further() {
    let scene = Scene::new("an endless series").await;
    scene
        .ana
        .insert_event(scene.meeting(9).repeating("FREQ=DAILY"))
        .expect("Google takes it");
    scene
        .room
        .subscriber
        .wait_for("more than a year of bookings", |journal| {
            let count = journal.bookings(&scene.room.object).len();
            assert!(count <= 401, "the horizon is 400 days");
            (count >= 399).then_some(())
        })
        .await;
    scene.cluster.finish().await;
}
