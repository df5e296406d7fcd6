//! Who finds what is left to do: the sweep, the wake, the poll, the jobs.

use roomsync_domain::CalendarId;
use sqlx::PgPool;

use super::{MINUTE, NO_TIME, at, claimed, done, ended, expire, opened, set};
use crate::{
    store::{
        calendars::Calendars,
        channels::Channels,
        jobs,
        rows::{Calendar, End},
    },
    tests::database::database,
};

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_sweep_finds_what_a_dead_worker_left(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert!(
        calendars.sweep(NO_TIME, 10).await.unwrap().is_empty(),
        "clean"
    );
    calendars.raise(id, at(1)).await.unwrap();
    let claim = claimed(&calendars, id).await;
    assert!(
        calendars.sweep(NO_TIME, 10).await.unwrap().is_empty(),
        "somebody is at it"
    );
    expire(&pool, id).await;
    let swept = calendars.sweep(MINUTE, 10).await.unwrap();
    assert_eq!(
        swept
            .iter()
            .map(|it| (it.calendar, it.live))
            .collect::<Vec<_>>(),
        [(id, true)]
    );
    assert!(
        calendars.sweep(NO_TIME, 10).await.unwrap().is_empty(),
        "swept just now"
    );
    assert_eq!(claimed(&calendars, id).await.epoch, claim.epoch + 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_sweep_finds_what_was_raised_and_never_claimed(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    assert_eq!(calendars.sweep(NO_TIME, 10).await.unwrap().len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_poll_makes_clean_calendars_dirty_when_they_are_due(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert_eq!(calendars.poll(10).await.unwrap(), 1);
    assert_eq!(calendars.poll(10).await.unwrap(), 0, "dirty already");
    let claim = claimed(&calendars, id).await;
    calendars
        .end(&claim, &done(&claim, "c"), NO_TIME)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(calendars.poll(10).await.unwrap(), 0, "not due");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_that_rests_is_claimed_and_found_when_the_rest_is_over(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, at(1)).await.unwrap();
    let claim = claimed(&calendars, id).await;
    calendars.raise(id, at(2)).await.unwrap();
    let end = End {
        pause: MINUTE,
        ..done(&claim, "c")
    };
    ended(&calendars, &claim, end).await;
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
    assert!(calendars.wake(MINUTE, 10).await.unwrap().is_empty());
    set(&pool, "next_attempt_at = now()").await;
    let (one, other) = tokio::join!(calendars.wake(MINUTE, 10), calendars.wake(MINUTE, 10));
    let found: Vec<_> = one.unwrap().into_iter().chain(other.unwrap()).collect();
    assert_eq!(found, [id], "of several that look, one finds it");
    assert_eq!(claimed(&calendars, id).await.pushed_at, at(2));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn only_what_a_push_left_dirty_is_woken_and_anew_after_each_listing(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    assert!(calendars.wake(NO_TIME, 10).await.unwrap().is_empty());
    for second in 1..3 {
        calendars.raise(id, at(second)).await.unwrap();
        assert_eq!(calendars.wake(MINUTE, 10).await.unwrap(), [id]);
        assert!(calendars.wake(MINUTE, 10).await.unwrap().is_empty());
        let claim = claimed(&calendars, id).await;
        assert!(calendars.wake(NO_TIME, 10).await.unwrap().is_empty());
        ended(&calendars, &claim, done(&claim, "c")).await;
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn somebody_who_waits_is_neither_lost_in_the_rest_nor_in_a_running_pull(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_awaited(id).await.unwrap();
    assert_eq!(calendars.wake(NO_TIME, 10).await.unwrap(), [id]);
    let claim = claimed(&calendars, id).await;
    // Wanted anew while it is pulled.
    calendars.raise_awaited(id).await.unwrap();
    assert!(calendars.wake(NO_TIME, 10).await.unwrap().is_empty());
    let end = End {
        pause: MINUTE,
        ..done(&claim, "c")
    };
    ended(&calendars, &claim, end).await;
    assert!(
        calendars.wake(NO_TIME, 10).await.unwrap().is_empty(),
        "rests"
    );
    set(&pool, "next_attempt_at = now()").await;
    assert_eq!(calendars.wake(NO_TIME, 10).await.unwrap(), [id]);

    // A full sync is no answer yet: its pull is.
    let claim = claimed(&calendars, id).await;
    let full = End {
        done: None,
        full_done: Some(claim.full_wanted),
        ..done(&claim, "d")
    };
    ended(&calendars, &claim, full).await;
    let swept = calendars.sweep(NO_TIME, 10).await.unwrap();
    assert!(swept[0].live, "in the live lane");
    let claim = claimed(&calendars, id).await;
    ended(&calendars, &claim, done(&claim, "e")).await;
    calendars.raise(id, None).await.unwrap();
    assert!(
        calendars.wake(NO_TIME, 10).await.unwrap().is_empty(),
        "over"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_is_neither_polled_nor_watched_by_others_while_it_is_opened(pool: PgPool) {
    let (calendars, channels) = (
        Calendars::new(database(&pool)),
        Channels::new(database(&pool)),
    );
    let calendar = Calendar {
        id: CalendarId::new(),
        tenant: "acme".parse().unwrap(),
        resource: "room@resource.calendar.google.com".parse().unwrap(),
        horizon_days: 400,
    };
    let mine = async || {
        calendars.open(&calendar, "writer").await.unwrap();
        assert_eq!(calendars.poll(10).await.unwrap(), 0);
        assert!(channels.claim_due(10).await.unwrap().is_empty());
    };
    mine().await;
    // Verified anew, say in another subject's name; or opened after it was closed.
    for state in ["state = 'open'", "state = 'closed'"] {
        set(&pool, "next_poll_at = now(), channel_due_at = now()").await;
        set(&pool, state).await;
        mine().await;
    }
    set(&pool, "channel_due_at = now()").await;
    assert_eq!(
        channels.claim_due(10).await.unwrap().len(),
        1,
        "should its opener die"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_job_is_taken_once_per_interval(pool: PgPool) {
    let database = database(&pool);
    assert!(
        jobs::take(&database, jobs::COMPARE_LINKS, MINUTE)
            .await
            .unwrap()
    );
    assert!(
        !jobs::take(&database, jobs::COMPARE_LINKS, MINUTE)
            .await
            .unwrap()
    );
}
