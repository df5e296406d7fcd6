use std::time::Duration;

use roomsync_messages::{LinkDue, Message};
use roomsync_postgres::{Database, inbox, outbox};
use sqlx::postgres::PgListener;
use uuid::Uuid;

use crate::support::{SCHEMA, Scratch};

fn link_due() -> LinkDue {
    LinkDue {
        link: "018f0000-0000-7000-8000-000000000001"
            .parse()
            .expect("an id"),
    }
}

async fn rows(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM spec.outbox")
        .fetch_one(database.pool())
        .await
        .expect("a count")
}

#[tokio::test]
async fn a_message_is_new_once_for_each_consumer() {
    let scratch = Scratch::new().await;
    let database = scratch.migrated().await;
    let id = Uuid::new_v4();
    let note = async |consumer: &str| -> Result<bool, sqlx::Error> {
        database
            .tx("note", |tx| Box::pin(inbox::first_time(tx, id, consumer)))
            .await
    };
    assert!(note("one").await.unwrap());
    assert!(!note("one").await.unwrap());
    assert!(note("other").await.unwrap());
    scratch.drop().await;
}

#[tokio::test]
async fn a_pushed_message_wakes_the_relay_at_the_commit() {
    let scratch = Scratch::new().await;
    let database = scratch.migrated().await;
    let mut listener = PgListener::connect_with(database.pool()).await.unwrap();
    listener.listen(&outbox::channel(SCHEMA)).await.unwrap();

    let id: Uuid = database
        .tx("push", |tx| {
            Box::pin(async move { outbox::push(tx, &link_due()).await })
        })
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(10), listener.recv())
        .await
        .unwrap()
        .unwrap();

    let (message_id, message_type, exchange, body): (Uuid, String, String, serde_json::Value) =
        sqlx::query_as("SELECT message_id, message_type, exchange, body FROM spec.outbox")
            .fetch_one(database.pool())
            .await
            .unwrap();
    assert_eq!(message_id, id);
    assert_eq!(
        (message_type.as_str(), exchange.as_str()),
        (LinkDue::TYPE, LinkDue::EXCHANGE.name())
    );
    assert_eq!(serde_json::from_value::<LinkDue>(body).unwrap(), link_due());
    scratch.drop().await;
}

#[tokio::test]
async fn a_message_of_a_transaction_that_failed_does_not_exist() {
    let scratch = Scratch::new().await;
    let database = scratch.migrated().await;
    let result: Result<(), sqlx::Error> = database
        .tx("push", |tx| {
            Box::pin(async move {
                outbox::push(tx, &link_due()).await?;
                Err(sqlx::Error::RowNotFound)
            })
        })
        .await;
    assert!(result.is_err());
    assert_eq!(rows(&database).await, 0);
    scratch.drop().await;
}

#[tokio::test]
async fn a_delayed_message_is_due_later_and_can_be_taken_back() {
    let scratch = Scratch::new().await;
    let database = scratch.migrated().await;
    let id = database
        .tx("push", |tx| {
            Box::pin(
                async move { outbox::push_after(tx, &link_due(), Duration::from_mins(1)).await },
            )
        })
        .await
        .unwrap();
    let wait: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM publish_after - created_at)::float8 FROM spec.outbox",
    )
    .fetch_one(database.pool())
    .await
    .unwrap();
    assert!((wait - 60.0).abs() < 0.001, "{wait}");

    let take_back = async || -> Result<bool, sqlx::Error> {
        database
            .tx("take_back", |tx| Box::pin(outbox::take_back(tx, id)))
            .await
    };
    assert!(take_back().await.unwrap());
    assert!(!take_back().await.unwrap());
    scratch.drop().await;
}
