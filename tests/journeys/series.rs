//! A series in a linked room: every date is a booking of its own.

use chrono::TimeDelta;
use google_sim::Answer;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::BookingState;
use serde_json::json;

use crate::{
    scene::{self, Scene, Watched as _, ids, start},
    weekly::{Weekly, date, hour_of, week, weekly, weeks},
};

/// Covers R16.
#[tokio::test]
async fn a_series_is_a_booking_for_every_date() {
    let series = Weekly::new("a series").await;
    let starts: Vec<_> = series.scene.listed().await.iter().map(start).collect();
    assert_eq!(starts, weeks(0..5, 9));
    series.scene.cluster.finish().await;
}

/// Covers R16, B10.
#[tokio::test]
async fn one_date_of_a_series_is_moved_cancelled_or_declined_on_its_own() {
    let series = Weekly::new("dates of a series").await;
    let scene = &series.scene;
    series.given_afternoon(1).await;

    scene
        .ana
        .cancel_occurrence(&series.id, &date(2))
        .expect("cancelled");
    scene.wait_count("the cancelled date is gone", 4).await;
    let ended = scene.room.last_word(&series.bookings[2]);
    assert_eq!(ended, (BookingState::Removed, "CANCELLED".to_owned()));

    scene
        .room
        .room
        .respond_occurrence(&series.id, &date(3), Answer::Declined)
        .expect("declined");
    scene.wait_count("the declined date is gone", 3).await;
    let ended = scene.room.last_word(&series.bookings[3]);
    assert_eq!(ended, (BookingState::Removed, "ROOM_DECLINED".to_owned()));

    assert_eq!(
        ids(&scene.listed().await),
        series.ids([0, 1, 4]),
        "the other dates are untouched"
    );
    series.scene.cluster.finish().await;
}

/// Covers R16, B10, D10.
#[tokio::test]
async fn a_series_that_meets_a_meeting_loses_that_date_only() {
    let scene = Scene::new("a series with a conflict").await;
    let (taken, _) = scene.given_meeting(9).await;
    scene
        .ana
        .insert_event(weekly(&scene))
        .expect("Google takes the series");
    let before = scene
        .wait_starts("the meeting and four dates", &weeks(0..5, 9))
        .await;

    scene.ana.cancel_event(&taken).expect("cancelled");

    let after = scene
        .wait_starts("the date that the room declined stays so", &weeks(1..5, 9))
        .await;
    assert_eq!(ids(&after), ids(&before)[1..]);
    scene.cluster.finish().await;
}

/// Covers R16, R21.
#[tokio::test]
async fn a_cancelled_series_takes_all_its_dates_with_it_exceptions_too() {
    let series = Weekly::new("a cancelled series").await;
    series.given_afternoon(1).await;
    series
        .scene
        .ana
        .change_occurrence(&series.id, &date(3), json!({"summary": "Review"}))
        .expect("retitled");

    series
        .scene
        .ana
        .cancel_series(&series.id)
        .expect("cancelled");

    series.scene.wait_count("no booking", 0).await;
    series.scene.cluster.finish().await;
}

/// Covers R16, R21, B10.
#[tokio::test]
async fn cancellations_that_say_nothing_but_an_id_end_what_they_name() {
    let series = Weekly::at_google("sparse tombstones", |settings| {
        settings.sparse_tombstones = true;
        settings.exceptions_first = true;
    })
    .await;
    let scene = &series.scene;
    series.given_afternoon(1).await;

    scene
        .ana
        .cancel_occurrence(&series.id, &date(2))
        .expect("cancelled");
    scene.wait_count("an untouched date is gone", 4).await;
    scene
        .ana
        .cancel_occurrence(&series.id, &date(1))
        .expect("cancelled");
    scene.wait_count("a moved date is gone", 3).await;
    assert_eq!(ids(&scene.listed().await), series.ids([0, 3, 4]));

    scene.ana.cancel_series(&series.id).expect("cancelled");
    scene.wait_count("no booking", 0).await;
    series.scene.cluster.finish().await;
}

/// Covers R16, B10.
#[tokio::test]
async fn changes_of_a_series_leave_its_exceptions_as_they_are() {
    let series = Weekly::new("changes after exceptions").await;
    let scene = &series.scene;
    series.given_afternoon(1).await;
    scene
        .ana
        .cancel_occurrence(&series.id, &date(2))
        .expect("cancelled");
    scene.wait_count("the cancelled date is gone", 4).await;

    let bob = scene.colleague("bob").await;
    let people = [scene.ana.mail(), bob.mail(), scene.room.room.mail()];
    let people = people.map(|mail| json!({"email": mail, "responseStatus": "accepted"}));
    scene
        .ana
        .patch_event(
            &series.id,
            json!({"summary": "Standup", "attendees": people}),
        )
        .expect("a title and a guest");
    // A date that moves afterwards shows that the change of the whole was seen.
    series.given_afternoon(4).await;

    let starts = [week(0, 9), week(1, 14), week(3, 9), week(4, 14)];
    let after = scene.wait_starts("four dates", &starts).await;
    assert_eq!(ids(&after), series.ids([0, 1, 3, 4]));
    series.scene.cluster.finish().await;
}

/// Covers R16, B10, R52.
#[tokio::test]
async fn exceptions_that_are_older_than_the_link_are_imported_as_they_are() {
    for exceptions_first in [false, true] {
        let name = format!("older exceptions, first {exceptions_first}");
        let series = Weekly::at_google(&name, |settings| {
            settings.exceptions_first = exceptions_first;
            settings.sparse_tombstones = true;
        })
        .await;
        let scene = &series.scene;
        let later = scene.room.organisation.given_room("Lagoon");
        scene
            .ana
            .invite_room(&series.id, later.mail())
            .expect("a second room");
        series.given_afternoon(1).await;
        scene
            .ana
            .cancel_occurrence(&series.id, &date(2))
            .expect("cancelled");
        let answered = later
            .wait_answered(&series.id, roomsync_testkit::SOON)
            .await;
        assert_eq!(answered.expect("an answer"), Answer::Accepted);
        later
            .respond_occurrence(&series.id, &date(3), Answer::Declined)
            .expect("declined");

        let later = scene.link("lagoon", later).await;

        let starts = [week(0, 9), week(1, 14), week(4, 9)];
        later.wait_starts("three dates, no phantom", &starts).await;
        series.scene.cluster.finish().await;
    }
}

/// Covers R16, B17.
#[tokio::test]
async fn a_room_that_joins_a_series_later_gets_its_dates_as_they_are_now() {
    let series = Weekly::new("a room that joins later").await;
    let scene = &series.scene;
    let later = scene.another_room("Lagoon").await;
    series.given_afternoon(1).await;
    scene
        .ana
        .cancel_occurrence(&series.id, &date(2))
        .expect("cancelled");

    scene
        .ana
        .invite_room(&series.id, later.room.mail())
        .expect("a second room");

    let starts = [week(0, 9), week(1, 14), week(3, 9), week(4, 9)];
    later.wait_starts("the second room's dates", &starts).await;
    let first = scene.wait_starts("the first room's dates", &starts).await;
    assert_eq!(ids(&first), series.ids([0, 1, 3, 4]));

    scene
        .ana
        .uninvite_room(&series.id, scene.room.room.mail())
        .expect("the first room leaves");
    scene.wait_count("the first room is free", 0).await;
    later.wait_starts("the second room's dates", &starts).await;
    series.scene.cluster.finish().await;
}

/// Covers R16, R19, B10.
#[tokio::test]
async fn one_date_of_a_series_goes_to_another_room_and_comes_back() {
    let series = Weekly::new("a date in another room").await;
    let scene = &series.scene;
    let other = scene.another_room("Lagoon").await;
    let second = google_sim::instance_id(&series.id, &date(1));
    let (here, there) = (scene.room.room.mail(), other.room.mail());

    scene.ana.swap_room(&second, here, there).expect("swapped");

    other.wait_starts("the date is there", &[week(1, 9)]).await;
    scene.wait_count("and no longer here", 4).await;

    scene
        .ana
        .swap_room(&second, there, here)
        .expect("swapped back");

    other.wait_count("it has left", 0).await;
    let after = scene.wait_starts("five dates", &weeks(0..5, 9)).await;
    let others = [0, 2, 3, 4].map(|index| after[index].booking_id.as_str());
    assert_eq!(others, series.ids([0, 2, 3, 4]));
    assert_ne!(
        after[1].booking_id, series.bookings[1].booking_id,
        "an ended booking never comes back"
    );
    series.scene.cluster.finish().await;
}

/// Covers R16, D14.
#[tokio::test]
async fn an_endless_series_is_mirrored_to_the_horizon_and_no_further() {
    let scene = Scene::new("an endless series").await;
    let series = scene
        .ana
        .insert_event(scene.meeting(9).repeating("FREQ=DAILY"))
        .expect("Google takes it");
    scene
        .room
        .subscriber
        .wait_for("more than a year of bookings", |journal| {
            let bookings = journal.bookings(&scene.room.object);
            let last = bookings.last().map(start)?;
            (last > week(0, 9) + TimeDelta::days(395)).then_some(())
        })
        .await;

    let (start, end) = hour_of(0, 15);
    scene
        .ana
        .move_occurrence(&series, &date(0), start, end)
        .expect("moved");
    scene
        .wait_booking("the moved date", week(0, 15), BookingState::Confirmed)
        .await;
    // An object's changes come in order, so all of the import was heard before the move.
    let bookings = scene
        .room
        .subscriber
        .journal(|journal| journal.bookings(&scene.room.object));
    let last = bookings.last().map(scene::start).expect("a booking");
    let horizon = SystemClock.now() + TimeDelta::days(400);
    assert!(last < horizon, "the last date is {last}");
    assert!(
        last > horizon - TimeDelta::days(2),
        "the last date is {last}"
    );
    scene.cluster.finish().await;
}
