//! A series that changes as a whole: moved, split, its rule another. What stays keeps its booking.

use chrono::TimeDelta;
use google_sim::{Answer, When};
use roomsync_proto::booking::v1::BookingState;
use serde_json::json;

use crate::{
    scene::{Scene, Watched as _, ids},
    weekly::{Weekly, date, hour_of, week, weeks},
};

/// Covers R16, R18, D26.
#[tokio::test]
async fn a_series_moved_as_a_whole_moves_its_bookings_and_keeps_their_ids() {
    let series = Weekly::new("a moved series").await;
    let scene = &series.scene;
    let (start, end) = hour_of(0, 14);

    scene
        .ana
        .move_series(&series.id, start, end)
        .expect("moved");

    let after = scene.wait_starts("the afternoons", &weeks(0..5, 14)).await;
    assert_eq!(ids(&after), ids(&series.bookings));

    let day = TimeDelta::days(1);
    let (start, end) = (week(0, 8) + day, week(0, 10) + day);
    scene
        .ana
        .move_series(&series.id, When::at(start), When::at(end))
        .expect("moved to another weekday, and longer");

    let starts: Vec<_> = weeks(0..5, 8).into_iter().map(|at| at + day).collect();
    let after = scene.wait_starts("the other weekday", &starts).await;
    assert_eq!(ids(&after), ids(&series.bookings));
    for booking in &series.bookings {
        let history = scene.room.history(booking);
        assert!(
            history.iter().all(|b| b.state() != BookingState::Removed),
            "a move is no removal: {history:?}"
        );
    }
    series.scene.cluster.finish().await;
}

/// Covers R16, R18, D26.
#[tokio::test]
async fn a_series_moved_by_a_week_keeps_the_bookings_of_the_dates_that_stay() {
    let series = Weekly::new("a series a week later").await;
    let (start, end) = hour_of(1, 9);

    let moved = series.scene.ana.move_series(&series.id, start, end);
    moved.expect("moved");

    let after = series
        .scene
        .wait_starts("a week later", &weeks(1..6, 9))
        .await;
    assert_eq!(ids(&after)[..4], series.ids([1, 2, 3, 4]));
    let (first, last) = (series.ids([0])[0], ids(&after)[4]);
    assert_ne!(last, first, "no date is moved past others that stay");
    assert_eq!(
        series.scene.room.last_word(&series.bookings[0]).0,
        BookingState::Removed
    );
    series.scene.cluster.finish().await;
}

/// Covers R16, R18, D10, D26.
#[tokio::test]
async fn a_moved_series_whose_room_answers_late_is_pending_meanwhile() {
    let series = Weekly::new("a moved series, answered late").await;
    let scene = &series.scene;
    scene.room.room.auto_accept(false).expect("answers by hand");
    let (start, end) = hour_of(0, 14);

    scene
        .ana
        .move_series(&series.id, start, end)
        .expect("moved");

    let pending = |journal: &roomsync_testkit::Journal| {
        let all = journal.bookings(&scene.room.object);
        let asked = all.len() == 5 && all.iter().all(|b| b.state() == BookingState::Pending);
        asked.then_some(all)
    };
    let asked = scene
        .room
        .subscriber
        .wait_for("all asked anew", pending)
        .await;
    assert_eq!(ids(&asked), ids(&series.bookings));

    let answered = scene.room.room.respond(&series.id, Answer::Accepted);
    answered.expect("yes");
    let after = scene.wait_starts("the afternoons", &weeks(0..5, 14)).await;
    assert_eq!(ids(&after), ids(&series.bookings));
    series.scene.cluster.finish().await;
}

/// Covers R16, B10, D26.
#[tokio::test]
async fn a_moved_series_undoes_its_exceptions_or_leaves_them_as_google_decides() {
    let series = Weekly::new("a moved series, exceptions undone").await;
    series.given_afternoon(1).await;
    let (start, end) = hour_of(0, 11);
    let moved = series.scene.ana.move_series(&series.id, start, end);
    moved.expect("moved");
    let after = series
        .scene
        .wait_starts("all at eleven", &weeks(0..5, 11))
        .await;
    let mut kept = ids(&after);
    kept.sort_unstable();
    let mut known = ids(&series.bookings);
    known.sort_unstable();
    assert_eq!(kept, known, "five dates, the same five bookings");
    series.scene.cluster.finish().await;

    let series = Weekly::at_google("a moved series, exceptions kept", |settings| {
        settings.moved_series_reset_exceptions = false;
    })
    .await;
    series.given_afternoon(1).await;
    let (start, end) = hour_of(0, 11);
    let moved = series.scene.ana.move_series(&series.id, start, end);
    moved.expect("moved");
    let mut starts = weeks(0..5, 11);
    starts.insert(2, week(1, 14));
    let after = series
        .scene
        .wait_starts("the afternoon, too", &starts)
        .await;
    let after = ids(&after);
    assert_eq!(after[2], series.ids([1])[0], "the exception is untouched");
    let others = [after[0], after[3], after[4], after[5]];
    assert_eq!(others, series.ids([0, 2, 3, 4]), "each in its week");
    assert!(!ids(&series.bookings).contains(&after[1]), "a further date");
    series.scene.cluster.finish().await;
}

/// Covers R16, D26.
#[tokio::test]
async fn a_series_split_at_equal_times_keeps_every_booking() {
    let series = Weekly::new("a split at equal times").await;
    let scene = &series.scene;

    let following = scene
        .ana
        .split_series(&series.id, &date(2), json!({"summary": "Standup"}))
        .expect("split");
    let answered = scene
        .room
        .room
        .wait_answered(&following, roomsync_testkit::SOON);
    assert_eq!(answered.await.expect("an answer"), Answer::Accepted);
    scene.cluster.agree().await;

    let after = scene.wait_starts("five dates", &weeks(0..5, 9)).await;
    assert_eq!(ids(&after), ids(&series.bookings));

    scene.ana.cancel_series(&following).expect("cancelled");
    let after = scene.wait_starts("the earlier part", &weeks(0..2, 9)).await;
    assert_eq!(ids(&after), series.ids([0, 1]));
    series.scene.cluster.finish().await;
}

/// Covers R16, R18, D26.
#[tokio::test]
async fn a_series_split_by_this_and_following_moves_the_bookings_of_the_later_part() {
    let series = Weekly::new("a split with other times").await;
    let scene = &series.scene;
    let split = |of: &str, number, hour| {
        let (start, end) = hour_of(number, hour);
        let times = json!({"start": start, "end": end});
        let split = scene
            .ana
            .split_series(of, &When::at(week(number, hour - 2)), times);
        split.expect("split")
    };

    let following = split(&series.id, 3, 11);

    let (first, then) = (weeks(0..3, 9), weeks(3..5, 11));
    let starts: Vec<_> = first.into_iter().chain(then).collect();
    let after = scene.wait_starts("two parts", &starts).await;
    assert_eq!(ids(&after), ids(&series.bookings));

    split(&following, 4, 13);

    let mut starts = starts;
    starts[4] = week(4, 13);
    let after = scene.wait_starts("three parts", &starts).await;
    assert_eq!(ids(&after), ids(&series.bookings));
    series.scene.cluster.finish().await;
}

/// Covers R16, B10, D26.
#[tokio::test]
async fn exceptions_that_survive_a_split_are_bookings_of_their_own() {
    let series = Weekly::at_google("stale exceptions", |settings| {
        settings.stale_exceptions_survive = true;
    })
    .await;
    let scene = &series.scene;
    series.given_afternoon(4).await;

    scene
        .ana
        .split_series(&series.id, &date(3), json!({}))
        .expect("split");

    let mut starts = weeks(0..5, 9);
    starts.push(week(4, 14));
    let after = scene
        .wait_starts("five dates and the exception", &starts)
        .await;
    let kept = ids(&after);
    assert_eq!(kept[..4], series.ids([0, 1, 2, 3]));
    assert_eq!(kept[5], series.ids([4])[0], "the exception is untouched");
    series.scene.cluster.finish().await;
}

/// Covers R16, D26.
#[tokio::test]
async fn a_rule_made_shorter_longer_or_with_gaps_keeps_the_bookings_of_what_stays() {
    let series = Weekly::new("another rule").await;
    let scene = &series.scene;
    let change = |lines: &[&str]| {
        let changed = scene.ana.change_recurrence(&series.id, lines);
        changed.expect("another rule");
    };

    change(&["RRULE:FREQ=WEEKLY;COUNT=3"]);
    let after = scene.wait_starts("three dates", &weeks(0..3, 9)).await;
    assert_eq!(ids(&after), series.ids([0, 1, 2]));

    change(&["RRULE:FREQ=WEEKLY;COUNT=6"]);
    let longer = scene.wait_starts("six dates", &weeks(0..6, 9)).await;
    assert_eq!(ids(&longer)[..3], series.ids([0, 1, 2]));
    for ended in series.ids([3, 4]) {
        assert!(
            !ids(&longer).contains(&ended),
            "an ended booking never comes back"
        );
    }

    let gap = format!("EXDATE:{}", week(1, 9).format("%Y%m%dT%H%M%SZ"));
    let extra = format!("RDATE:{}", week(2, 15).format("%Y%m%dT%H%M%SZ"));
    change(&["RRULE:FREQ=WEEKLY;COUNT=4", &gap, &extra]);
    let starts = [week(0, 9), week(2, 9), week(2, 15), week(3, 9)];
    let after = scene.wait_starts("a gap and a further date", &starts).await;
    let kept = [0, 1, 3].map(|index| after[index].booking_id.as_str());
    assert_eq!(
        kept,
        [0, 2, 3].map(|index| longer[index].booking_id.as_str())
    );
    series.scene.cluster.finish().await;
}

/// Covers R15, R16, D26.
#[tokio::test]
async fn a_meeting_made_a_series_and_back_keeps_its_booking() {
    let scene = Scene::new("a meeting made a series").await;
    let (event, booking) = scene.given_meeting(9).await;
    let (start, end) = hour_of(0, 9);

    let rule = json!({
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"],
        "start": start.in_zone("UTC"),
        "end": end.in_zone("UTC"),
    });
    scene.ana.patch_event(&event, rule).expect("repeated");
    let dates = scene.wait_starts("four dates", &weeks(0..4, 9)).await;
    assert_eq!(dates[0].booking_id, booking.booking_id);
    let (start, end) = hour_of(2, 14);
    scene
        .ana
        .move_occurrence(&event, &date(2), start, end)
        .expect("moved");
    let state = BookingState::Confirmed;
    scene.wait_booking("a moved date", week(2, 14), state).await;

    scene
        .ana
        .change_recurrence(&event, &[])
        .expect("a single event again");

    let single = scene.wait_starts("one meeting", &[week(0, 9)]).await;
    assert_eq!(ids(&single), [booking.booking_id.as_str()]);
    for date in &dates[1..] {
        assert_eq!(scene.room.last_word(date).0, BookingState::Removed);
    }
    scene.ana.cancel_event(&event).expect("cancelled");
    scene.wait_count("no booking", 0).await;
    scene.cluster.finish().await;
}
