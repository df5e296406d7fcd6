//! Subscriptions, as a subscriber meets them.

use std::time::Duration;

use notification::config::StreamConfig;
use roomsync_process::grpc;
use roomsync_proto::notification::v1::subscribe_response::Message;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::support::{
    NEVER, SOON, Service, TENANT, append, change, change_of, database, next, next_change,
    next_heartbeat,
};

fn reason(status: &Status) -> (Code, Option<String>) {
    (status.code(), grpc::reason(status))
}

fn expected(code: Code, reason: &str) -> (Code, Option<String>) {
    (code, Some(reason.to_owned()))
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_new_subscriber_gets_its_cursor_first_and_then_only_what_is_new(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change("a", 1)).await;
    let service = Service::start(&database).await;
    let mut stream = service.subscribe(TENANT, "").await.unwrap();
    next_heartbeat(&mut stream).await;
    append(&database, &change("a", 2)).await;
    assert_eq!(next_change(&mut stream).await.0, 2);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_subscriber_that_comes_back_with_its_cursor_misses_nothing(pool: PgPool) {
    let database = database(&pool);
    let service = Service::start(&database).await;
    let mut stream = service.subscribe(TENANT, "").await.unwrap();
    let cursor = next_heartbeat(&mut stream).await;
    drop(stream);
    // More than a page, while nobody listens.
    for version in 1..=5 {
        append(&database, &change("a", version)).await;
    }
    let mut stream = service.subscribe(TENANT, &cursor).await.unwrap();
    let mut middle = String::new();
    for version in 1..=5 {
        let (seen, cursor) = next_change(&mut stream).await;
        assert_eq!(seen, version);
        if version == 3 {
            middle = cursor;
        }
    }
    let mut stream = service.subscribe(TENANT, &middle).await.unwrap();
    assert_eq!(next_change(&mut stream).await.0, 4);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_change_carries_the_same_id_in_every_stream(pool: PgPool) {
    let database = database(&pool);
    let service = Service::start(&database).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = service.subscribe(TENANT, "").await.unwrap();
        next_heartbeat(&mut stream).await;
        streams.push(stream);
    }
    append(&database, &change("a", 1)).await;
    for stream in &mut streams {
        let Some(Message::Change(seen)) = next(stream).await.unwrap().message else {
            panic!("expected a change");
        };
        assert_eq!(
            (seen.change_id.as_str(), seen.object_id.as_str()),
            ("acme/a/1", "a")
        );
    }
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_cursor_of_another_tenant_is_expired(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change_of("other", "a", 1)).await;
    append(&database, &change("a", 1)).await;
    let service = Service::start(&database).await;
    let cursor = next_heartbeat(&mut service.subscribe("other", "").await.unwrap()).await;
    for cursor in [cursor.as_str(), "v1.", "nonsense"] {
        let refused = service.subscribe(TENANT, cursor).await.unwrap_err();
        assert_eq!(
            reason(&refused),
            expected(Code::OutOfRange, "CURSOR_EXPIRED")
        );
    }
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_tenant_without_changes_can_be_subscribed_to_if_booking_command_knows_it(pool: PgPool) {
    let database = database(&pool);
    let service = Service::start(&database).await;
    let mut stream = service.subscribe(TENANT, "").await.unwrap();
    next_heartbeat(&mut stream).await;
    append(&database, &change("a", 1)).await;
    assert_eq!(next_change(&mut stream).await.0, 1);

    let refused = service.subscribe("nobody", "").await.unwrap_err();
    assert_eq!(
        reason(&refused),
        expected(Code::NotFound, "TENANT_NOT_FOUND")
    );
    let refused = service.subscribe("slow", "").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_tenant_the_caller_may_not_see_looks_like_one_that_does_not_exist(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change("a", 1)).await;
    let service = Service::start(&database).await;
    let refused = service
        .subscribe_as("other", TENANT, "", 15)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        expected(Code::NotFound, "TENANT_NOT_FOUND")
    );
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_silent_stream_says_that_it_lives(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change("a", 1)).await;
    let service = Service::start(&database).await;
    let mut stream = service.subscribe_as("*", TENANT, "", 1).await.unwrap();
    let first = next_heartbeat(&mut stream).await;
    assert_eq!(next_heartbeat(&mut stream).await, first);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_lost_notification_does_no_harm(pool: PgPool) {
    let database = database(&pool);
    append(&database, &change("a", 1)).await;
    let service = Service::start(&database).await;
    let mut stream = service.subscribe(TENANT, "").await.unwrap();
    next_heartbeat(&mut stream).await;
    // As an append whose notification nobody heard.
    sqlx::query(
        "WITH end_ AS (UPDATE notification.tenants SET last_position = 2)
        INSERT INTO notification.log (tenant_id, position, object_id, version, change_id, body)
        SELECT tenant_id, 2, object_id, 2, 'x', jsonb_set(body, '{version}', '2') FROM notification.log",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(next_change(&mut stream).await.0, 2);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_stream_ends_with_a_reason_at_shutdown(pool: PgPool) {
    let database = database(&pool);
    let service = Service::start(&database).await;
    let mut stream = service.subscribe(TENANT, "").await.unwrap();
    next_heartbeat(&mut stream).await;
    service.subscriptions.soft.cancel();
    let ended = next(&mut stream).await.unwrap_err();
    assert_eq!(reason(&ended), expected(Code::Unavailable, "SHUTTING_DOWN"));
    service.subscriptions.tasks.close();
    tokio::time::timeout(SOON, service.subscriptions.tasks.wait())
        .await
        .unwrap();
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_subscriber_that_does_not_read_blocks_only_itself_and_is_ended(pool: PgPool) {
    let database = database(&pool);
    let config = StreamConfig {
        reread: Duration::from_millis(200),
        page_size: 2,
        buffer: 1,
        write_timeout: Duration::from_millis(300),
    };
    let service = Service::start_with(&database, config).await;
    let mut stuck = service.subscribe(TENANT, "").await.unwrap();
    let mut reading = service.subscribe(TENANT, "").await.unwrap();
    next_heartbeat(&mut stuck).await;
    next_heartbeat(&mut reading).await;
    for version in 1..=4 {
        append(&database, &change("a", version)).await;
        assert_eq!(next_change(&mut reading).await.0, version);
    }
    drop(reading);
    // Both followers end: one because nobody is there, one because nobody reads.
    tokio::time::timeout(SOON, async {
        while service.subscriptions.tasks.len() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(next_change(&mut stuck).await.0, 1);
    let ended = next(&mut stuck).await.unwrap_err();
    assert_eq!(reason(&ended), expected(Code::Unavailable, "NOT_READING"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn heartbeats_of_an_hour_are_refused_by_field(pool: PgPool) {
    let service = Service::start(&database(&pool)).await;
    let refused = service
        .subscribe_as("*", TENANT, "", 3600)
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        expected(Code::InvalidArgument, "INVALID_FIELD")
    );
    assert_eq!(
        grpc::metadata(&refused, "field").as_deref(),
        Some("heartbeat_seconds")
    );
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_subscriber_that_does_not_read_does_not_hold_up_the_shutdown(pool: PgPool) {
    let database = database(&pool);
    let config = StreamConfig {
        reread: Duration::from_millis(200),
        page_size: 10,
        buffer: 1,
        write_timeout: NEVER,
    };
    let service = Service::start_with(&database, config).await;
    let mut stream = service.subscribe(TENANT, "").await.unwrap();
    let mut reading = service.subscribe(TENANT, "").await.unwrap();
    next_heartbeat(&mut reading).await;
    // The greeting fills the other's buffer, so that its first change already waits.
    for version in 1..=4 {
        append(&database, &change("a", version)).await;
        assert_eq!(next_change(&mut reading).await.0, version);
    }
    drop(reading);
    service.subscriptions.soft.cancel();
    service.subscriptions.tasks.close();
    tokio::time::timeout(SOON, service.subscriptions.tasks.wait())
        .await
        .unwrap();
    let ended = loop {
        if let Err(ended) = next(&mut stream).await {
            break ended;
        }
    };
    assert_eq!(reason(&ended), expected(Code::Unavailable, "SHUTTING_DOWN"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_hole_in_the_log_is_never_skipped(pool: PgPool) {
    let database = database(&pool);
    let config = StreamConfig {
        reread: Duration::from_millis(200),
        page_size: 10,
        buffer: 10,
        write_timeout: SOON,
    };
    let service = Service::start_with(&database, config).await;
    let cursor = next_heartbeat(&mut service.subscribe(TENANT, "").await.unwrap()).await;
    for version in 1..=3 {
        append(&database, &change("a", version)).await;
    }
    sqlx::query("DELETE FROM notification.log WHERE position = 2")
        .execute(&pool)
        .await
        .unwrap();
    let mut stream = service.subscribe(TENANT, &cursor).await.unwrap();
    let ended = next(&mut stream).await.unwrap_err();
    assert_eq!(reason(&ended), expected(Code::OutOfRange, "CURSOR_EXPIRED"));
}
