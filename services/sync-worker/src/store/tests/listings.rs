//! Which listing is wanted of a calendar: full syncs, reconciles, and the cursor between them.

use std::time::Duration;

use sqlx::PgPool;

use super::{MINUTE, NO_TIME, at, claimed, done, ended, full, off, opened, set};
use crate::store::rows::{End, PutOff};

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
async fn an_import_that_is_under_way_is_not_asked_for_again(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    assert!(calendars.raise_full_once(id).await.unwrap());
    assert!(!calendars.raise_full_once(id).await.unwrap());
    let claim = claimed(&calendars, id).await;
    assert!(!calendars.raise_full_once(id).await.unwrap());
    ended(&calendars, &claim, full(&claim, "c")).await;
    assert!(calendars.raise_full_once(id).await.unwrap());
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
async fn a_push_between_the_pull_and_the_window_of_a_reconcile_is_woken(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_reconcile(id).await.unwrap();
    let pull = claimed(&calendars, id).await;
    ended(&calendars, &pull, done(&pull, "c")).await;
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
async fn a_reconcile_is_put_off_on_its_own(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_reconcile(id).await.unwrap();
    let pull = claimed(&calendars, id).await;
    ended(&calendars, &pull, done(&pull, "c1")).await;
    let window = claimed(&calendars, id).await;
    assert!(window.reconcile);
    let put_off = calendars.put_off_reconcile(&window, MINUTE, true).await;
    assert!(put_off.unwrap());
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
    assert!(calendars.sweep(NO_TIME, 10).await.unwrap().is_empty());

    calendars.raise(id, at(1)).await.unwrap();
    let push = claimed(&calendars, id).await;
    assert_eq!((push.reconcile, push.failures), (false, 0));
    let lost = calendars.put_off_reconcile(&window, NO_TIME, true).await;
    assert!(!lost.unwrap(), "the claim is another's");
    ended(&calendars, &push, done(&push, "c2")).await;

    set(&pool, "reconcile_attempt_at = now()").await;
    assert_eq!(calendars.sweep(NO_TIME, 10).await.unwrap().len(), 1);
    let again = claimed(&calendars, id).await;
    assert_eq!((again.reconcile, again.reconcile_failures), (true, 1));
    let end = End {
        reconcile_done: Some(again.reconcile_wanted),
        ..done(&again, "c3")
    };
    ended(&calendars, &again, end).await;
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
    calendars.raise_reconcile(id).await.unwrap();
    assert_eq!(claimed(&calendars, id).await.reconcile_failures, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_reconcile_asked_for_anew_is_not_put_off_any_more(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_reconcile(id).await.unwrap();
    let claim = claimed(&calendars, id).await;
    let put_off = calendars.put_off_reconcile(&claim, MINUTE, true).await;
    assert!(put_off.unwrap());
    calendars.raise(id, None).await.unwrap();
    let claim = claimed(&calendars, id).await;
    assert!(!claim.reconcile);
    calendars.release(&claim).await.unwrap();
    calendars.raise_reconcile(id).await.unwrap();
    assert!(claimed(&calendars, id).await.reconcile);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_full_sync_in_place_of_a_reconcile_leaves_its_pull_to_be_done_too(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise_reconcile(id).await.unwrap();
    let pull = claimed(&calendars, id).await;
    ended(&calendars, &pull, done(&pull, "dead")).await;
    let claim = claimed(&calendars, id).await;
    ended(&calendars, &claim, full(&claim, "c1")).await;
    let pull = claimed(&calendars, id).await;
    assert_eq!(
        (pull.reconcile, pull.cursor.as_deref()),
        (false, Some("c1"))
    );
    ended(&calendars, &pull, done(&pull, "c2")).await;
    assert!(calendars.claim(id, MINUTE).await.unwrap().is_none());
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
async fn coverage_of_before_somebody_asked_is_reported_again(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.covered(id).await.unwrap();
    let mut due = Vec::new();
    // Asked for while a report of the look before is under way; then nobody asks.
    for raised in [None, at(1)] {
        calendars.raise(id, raised).await.unwrap();
        calendars.covered(id).await.unwrap();
        let claim = claimed(&calendars, id).await;
        let end = done(&claim, "c");
        let ended = calendars.end(&claim, &end, MINUTE).await.unwrap().unwrap();
        due.push(ended.coverage_due);
        calendars.covered(id).await.unwrap();
    }
    assert_eq!(due, [true, false]);
}
