//! The SQL of the claim, against a real PostgreSQL, a database per test.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{CalendarId, ChannelId, Clock as _, SystemClock};
use sqlx::PgPool;

use super::{
    calendars::Calendars,
    channels::Channels,
    jobs,
    rows::{Calendar, Claim, End, PutOff},
};
use crate::tests::database::database;

const MINUTE: Duration = Duration::from_mins(1);
const NO_TIME: Duration = Duration::ZERO;

async fn opened(pool: &PgPool) -> (Calendars, CalendarId) {
    let calendars = Calendars::new(database(pool));
    let calendar = Calendar {
        id: CalendarId::new(),
        tenant: "acme".parse().unwrap(),
        resource: "room@resource.calendar.google.com".parse().unwrap(),
        horizon_days: 400,
    };
    calendars.open(&calendar, "writer").await.unwrap();
    // Nothing of it is anybody's.
    set(pool, "next_poll_at = now(), channel_due_at = now()").await;
    (calendars, calendar.id)
}

async fn claimed(calendars: &Calendars, id: CalendarId) -> Claim {
    calendars
        .claim(id, MINUTE)
        .await
        .unwrap()
        .expect("a dirty, free and due calendar")
}

fn done(claim: &Claim, cursor: &str) -> End {
    End {
        cursor: Some(cursor.to_owned()),
        done: Some(claim.generation),
        full_done: None,
        reconcile_done: None,
        cursor_died: false,
        mirrored_until: None,
        pause: NO_TIME,
        reconcile_every: MINUTE,
        poll: MINUTE,
        access_role: None,
    }
}

/// The full sync of a claim, without the pull that follows it.
fn full(claim: &Claim, cursor: &str) -> End {
    End {
        done: None,
        full_done: Some(claim.full_wanted),
        reconcile_done: Some(claim.reconcile_wanted),
        ..done(claim, cursor)
    }
}

fn off(delay: Duration, failed: bool) -> PutOff {
    PutOff {
        delay,
        failed,
        not_found: failed,
        cursor_dead: false,
    }
}

fn at(second: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(second, 0)
}

/// Lets a lease run out without waiting for it: what a worker that died leaves behind.
async fn expire(pool: &PgPool, id: CalendarId) {
    sqlx::query(
        "-- tests.expire
        UPDATE sync.calendars
        SET lease_until = now() - interval '1 second'
        WHERE calendar_id = $1",
    )
    .bind(id.0)
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_clean_calendar_is_not_claimed(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_raised_calendar_is_claimed_once(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert!(calendars.raise(id, at(5)).await.unwrap());
    let claim = claimed(&calendars, id).await;
    assert_eq!(
        (claim.epoch, claim.generation, claim.cursor.clone()),
        (1, 1, None)
    );
    assert_eq!(claim.pushed_at, at(5));
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
    let ended = calendars
        .end(&claim, &done(&claim, "c1"), NO_TIME)
        .await
        .unwrap()
        .unwrap();
    assert!(!ended.more);
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn of_two_claimants_one_wins(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    for _ in 0..10 {
        calendars.raise(id, None).await.unwrap();
        let attempts = futures_util::future::join_all((0..8).map(|_| calendars.claim(id, MINUTE)));
        let mut won: Vec<Claim> = attempts
            .await
            .into_iter()
            .filter_map(|claim| claim.unwrap())
            .collect();
        assert_eq!(won.len(), 1);
        let claim = won.remove(0);
        calendars
            .end(&claim, &done(&claim, "c"), NO_TIME)
            .await
            .unwrap()
            .unwrap();
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_raise_during_a_pull_makes_the_calendar_dirty_again(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    let claim = claimed(&calendars, id).await;
    calendars.raise(id, at(7)).await.unwrap();
    let ended = calendars
        .end(&claim, &done(&claim, "c1"), NO_TIME)
        .await
        .unwrap()
        .unwrap();
    assert!(ended.more);
    let next = claimed(&calendars, id).await;
    assert_eq!((next.epoch, next.generation), (2, 2));
    assert_eq!(
        (next.cursor.as_deref(), next.pushed_at),
        (Some("c1"), at(7))
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_lost_claim_changes_nothing(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, at(3)).await.unwrap();
    let lost = claimed(&calendars, id).await;
    expire(&pool, id).await;
    let current = claimed(&calendars, id).await;
    assert_eq!((current.epoch, current.pushed_at), (2, at(3)));

    assert!(!calendars.renew(&lost, MINUTE).await.unwrap());
    assert!(
        calendars
            .end(&lost, &done(&lost, "lost"), NO_TIME)
            .await
            .unwrap()
            .is_none()
    );
    assert!(!calendars.overtake(&lost, 99).await.unwrap());
    assert_eq!(
        calendars.put_off(&lost, off(MINUTE, true)).await.unwrap(),
        None
    );
    calendars.release(&lost).await.unwrap();

    assert!(
        calendars.claim(id, MINUTE).await.unwrap().is_none(),
        "still leased by the other"
    );
    assert!(calendars.renew(&current, MINUTE).await.unwrap());
    calendars
        .end(&current, &done(&current, "kept"), NO_TIME)
        .await
        .unwrap()
        .unwrap();
    calendars.raise(id, None).await.unwrap();
    assert_eq!(
        claimed(&calendars, id).await.cursor.as_deref(),
        Some("kept")
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_expired_lease_that_nobody_took_is_kept_by_renewing_it(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    let claim = claimed(&calendars, id).await;
    expire(&pool, id).await;
    assert!(calendars.renew(&claim, MINUTE).await.unwrap());
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
}

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
            .map(|it| (it.calendar, it.pushed))
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
async fn a_calendar_that_was_put_off_is_neither_claimed_nor_swept_before(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, at(2)).await.unwrap();
    let claim = claimed(&calendars, id).await;
    assert_eq!(
        calendars.put_off(&claim, off(MINUTE, true)).await.unwrap(),
        Some(1)
    );
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
    assert!(calendars.sweep(NO_TIME, 10).await.unwrap().is_empty());
    sqlx::query("UPDATE sync.calendars SET next_attempt_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    let again = claimed(&calendars, id).await;
    assert_eq!((again.failures, again.pushed_at), (1, at(2)));
    assert_eq!(
        calendars
            .put_off(&again, off(NO_TIME, false))
            .await
            .unwrap(),
        Some(1)
    );
    let again = claimed(&calendars, id).await;
    assert_eq!(again.failures, 1, "waiting for the budget is no failure");
    calendars
        .end(&again, &done(&again, "c"), NO_TIME)
        .await
        .unwrap()
        .unwrap();
    calendars.raise(id, None).await.unwrap();
    assert_eq!(claimed(&calendars, id).await.failures, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_refused_epoch_is_overtaken(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    let claim = claimed(&calendars, id).await;
    assert!(calendars.overtake(&claim, 41).await.unwrap());
    assert!(claimed(&calendars, id).await.epoch > 41);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_full_sync_leaves_its_pull_to_be_done(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_full(id).await.unwrap();
    let claim = claimed(&calendars, id).await;
    assert_eq!(claim.full, Some(1));
    assert!(
        calendars
            .end(&claim, &full(&claim, "c1"), NO_TIME)
            .await
            .unwrap()
            .unwrap()
            .more
    );
    let pull = claimed(&calendars, id).await;
    assert_eq!((pull.full, pull.cursor.as_deref()), (None, Some("c1")));
    assert!(
        !calendars
            .end(&pull, &done(&pull, "c2"), NO_TIME)
            .await
            .unwrap()
            .unwrap()
            .more
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_full_sync_asked_for_during_another_is_not_lost(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_full(id).await.unwrap();
    let claim = claimed(&calendars, id).await;
    calendars.raise_full(id).await.unwrap();
    calendars
        .end(&claim, &full(&claim, "c1"), NO_TIME)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claimed(&calendars, id).await.full, Some(2));
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
async fn a_closing_calendar_is_taken_from_whoever_is_at_it(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, None).await.unwrap();
    let claim = claimed(&calendars, id).await;
    calendars.closing(id).await.unwrap();
    assert!(!calendars.renew(&claim, MINUTE).await.unwrap());
    assert!(!calendars.raise(id, None).await.unwrap());
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
    assert!(calendars.sweep(NO_TIME, 10).await.unwrap().is_empty());
    calendars.closed(id).await.unwrap();
    let row = calendars.find(id).await.unwrap().unwrap();
    assert_eq!((row.open, row.closed), (false, true));
    assert!(calendars.not_closed(None, 10).await.unwrap().is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_push_completes_the_channel_that_it_came_through(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    let channel = ChannelId::new();
    assert!(!channels.heard(channel, id, "r").await.unwrap(), "unknown");
    channels
        .opening(channel, id, "admin@example.com")
        .await
        .unwrap();
    assert_eq!(
        calendars.standing(id).await.unwrap().unwrap().channel_state,
        "opening"
    );
    assert!(
        !channels
            .heard(channel, CalendarId::new(), "r")
            .await
            .unwrap(),
        "another calendar"
    );
    assert!(channels.heard(channel, id, "r").await.unwrap());
    assert!(
        !channels.heard(channel, id, "x").await.unwrap(),
        "a push that names something else"
    );
    let live = channels.retire(id, None).await.unwrap();
    assert_eq!(live[0].resource_id.as_deref(), Some("r"));
    assert!(!channels.heard(channel, id, "r").await.unwrap(), "stopping");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_new_channel_retires_the_older_ones_only(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    let (old, new) = (ChannelId::new(), ChannelId::new());
    for channel in [old, new] {
        channels
            .opening(channel, id, "admin@example.com")
            .await
            .unwrap();
        let expires_at = SystemClock.now() + chrono::TimeDelta::hours(1);
        channels
            .opened(channel, "r", Some(expires_at))
            .await
            .unwrap();
    }
    let retired = channels.retire(id, Some(new)).await.unwrap();
    assert_eq!(retired.iter().map(|it| it.id).collect::<Vec<_>>(), [old]);
    let standing = calendars.standing(id).await.unwrap().unwrap();
    assert_eq!(
        (standing.channel_state.as_str(), standing.rooms),
        ("open", 1)
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn channel_work_is_taken_by_one(pool: PgPool) {
    let (_, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    assert!(channels.claim(id).await.unwrap());
    assert!(!channels.claim(id).await.unwrap());
    assert!(channels.claim_due(10).await.unwrap().is_empty());
    channels.due_in(id, NO_TIME).await.unwrap();
    assert_eq!(channels.claim_due(10).await.unwrap().len(), 1);
    channels.push_refused(id, MINUTE).await.unwrap();
    assert!(channels.claim_due(10).await.unwrap().is_empty());
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

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_channel_is_begun_for_a_calendar_that_closes(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    let channels = Channels::new(database(&pool));
    let begin = async || {
        channels
            .opening(ChannelId::new(), id, "admin@example.com")
            .await
    };
    assert!(begin().await.unwrap());
    calendars.closing(id).await.unwrap();
    assert!(!begin().await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_channel_that_was_given_up_before_it_opened_is_still_to_be_stopped(pool: PgPool) {
    let (_, id) = opened(&pool).await;
    let (channels, channel) = (Channels::new(database(&pool)), ChannelId::new());
    channels
        .opening(channel, id, "admin@example.com")
        .await
        .unwrap();
    channels.retire(id, None).await.unwrap();
    channels.stopped(channel).await.unwrap();
    assert!(!channels.opened(channel, "r", None).await.unwrap());
    let live = channels.retire(id, None).await.unwrap();
    assert_eq!(live[0].resource_id.as_deref(), Some("r"));
}

/// Ends a claim as `end` and lets everything be due at once.
async fn ended(calendars: &Calendars, claim: &Claim, end: End) {
    calendars.end(claim, &end, NO_TIME).await.unwrap().unwrap();
}

async fn set(pool: &PgPool, what: &str) {
    let sql = sqlx::AssertSqlSafe(format!("UPDATE sync.calendars SET {what}"));
    sqlx::query(sql).execute(pool).await.unwrap();
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
async fn the_first_push_of_a_quiet_calendar_waits_for_nothing(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, at(1)).await.unwrap();
    claimed(&calendars, id).await;
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
async fn a_reconcile_is_raised_when_it_is_due_and_once(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert_eq!(calendars.reconcile_due(10).await.unwrap(), 0, "no cursor");
    calendars.raise_full(id).await.unwrap();
    let claim = claimed(&calendars, id).await;
    ended(&calendars, &claim, full(&claim, "c")).await;
    assert_eq!(calendars.reconcile_due(10).await.unwrap(), 0, "not due");
    set(&pool, "next_reconcile_at = now()").await;
    assert_eq!(calendars.reconcile_due(10).await.unwrap(), 1);
    assert_eq!(calendars.reconcile_due(10).await.unwrap(), 0, "raised");
    let pull = claimed(&calendars, id).await;
    assert!(pull.reconcile);
    let until = at(1_800_000_000);
    let window = End {
        cursor: None,
        reconcile_done: Some(pull.reconcile_wanted),
        mirrored_until: until,
        ..done(&pull, "")
    };
    ended(&calendars, &pull, window).await;
    assert_eq!(calendars.reconcile_due(10).await.unwrap(), 0, "not due");
    calendars.raise(id, None).await.unwrap();
    let next = claimed(&calendars, id).await;
    assert_eq!((next.reconcile, next.mirrored_until), (false, until));
    assert_eq!(next.cursor.as_deref(), Some("c"), "the cursor stays");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_reconcile_asked_for_during_another_is_not_lost(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_reconcile(id).await.unwrap();
    let claim = claimed(&calendars, id).await;
    calendars.raise_reconcile(id).await.unwrap();
    let end = End {
        reconcile_done: Some(claim.reconcile_wanted),
        ..done(&claim, "c")
    };
    ended(&calendars, &claim, end).await;
    assert!(claimed(&calendars, id).await.reconcile);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_cursor_is_as_old_as_its_full_sync_and_goes_when_it_dies(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_full(id).await.unwrap();
    let claim = claimed(&calendars, id).await;
    assert_eq!(claim.cursor_age, None);
    ended(&calendars, &claim, full(&claim, "c1")).await;
    set(&pool, "cursor_since = now() - interval '1 hour'").await;
    let pull = claimed(&calendars, id).await;
    ended(&calendars, &pull, done(&pull, "c2")).await;
    calendars.raise(id, None).await.unwrap();
    let claim = claimed(&calendars, id).await;
    assert!(
        claim.cursor_age.unwrap() >= Duration::from_hours(1),
        "a pull keeps it"
    );
    let dead = PutOff {
        cursor_dead: true,
        ..off(NO_TIME, true)
    };
    calendars.put_off(&claim, dead).await.unwrap().unwrap();
    let claim = claimed(&calendars, id).await;
    assert_eq!((claim.cursor.clone(), claim.cursor_age), (None, None));
    ended(&calendars, &claim, full(&claim, "c3")).await;
    assert_eq!(
        claimed(&calendars, id).await.failures,
        1,
        "not over by a full sync alone"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_push_between_the_pull_and_the_window_of_a_reconcile_is_woken(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_reconcile(id).await.unwrap();
    let pull = claimed(&calendars, id).await;
    let pulled = End {
        done: None,
        ..done(&pull, "c")
    };
    ended(&calendars, &pull, pulled).await;
    calendars.raise(id, at(3)).await.unwrap();
    let window = claimed(&calendars, id).await;
    assert_eq!(window.pushed_at, at(3));
    let end = End {
        done: Some(pull.generation),
        reconcile_done: Some(window.reconcile_wanted),
        ..done(&window, "c")
    };
    ended(&calendars, &window, end).await;
    assert_eq!(calendars.wake(MINUTE, 10).await.unwrap(), [id]);
    let next = claimed(&calendars, id).await;
    assert_eq!(next.pushed_at, at(3));
    ended(&calendars, &next, done(&next, "d")).await;
    calendars.raise(id, None).await.unwrap();
    assert_eq!(claimed(&calendars, id).await.pushed_at, None, "answered");
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
async fn an_import_that_is_under_way_is_not_asked_for_again(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert!(calendars.raise_full_once(id).await.unwrap());
    assert!(!calendars.raise_full_once(id).await.unwrap());
    let claim = claimed(&calendars, id).await;
    assert!(!calendars.raise_full_once(id).await.unwrap());
    ended(&calendars, &claim, full(&claim, "c")).await;
    assert!(calendars.raise_full_once(id).await.unwrap());
}
