//! The consumer: a message that arrives twice is worked on once.

use notification::{consumers::object_changed::ObjectChangedConsumer, metrics::Metrics};
use roomsync_broker::{Delivery, Failure, Handler as _};
use sqlx::PgPool;
use uuid::Uuid;

use crate::support::{WAITS, change, database, log_of, versions};

fn delivery(message_id: Uuid) -> Delivery {
    let first_seen = "2026-03-01T09:00:00Z".parse().unwrap();
    Delivery {
        message_id,
        attempt: 1,
        first_seen,
        redelivered: false,
    }
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_message_that_arrives_twice_is_in_the_log_once_under_its_own_id(pool: PgPool) {
    let database = database(&pool);
    let consumer = ObjectChangedConsumer {
        database: database.clone(),
        waits: WAITS,
        metrics: Metrics::new(),
    };
    let id = Uuid::new_v4();
    consumer
        .handle(change("a", 1).body, &delivery(id))
        .await
        .unwrap();
    consumer
        .handle(change("a", 1).body, &delivery(id))
        .await
        .unwrap();
    // The relay may publish a message again under another delivery; its version tells.
    consumer
        .handle(change("a", 1).body, &delivery(Uuid::new_v4()))
        .await
        .unwrap();
    assert_eq!(versions(&database, "a").await, [1]);
    let stored: String = sqlx::query_scalar("SELECT change_id FROM notification.log")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(stored, id.to_string());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_version_that_cannot_be_is_parked(pool: PgPool) {
    let database = database(&pool);
    let consumer = ObjectChangedConsumer {
        database: database.clone(),
        waits: WAITS,
        metrics: Metrics::new(),
    };
    let refused = consumer
        .handle(change("a", 0).body, &delivery(Uuid::new_v4()))
        .await;
    assert!(matches!(refused, Err(Failure::Reject { .. })));
    assert!(log_of(&database, "acme").await.is_empty());
}
