//! Which changes are posted, and in which order.

use notification::config::WebhooksConfig;
use sqlx::PgPool;

use super::world::{World, config, of, ok};
use crate::support::{SOON, append, change, database};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn changes_from_now_on_are_posted_in_order_and_signed(pool: PgPool) {
    append(&database(&pool), &change("a", 1)).await;
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 2)).await;
    append(&world.database, &change("a", 3)).await;
    append(&world.database, &change("b", 1)).await;
    let messages = world.outbox().await;
    assert_eq!(messages.len(), 2, "one for each object: {messages:?}");
    for message in &messages {
        world.handle(message).await.unwrap();
    }
    let got = world.got().await;
    let versions: Vec<_> = got
        .iter()
        .map(|it| (it.object.as_str(), it.version))
        .collect();
    assert_eq!(versions, [("a", 2), ("a", 3), ("b", 1)]);
    for request in &got {
        assert_eq!(request.signatures.len(), 1);
        assert_eq!(request.signed_by(&world.secret), 1, "{request:?}");
        assert_eq!(
            request.id,
            format!("acme/{}/{}", request.object, request.version)
        );
    }
    let shown = world.shown().await;
    assert!(shown.last_success_at.is_some() && shown.last_failure_at.is_none());
    assert_eq!(shown.objects_behind, 0);
    world.pump().await;
    assert_eq!(world.got().await, got, "nothing comes twice");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_is_appended_while_the_last_is_sent_is_never_forgotten(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    let appending = async {
        for version in 1..=60 {
            append(&world.database, &change("a", version)).await;
        }
    };
    let delivering = async {
        while world.got().await.len() < 60 {
            world.pump().await;
        }
    };
    let both = async { tokio::join!(appending, delivering) };
    tokio::time::timeout(3 * SOON, Box::pin(both))
        .await
        .expect("all of them");
    assert_eq!(world.got_versions().await, of("a", 1..=60));
    assert_eq!(world.shown().await.objects_behind, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_long_way_is_gone_in_stages(pool: PgPool) {
    let stages = WebhooksConfig {
        per_message: 3,
        ..config()
    };
    let world = World::with(&pool, stages).await;
    world.answers(ok()).await;
    for version in 1..=7 {
        append(&world.database, &change("a", version)).await;
    }
    let mut stages = Vec::new();
    while let Some(message) = world.outbox().await.pop() {
        world.handle(&message).await.unwrap();
        stages.push(world.got().await.len());
    }
    assert_eq!(stages, [3, 6, 7]);
    assert_eq!(world.got_versions().await, of("a", 1..=7));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_the_log_no_longer_has_is_left_out(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    for version in 1..=4 {
        append(&world.database, &change("a", version)).await;
    }
    append(&world.database, &change("b", 1)).await;
    world
        .execute("DELETE FROM notification.log WHERE object_id = 'b' OR version < 3")
        .await;
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [3, 4]));
    assert_eq!(world.shown().await.objects_behind, 0);
}
