//! Series by the clock on the wall: over changes of the clocks, and of whole days.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::{Europe::Berlin, Tz};
use google_sim::{NewEvent, When};
use roomsync_proto::booking::v1::Booking;

use crate::scene::{Scene, Watched as _, end, ids, start, tomorrow};

/// So many weeks contain a change of the clocks, whenever the test runs.
const HALF_A_YEAR: i64 = 35;

fn in_berlin(booking: &Booking) -> (DateTime<Tz>, DateTime<Tz>) {
    (
        start(booking).with_timezone(&Berlin),
        end(booking).with_timezone(&Berlin),
    )
}

/// When a day begins in Berlin.
fn midnight(day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN).and_local_timezone(Berlin);
    midnight.unwrap().to_utc()
}

/// Covers R16, D26.
#[tokio::test]
async fn a_series_over_a_change_of_the_clocks_keeps_its_time_on_the_wall() {
    let scene = Scene::new("a change of the clocks").await;
    let room = scene.room_in_berlin().await;
    let first = tomorrow(8);
    let event = NewEvent::timed(first, first + TimeDelta::hours(1))
        .in_zone("Europe/Berlin")
        .repeating(&format!("FREQ=WEEKLY;COUNT={HALF_A_YEAR}"))
        .in_room(room.room.mail());
    let series = scene.ana.insert_event(event).expect("Google takes it");

    let wall = first.with_timezone(&Berlin).naive_local();
    let by_the_wall = |shift: TimeDelta| -> Vec<_> {
        let weeks = (0..HALF_A_YEAR).map(|week| wall + shift + TimeDelta::weeks(week));
        weeks
            .map(|local| local.and_local_timezone(Berlin).unwrap().to_utc())
            .collect()
    };
    let starts = by_the_wall(TimeDelta::zero());
    let before = room.wait_starts("half a year of dates", &starts).await;
    let utc = starts.iter().map(DateTime::time);
    assert!(
        utc.clone().min() < utc.max(),
        "the clocks change on the way: {starts:?}"
    );
    for booking in &before {
        let (start, end) = in_berlin(booking);
        assert_eq!(
            (start.time(), end - start),
            (wall.time(), TimeDelta::hours(1))
        );
    }

    // The last date lies beyond the change. What names it is when it begins by the rule.
    let last = starts[starts.len() - 1];
    let moved = last + TimeDelta::hours(3);
    scene
        .ana
        .move_occurrence(
            &series,
            &When::at(last),
            When::at(moved),
            When::at(moved + TimeDelta::hours(1)),
        )
        .expect("moved");
    let mut starts = starts;
    *starts.last_mut().expect("a date") = moved;
    let after = room.wait_starts("the last date moved", &starts).await;
    assert_eq!(ids(&after), ids(&before));

    let half = TimeDelta::minutes(30);
    let (from, to) = (first + half, first + half + TimeDelta::hours(1));
    scene
        .ana
        .move_series(&series, When::at(from), When::at(to))
        .expect("moved as a whole");
    let after = room
        .wait_starts("half an hour later on every wall", &by_the_wall(half))
        .await;
    assert_eq!(ids(&after), ids(&before));
    scene.cluster.finish().await;
}

/// Covers R16.
#[tokio::test]
async fn an_all_day_series_is_whole_days_of_the_rooms_zone_over_a_change_of_the_clocks() {
    let scene = Scene::new("an all-day series").await;
    let room = scene.room_in_berlin().await;
    let first = tomorrow(12).with_timezone(&Berlin).date_naive();
    let days = HALF_A_YEAR * 7;
    let event = NewEvent::all_day(first, first + Days::new(1))
        .repeating(&format!("FREQ=DAILY;COUNT={days}"))
        .in_room(room.room.mail());
    let series = scene.ana.insert_event(event).expect("Google takes it");

    let dates = || first.iter_days();
    let count = usize::try_from(days).expect("a count");
    let starts: Vec<_> = dates().take(count).map(midnight).collect();
    let before = room.wait_starts("half a year of days", &starts).await;
    for (booking, day) in before.iter().zip(dates()) {
        assert!(booking.all_day, "{booking:?}");
        assert_eq!(end(booking), midnight(day + Days::new(1)));
    }
    let lengths = before.iter().map(|b| end(b) - start(b));
    assert!(
        lengths.clone().min() < lengths.max(),
        "one day is an hour shorter or longer"
    );

    let second = first + Days::new(1);
    scene
        .ana
        .cancel_occurrence(&series, &When::on(second))
        .expect("one day is cancelled");
    let left: Vec<_> = starts
        .iter()
        .copied()
        .filter(|at| *at != starts[1])
        .collect();
    let after = room.wait_starts("one day less", &left).await;
    assert_eq!(ids(&after)[0], ids(&before)[0]);
    assert_eq!(ids(&after)[1..], ids(&before)[2..]);
    scene.cluster.finish().await;
}

/// Covers R16.
#[tokio::test]
async fn a_series_from_midnight_to_midnight_is_all_day_as_well() {
    let scene = Scene::new("midnight to midnight").await;
    let room = scene.room_in_berlin().await;
    // The clocks change on Sundays, which are no days of 24 hours then.
    let mut days = tomorrow(12).with_timezone(&Berlin).date_naive().iter_days();
    let day = days
        .find(|day| day.weekday() != Weekday::Sun)
        .expect("a day");
    let event = NewEvent::timed(midnight(day), midnight(day + Days::new(1)))
        .in_zone("Europe/Berlin")
        .repeating("FREQ=WEEKLY;COUNT=3")
        .in_room(room.room.mail());
    let series = scene.ana.insert_event(event).expect("Google takes it");

    let starts: Vec<_> = day.iter_weeks().take(3).map(midnight).collect();
    let before = room.wait_starts("three days", &starts).await;
    assert!(before.iter().all(|b| b.all_day), "{before:?}");

    // Ana says the same with dates: the series becomes one of whole days.
    let whole_days = serde_json::json!({
        "start": {"date": day, "dateTime": null, "timeZone": null},
        "end": {"date": day + Days::new(1), "dateTime": null, "timeZone": null},
    });
    scene
        .ana
        .patch_event(&series, whole_days)
        .expect("as dates");
    let answered = room.room.wait_answered(&series, roomsync_testkit::SOON);
    answered.await.expect("an answer");
    scene.cluster.agree().await;
    let after = room.wait_starts("the same three days", &starts).await;
    assert!(after.iter().all(|b| b.all_day), "{after:?}");
    assert_eq!(ids(&after), ids(&before), "what takes place is the same");
    scene.cluster.finish().await;
}
