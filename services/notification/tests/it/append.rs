//! What the log promises: per object gapless and in order, commit order is position order.

use std::sync::Arc;

use notification::log::{append::Outcome, read, tenants};
use roomsync_process::TaskTracker;
use sqlx::PgPool;

use crate::support::{TENANT, append, change, change_of, database, held, log_of, versions};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn versions_are_appended_in_order_at_gapless_positions(pool: PgPool) {
    let database = database(&pool);
    for (object, version) in [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2)] {
        assert!(matches!(
            append(&database, &change(object, version)).await,
            Outcome::Appended(_)
        ));
    }
    let expected = [
        (1, "a", 1),
        (2, "b", 1),
        (3, "a", 2),
        (4, "a", 3),
        (5, "b", 2),
    ];
    let expected: Vec<_> = expected.map(|(p, o, v)| (p, o.to_owned(), v)).into();
    assert_eq!(log_of(&database, TENANT).await, expected);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_version_before_its_predecessor_is_held_and_follows_it(pool: PgPool) {
    let database = database(&pool);
    assert_eq!(append(&database, &change("a", 3)).await, Outcome::Held);
    assert_eq!(append(&database, &change("a", 2)).await, Outcome::Held);
    assert_eq!(append(&database, &change("a", 5)).await, Outcome::Held);
    assert!(versions(&database, "a").await.is_empty());
    let Outcome::Appended(entries) = append(&database, &change("a", 1)).await else {
        panic!("expected the first version to be appended");
    };
    let appended: Vec<_> = entries
        .iter()
        .map(|entry| (entry.version, entry.position))
        .collect();
    assert_eq!(appended, [(1, 1), (2, 2), (3, 3)]);
    assert_eq!(held(&database).await, 1);
    append(&database, &change("a", 4)).await;
    assert_eq!(versions(&database, "a").await, [1, 2, 3, 4, 5]);
    assert_eq!(held(&database).await, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_version_that_was_held_and_then_came_another_way_is_not_appended_twice(pool: PgPool) {
    let database = database(&pool);
    assert_eq!(append(&database, &change("a", 2)).await, Outcome::Held);
    assert_eq!(append(&database, &change("a", 2)).await, Outcome::Held);
    append(&database, &change("a", 1)).await;
    assert_eq!(append(&database, &change("a", 2)).await, Outcome::Duplicate);
    assert_eq!(versions(&database, "a").await, [1, 2]);
    assert_eq!(held(&database).await, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_duplicate_is_dropped(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change("a", 1)).await;
    append(&database, &change("a", 2)).await;
    assert_eq!(append(&database, &change("a", 1)).await, Outcome::Duplicate);
    assert_eq!(append(&database, &change("a", 2)).await, Outcome::Duplicate);
    assert_eq!(versions(&database, "a").await, [1, 2]);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn tenants_with_the_same_object_id_have_logs_of_their_own(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change_of("one", "a", 1)).await;
    append(&database, &change_of("two", "a", 1)).await;
    for tenant in ["one", "two"] {
        assert_eq!(log_of(&database, tenant).await, [(1, "a".to_owned(), 1)]);
    }
    let ids = [
        tenants::find(&pool, "one").await,
        tenants::find(&pool, "two").await,
    ];
    let ids = ids.map(|log| log.unwrap().unwrap().log_id);
    assert_ne!(ids[0], ids[1]);
}

/// Two replicas work off neighbouring versions at the same time, each version by two of them.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn concurrent_appenders_leave_a_gapless_log_that_a_reader_never_sees_reordered(pool: PgPool) {
    const VERSIONS: i64 = 30;
    const OBJECTS: [&str; 3] = ["a", "b", "c"];
    let database = Arc::new(database(&pool));
    let tasks = TaskTracker::new();
    for appender in 0..4 {
        let database = Arc::clone(&database);
        tasks.spawn(async move {
            for version in 1..=VERSIONS {
                for object in OBJECTS {
                    // Each version twice, by appenders that go through neighbours in other orders.
                    let version = if appender % 2 == 0 {
                        version
                    } else {
                        (version - 1) ^ 1
                    } + appender % 2;
                    append(&database, &change(object, version)).await;
                }
            }
        });
    }
    tasks.close();
    let total = usize::try_from(VERSIONS).unwrap() * OBJECTS.len();
    let mut seen = Vec::new();
    let reading = async {
        while seen.len() < total {
            let after = seen.last().map_or(0, |row: &read::Row| row.position);
            let page = read::page(database.pool(), TENANT, after, 7).await.unwrap();
            assert!(
                page.is_empty() || read::follows(&page, after),
                "a position appeared late"
            );
            seen.extend(page);
        }
    };
    tokio::join!(reading, tasks.wait());
    for object in OBJECTS {
        let of_object = seen.iter().filter(|row| row.body.object.as_str() == object);
        let versions: Vec<_> = of_object.map(|row| row.body.version).collect();
        assert_eq!(versions, (1..=VERSIONS).collect::<Vec<_>>());
    }
    assert_eq!(held(&database).await, 0);
}
