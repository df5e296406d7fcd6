//! A webhook that is disabled, by a person or by its receiver, enabled again or deleted.

use std::time::Duration;

use roomsync_proto::notification::v1 as api;
use roomsync_proto::notification::v1::subscription_service_server::SubscriptionService as _;
use sqlx::PgPool;
use tonic::Request;
use wiremock::ResponseTemplate;

use super::world::{World, of, ok};
use crate::support::{TENANT, append, called_by, change};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_disabled_webhook_keeps_its_place(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let before = world.outbox().await.remove(0);
    world.enable(false).await;
    world.handle(&before).await.unwrap();
    append(&world.database, &change("a", 2)).await;
    append(&world.database, &change("b", 1)).await;
    assert!(world.outbox().await.is_empty());
    assert!(world.got().await.is_empty());
    assert_eq!(world.shown().await.objects_behind, 2);

    world.enable(true).await;
    assert_eq!(world.sweep(&["a"]).await, 2);
    world.pump().await;
    let mut got = world.got_versions().await;
    got.sort();
    assert_eq!(got, [of("a", [1, 2]), of("b", [1])].concat());
    assert_eq!(world.sweep(&["a"]).await, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_webhook_enabled_while_a_request_fails_is_tried_at_once(pool: PgPool) {
    let world = World::new(&pool).await;
    let slow = ResponseTemplate::new(500).set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    append(&world.database, &change("a", 1)).await;
    let old = world.outbox().await.remove(0);
    let enabling = async {
        world.something_is_under_way().await;
        world.enable(true).await;
    };
    let (handled, ()) = tokio::join!(world.handle(&old), enabling);
    handled.expect("it is not the row's message any more");
    world.answers(ok()).await;
    assert_eq!(world.sweep(&["a"]).await, 1, "the failure undid it");
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_receiver_that_is_gone_disables_its_webhook(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ResponseTemplate::new(410)).await;
    append(&world.database, &change("a", 1)).await;
    world.pump().await;
    let shown = world.shown().await;
    assert_eq!(
        (shown.enabled, shown.last_failure.as_str()),
        (false, "HTTP_410")
    );
    assert_eq!(shown.objects_behind, 1);
    append(&world.database, &change("b", 1)).await;
    world.pump().await;
    assert_eq!(world.got().await.len(), 1);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_deleted_webhook_gets_nothing_more(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    let request = api::DeleteWebhookRequest {
        tenant_id: TENANT.to_owned(),
        webhook_id: world.webhook.clone(),
    };
    let deleted = world
        .service
        .subscriptions
        .delete_webhook(called_by("*", Request::new(request)))
        .await;
    deleted.unwrap();
    world.handle(&message).await.unwrap();
    append(&world.database, &change("a", 2)).await;
    assert!(world.outbox().await.is_empty());
    assert!(world.got().await.is_empty());
}
