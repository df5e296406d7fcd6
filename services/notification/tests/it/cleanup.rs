//! Forgetting, and telling those who come back too late.

use std::time::Duration;

use notification::{config::LogConfig, housekeeping, log::tenants};
use roomsync_postgres::Database;
use roomsync_process::grpc;
use sqlx::PgPool;
use tonic::Code;

use crate::support::{
    Service, TENANT, append, change, database, next_change, next_heartbeat, versions,
};

const DAY: Duration = Duration::from_hours(24);

fn config() -> LogConfig {
    LogConfig {
        keep: 30 * DAY,
        keep_inbox: 7 * DAY,
        keep_mails: 7 * DAY,
        cleanup_every: DAY,
        cleanup_batch: 2,
    }
}

/// Makes everything up to a version so many days old.
async fn age(database: &Database, up_to: i64, days: i32) {
    sqlx::query(
        "UPDATE notification.log SET appended_at = now() - make_interval(days => $2) WHERE version <= $1",
    )
    .bind(up_to)
    .bind(days)
    .execute(database.pool())
    .await
    .unwrap();
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn entries_older_than_they_are_kept_go_in_batches_and_raise_the_floor(pool: PgPool) {
    let database = database(&pool);
    for version in 1..=7 {
        append(&database, &change("a", version)).await;
    }
    age(&database, 5, 31).await;
    assert_eq!(
        housekeeping::clean(&database, &config()).await.unwrap(),
        (5, 0)
    );
    assert_eq!(versions(&database, "a").await, [6, 7]);
    let log = tenants::find(&pool, TENANT).await.unwrap().unwrap();
    assert_eq!((log.floor, log.last_position), (5, 7));
    assert_eq!(
        housekeeping::clean(&database, &config()).await.unwrap(),
        (0, 0)
    );
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_cursor_below_the_floor_is_expired_and_one_at_it_is_not(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change("a", 1)).await;
    let service = Service::start(&database).await;
    let mut stream = service.subscribe(TENANT, "").await.unwrap();
    let old = next_heartbeat(&mut stream).await;
    append(&database, &change("a", 2)).await;
    let (_, at_floor) = next_change(&mut stream).await;
    append(&database, &change("a", 3)).await;
    age(&database, 2, 31).await;
    housekeeping::clean(&database, &config()).await.unwrap();

    let refused = service.subscribe(TENANT, &old).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    assert_eq!(grpc::reason(&refused).as_deref(), Some("CURSOR_EXPIRED"));
    let mut stream = service.subscribe(TENANT, &at_floor).await.unwrap();
    assert_eq!(next_change(&mut stream).await.0, 3);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_quiet_tenants_cursor_stays_good_when_all_of_its_log_is_gone(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change("a", 1)).await;
    let service = Service::start(&database).await;
    let cursor = next_heartbeat(&mut service.subscribe(TENANT, "").await.unwrap()).await;
    age(&database, 1, 31).await;
    housekeeping::clean(&database, &config()).await.unwrap();
    let mut stream = service.subscribe(TENANT, &cursor).await.unwrap();
    append(&database, &change("a", 2)).await;
    assert_eq!(next_change(&mut stream).await.0, 2);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn old_inbox_rows_go(pool: PgPool) {
    let database = database(&pool);
    for days in [6, 8, 9, 10] {
        sqlx::query(
            "INSERT INTO notification.inbox VALUES (gen_random_uuid(), 'x', now() - make_interval(days => $1))",
        )
        .bind(days)
        .execute(&pool)
        .await
        .unwrap();
    }
    assert_eq!(
        housekeeping::clean(&database, &config()).await.unwrap(),
        (0, 3)
    );
}
