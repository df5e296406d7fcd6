//! How late the oldest change is that is not applied yet, by lane.

use chrono::TimeDelta;
use sqlx::PgPool;

use super::{MINUTE, NO_TIME, claimed, done, off, opened};
use crate::store::{calendars::Calendars, rows::End};

const HOUR: f64 = 3600.0;

async fn ages(calendars: &Calendars) -> (f64, f64) {
    let counts = calendars.counts().await.unwrap();
    (counts.oldest_live, counts.oldest_background)
}

/// Everything about the calendar was wanted an hour earlier than it was.
async fn an_hour_passes(pool: &PgPool) {
    sqlx::query(
        "-- tests.an_hour_passes
        UPDATE sync.calendars
        SET dirty_since = dirty_since - interval '1 hour',
            pushed_at = pushed_at - interval '1 hour',
            pushing_at = pushing_at - interval '1 hour'",
    )
    .execute(pool)
    .await
    .unwrap();
}

fn is_old(age: f64) -> bool {
    (HOUR..HOUR * 1.5).contains(&age)
}

fn is_young(age: f64) -> bool {
    age > 0.0 && age < HOUR / 2.0
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_push_is_as_old_as_its_receipt_until_it_is_applied(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert_eq!(ages(&calendars).await, (0.0, 0.0), "nothing waits");
    let now = roomsync_domain::Clock::now(&roomsync_domain::SystemClock);
    let received = now - TimeDelta::hours(1);
    calendars.raise(id, Some(received)).await.unwrap();
    calendars.raise(id, Some(now)).await.unwrap();
    let (live, background) = ages(&calendars).await;
    assert!(is_old(live), "the oldest of the two counts: {live}");
    assert!(background.abs() < f64::EPSILON, "{background}");

    let claim = claimed(&calendars, id).await;
    assert!(is_old(ages(&calendars).await.0), "it is in work");
    calendars.put_off(&claim, off(NO_TIME, true)).await.unwrap();
    assert!(is_old(ages(&calendars).await.0), "it was put off");
    let again = calendars.claim(id, MINUTE).await.unwrap();
    let again = again.expect("a put-off calendar that is due");
    let end = done(&again, "c1");
    calendars.end(&again, &end, NO_TIME).await.unwrap().unwrap();
    assert_eq!(ages(&calendars).await, (0.0, 0.0), "nothing waits any more");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_look_that_nobody_pushed_for_ages_in_the_background(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    an_hour_passes(&pool).await;
    calendars.raise(id, None).await.unwrap();
    let (live, background) = ages(&calendars).await;
    assert!(live.abs() < f64::EPSILON, "{live}");
    assert!(is_old(background), "the first one counts: {background}");

    let claim = claimed(&calendars, id).await;
    calendars.raise(id, None).await.unwrap();
    let end = done(&claim, "c1");
    calendars.end(&claim, &end, NO_TIME).await.unwrap().unwrap();
    let (_, background) = ages(&calendars).await;
    assert!(is_young(background), "wanted since the claim: {background}");

    let claim = claimed(&calendars, id).await;
    let end = done(&claim, "c2");
    calendars.end(&claim, &end, NO_TIME).await.unwrap().unwrap();
    assert_eq!(ages(&calendars).await, (0.0, 0.0));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_look_that_showed_only_a_part_ages_on(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    an_hour_passes(&pool).await;
    let claim = claimed(&calendars, id).await;
    let part = End {
        done: None,
        ..done(&claim, "c1")
    };
    calendars
        .end(&claim, &part, NO_TIME)
        .await
        .unwrap()
        .unwrap();
    assert!(is_old(ages(&calendars).await.1));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn somebody_who_waits_for_a_booking_is_in_the_live_lane(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_awaited(id).await.unwrap();
    an_hour_passes(&pool).await;
    let (live, background) = ages(&calendars).await;
    assert!(is_old(live), "{live}");
    assert!(background.abs() < f64::EPSILON, "{background}");
}

/// A replica of the version before leaves the time of an earlier look behind, or none at all.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_an_earlier_version_left_behind_is_not_counted(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    an_hour_passes(&pool).await;
    let clean = "UPDATE sync.calendars SET generation_done = generation_wanted";
    sqlx::query(clean).execute(&pool).await.unwrap();
    assert_eq!(ages(&calendars).await, (0.0, 0.0), "it is clean");
    calendars.raise(id, None).await.unwrap();
    assert!(is_young(ages(&calendars).await.1), "since now");

    let none = "UPDATE sync.calendars SET dirty_since = NULL";
    sqlx::query(none).execute(&pool).await.unwrap();
    assert_eq!(ages(&calendars).await, (0.0, 0.0), "nobody knows");
}
