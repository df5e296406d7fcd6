//! Who may list a calendar, and what a claim, its end and its loss leave behind.

use sqlx::PgPool;

use super::{MINUTE, NO_TIME, at, claimed, done, expire, off, opened};
use crate::store::rows::Claim;

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
async fn the_first_push_of_a_quiet_calendar_waits_for_nothing(pool: PgPool) {
    let (calendars, id) = opened(&pool).await;
    calendars.raise(id, at(1)).await.unwrap();
    claimed(&calendars, id).await;
}
