//! Versions that did not arrive are fetched from booking-command.

use std::time::Duration;

use notification::{gap::Gaps, log::append::Outcome, metrics::Metrics};
use roomsync_postgres::Database;
use sqlx::PgPool;

use crate::support::{
    BookingCommand, NEVER, WAITS, append, append_with_gap_after, change, database, held, versions,
};

async fn gaps(database: &Database, booking_command: &BookingCommand) -> Gaps {
    let channel = booking_command.serve().await;
    Gaps::new(database.clone(), channel, WAITS, NEVER, Metrics::new())
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_gap_that_is_due_is_fetched_in_pages_and_the_held_versions_follow(pool: PgPool) {
    let database = database(&pool);
    let booking_command = BookingCommand::default();
    *booking_command.changes.lock().unwrap() = (1..=7).map(|v| change("a", v)).collect();
    append(&database, &change("a", 1)).await;
    assert_eq!(
        append_with_gap_after(&database, &change("a", 6), Duration::ZERO).await,
        Outcome::Held
    );
    gaps(&database, &booking_command)
        .await
        .look()
        .await
        .unwrap();
    assert_eq!(versions(&database, "a").await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(held(&database).await, 0);
    // The message of a version that was fetched comes after all.
    assert_eq!(append(&database, &change("a", 3)).await, Outcome::Duplicate);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_gap_that_is_not_due_yet_is_left_to_its_message(pool: PgPool) {
    let database = database(&pool);
    let booking_command = BookingCommand::default();
    *booking_command.changes.lock().unwrap() = vec![change("a", 1)];
    append(&database, &change("a", 2)).await;
    gaps(&database, &booking_command)
        .await
        .look()
        .await
        .unwrap();
    assert!(versions(&database, "a").await.is_empty());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_gap_is_claimed_by_one_replica_until_the_claim_lapses(pool: PgPool) {
    let database = database(&pool);
    let booking_command = BookingCommand::default();
    append_with_gap_after(&database, &change("a", 2), Duration::ZERO).await;
    // booking-command has nothing to give yet: the gap stays, and is not asked for again at once.
    gaps(&database, &booking_command)
        .await
        .look()
        .await
        .unwrap();
    *booking_command.changes.lock().unwrap() = vec![change("a", 1)];
    gaps(&database, &booking_command)
        .await
        .look()
        .await
        .unwrap();
    assert!(versions(&database, "a").await.is_empty());
    assert_eq!(held(&database).await, 1);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn versions_that_nobody_has_any_more_are_skipped(pool: PgPool) {
    let database = database(&pool);
    let booking_command = BookingCommand::default();
    *booking_command.expired.lock().unwrap() = 8;
    append(&database, &change("a", 1)).await;
    for version in [9, 8, 11] {
        append_with_gap_after(&database, &change("a", version), Duration::ZERO).await;
    }
    gaps(&database, &booking_command)
        .await
        .look()
        .await
        .unwrap();
    assert_eq!(versions(&database, "a").await, [1, 8, 9]);
    assert_eq!(held(&database).await, 1);
    append(&database, &change("a", 10)).await;
    assert_eq!(versions(&database, "a").await, [1, 8, 9, 10, 11]);
}
