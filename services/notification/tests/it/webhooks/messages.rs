//! Which message stands for a place, when there are two of them or none.

use std::time::Duration;

use roomsync_proto::notification::v1 as api;
use roomsync_proto::notification::v1::subscription_service_server::SubscriptionService as _;
use sqlx::PgPool;
use tonic::Request;
use uuid::Uuid;

use super::world::{World, later, of, ok};
use crate::support::{TENANT, append, called_by, change};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn every_webhook_has_a_message_of_its_own(pool: PgPool) {
    let world = World::new(&pool).await;
    for _ in 0..3 {
        let request = api::CreateWebhookRequest {
            tenant_id: TENANT.to_owned(),
            name: "Rooms".to_owned(),
            url: world.receiver.uri(),
        };
        let made = world
            .service
            .subscriptions
            .create_webhook(called_by("*", Request::new(request)))
            .await;
        made.unwrap();
    }
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let meant: Vec<(Uuid, Uuid)> =
        sqlx::query_as("SELECT message_id, webhook_id FROM notification.webhook_objects")
            .fetch_all(&pool)
            .await
            .unwrap();
    let messages = world.outbox().await;
    assert_eq!((meant.len(), messages.len()), (4, 4));
    for (id, message) in &messages {
        assert!(meant.contains(&(*id, message.webhook)), "{message:?}");
    }
    for message in &messages {
        world.handle(message).await.unwrap();
    }
    assert_eq!(world.got_versions().await, of("a", [1, 1, 1, 1]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_message_in_two_hands_sends_once(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ok().set_delay(Duration::from_millis(300)))
        .await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    let results = tokio::join!(world.handle(&message), world.handle(&message));
    let after = match results {
        (Ok(()), other) | (other, Ok(())) => later(other).unwrap(),
        both => panic!("one of them sends: {both:?}"),
    };
    assert!(
        after > Duration::ZERO && after <= Duration::from_secs(5),
        "{after:?}"
    );
    assert_eq!(world.got_versions().await, of("a", [1]));
    world.handle(&message).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1]));
}

/// Enabling it publishes anew while the old message's request is under way.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_new_message_waits_for_who_sends_under_the_old_one(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ok().set_delay(Duration::from_millis(500)))
        .await;
    append(&world.database, &change("a", 1)).await;
    append(&world.database, &change("a", 2)).await;
    let old = world.outbox().await.remove(0);
    let sending = world.handle(&old);
    let enabling = async {
        world.something_is_under_way().await;
        world.enable(true).await;
        assert_eq!(world.sweep(&["a"]).await, 1);
        let new = world.outbox().await.remove(0);
        let waits = later(world.handle(&new).await).is_some();
        (new, waits)
    };
    let (sent, (new, waits)) = tokio::join!(sending, enabling);
    sent.unwrap();
    assert!(waits);
    assert_eq!(world.got_versions().await, of("a", [1]));
    world.handle(&new).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_lost_message_is_found_by_the_sweep(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let lost = world.outbox().await.remove(0);
    assert_eq!(world.sweep(&["a"]).await, 0, "it may be on its way");
    world
        .execute(
            "UPDATE notification.webhook_objects SET message_seen_at = now() - interval '4 hours'",
        )
        .await;
    assert_eq!(world.sweep(&["a"]).await, 1);
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1]));
    world.handle(&lost).await.unwrap();
    assert_eq!(world.got().await.len(), 1);
}
