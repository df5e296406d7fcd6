//! A room that knows only some dates of a series: exceptions without a master, or before it.

use google_sim::Settings;
use serde_json::json;

use crate::{
    scene::{Scene, Watched as _, ids, tomorrow},
    weekly::{date, hour_of, week, weeks},
};

/// Ana's series in no room at all.
fn given_roomless(scene: &Scene) -> String {
    let event = google_sim::NewEvent::timed(tomorrow(9), tomorrow(10));
    let series = event.repeating("FREQ=WEEKLY;COUNT=5");
    scene.ana.insert_event(series).expect("Google takes it")
}

fn invite(scene: &Scene, series: &str, number: i64) {
    scene
        .ana
        .invite_room_to_occurrence(series, &date(number), scene.room.room.mail())
        .expect("invited");
}

async fn single_dates_come_and_go(name: &str, change: impl FnOnce(&mut Settings)) {
    let scene = Scene::at_google(name, change).await;
    let series = given_roomless(&scene);

    invite(&scene, &series, 1);
    invite(&scene, &series, 3);
    let before = scene
        .wait_starts("two dates", &[week(1, 9), week(3, 9)])
        .await;

    let (start, end) = hour_of(1, 14);
    scene
        .ana
        .move_occurrence(&series, &date(1), start, end)
        .expect("moved");
    let after = scene
        .wait_starts("one of them moved", &[week(1, 14), week(3, 9)])
        .await;
    assert_eq!(ids(&after), ids(&before));

    scene
        .ana
        .patch_event(&series, json!({"summary": "Standup"}))
        .expect("the whole series gets a title");
    invite(&scene, &series, 0);
    let after = scene
        .wait_starts("three dates", &[week(0, 9), week(1, 14), week(3, 9)])
        .await;
    assert_eq!(ids(&after)[1..], ids(&before));

    scene
        .ana
        .cancel_occurrence(&series, &date(3))
        .expect("cancelled");
    scene
        .wait_starts("without the cancelled", &[week(0, 9), week(1, 14)])
        .await;

    scene
        .ana
        .uninvite_room_from_occurrence(&series, &date(0), scene.room.room.mail())
        .expect("uninvited");
    let after = scene.wait_starts("the moved one", &[week(1, 14)]).await;
    assert_eq!(ids(&after), ids(&before)[..1]);

    scene.ana.cancel_series(&series).expect("cancelled");
    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}

/// Covers R16, R22, B10.
#[tokio::test]
async fn a_room_invited_to_single_dates_has_those_and_loses_them_one_by_one() {
    single_dates_come_and_go("single dates", |_| {}).await;
}

/// Covers R16, R22, B10.
#[tokio::test]
async fn single_dates_of_which_cancellations_tell_only_the_id_are_lost_one_by_one() {
    single_dates_come_and_go("single dates, sparse", |settings| {
        settings.sparse_tombstones = true;
    })
    .await;
}

/// Covers R16, B10.
#[tokio::test]
async fn a_room_invited_to_one_date_first_and_to_the_whole_series_then_has_all_dates() {
    for exceptions_first in [false, true] {
        let name = format!("exceptions before their master, {exceptions_first}");
        let change = |settings: &mut Settings| settings.exceptions_first = exceptions_first;
        let scene = Scene::at_google(&name, change).await;
        let series = given_roomless(&scene);
        invite(&scene, &series, 1);
        let before = scene.wait_starts("one date", &[week(1, 9)]).await;

        scene
            .ana
            .invite_room(&series, scene.room.room.mail())
            .expect("invited to all");

        let after = scene.wait_starts("all dates", &weeks(0..5, 9)).await;
        assert_eq!(ids(&after)[1], ids(&before)[0]);
        scene
            .ana
            .uninvite_room(&series, scene.room.room.mail())
            .expect("uninvited from all");
        scene.wait_count("no date", 0).await;
        scene.cluster.finish().await;
    }
}

/// Covers R16, R52.
#[tokio::test]
async fn single_dates_that_are_older_than_the_link_are_imported() {
    let scene = Scene::new("older single dates").await;
    let series = given_roomless(&scene);
    let room = scene.room.organisation.given_room("Lagoon");
    for number in [1, 3] {
        let invited = scene
            .ana
            .invite_room_to_occurrence(&series, &date(number), room.mail())
            .expect("invited");
        let answered = room.wait_answered(&invited, roomsync_testkit::SOON);
        answered.await.expect("an answer");
    }

    let room = scene.link("lagoon", room).await;

    room.wait_starts("two dates", &[week(1, 9), week(3, 9)])
        .await;
    scene.cluster.finish().await;
}
