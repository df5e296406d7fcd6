//! Secrets that change, and the keys that seal them.

use sqlx::PgPool;

use super::world::{World, config, consumer, later, ok};
use crate::support::{append, change};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn after_a_rotation_both_secrets_sign_for_a_day(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    let new = world.rotate().await;
    append(&world.database, &change("a", 1)).await;
    world.pump().await;
    world
        .execute("UPDATE notification.webhooks SET old_until = now() - interval '1 second'")
        .await;
    append(&world.database, &change("a", 2)).await;
    world.pump().await;
    let got = world.got().await;
    assert_eq!(got[0].signatures.len(), 2);
    assert_eq!(
        (got[0].signed_by(&new), got[0].signed_by(&world.secret)),
        (1, 1)
    );
    assert_eq!(got[1].signatures.len(), 1);
    assert_eq!(
        (got[1].signed_by(&new), got[1].signed_by(&world.secret)),
        (1, 0)
    );
    world.sweep(&["a"]).await;
    let kept: Option<Vec<u8>> = sqlx::query_scalar("SELECT old_secret FROM notification.webhooks")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(kept, None);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn sealing_keys_are_rotated_by_the_sweep(pool: PgPool) {
    let mut world = World::new(&pool).await;
    world.answers(ok()).await;
    world.sweep(&["b", "a"]).await;
    world.consumer = consumer(&world.database, config(), &["b"]);
    append(&world.database, &change("a", 1)).await;
    world.pump().await;
    let got = world.got().await;
    assert_eq!(got[0].signed_by(&world.secret), 1, "the same secret");

    world.consumer = consumer(&world.database, config(), &["c"]);
    append(&world.database, &change("a", 2)).await;
    let message = world.outbox().await.remove(0);
    later(world.handle(&message).await);
    assert_eq!(world.shown().await.last_failure, "NO_SECRET");
    assert_eq!(world.got().await.len(), 1, "nothing leaves unsigned");
}
