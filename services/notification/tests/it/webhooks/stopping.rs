//! What a process that stops has in hand, and what it leaves to the next owner.

use std::time::Duration;

use sqlx::PgPool;
use wiremock::ResponseTemplate;

use super::world::{World, config, consumer, later, of, ok};
use crate::support::{append, change};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn the_request_in_hand_is_finished_and_the_rest_is_the_next_owners_at_once(pool: PgPool) {
    let world = World::new(&pool).await;
    let slow = ok().set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    for version in 1..=3 {
        append(&world.database, &change("a", version)).await;
    }
    let message = world.outbox().await.remove(0);
    let stopping = async {
        world.something_is_under_way().await;
        world.soft.cancel();
    };
    let (handled, ()) = tokio::join!(world.handle(&message), stopping);
    handled.expect("the message is done with: another one stands for the row");
    assert_eq!(world.got_versions().await, of("a", [1]));
    assert!(
        world.shown().await.last_success_at.is_some(),
        "it is stored"
    );

    let next = world.outbox().await.remove(0);
    let owner = consumer(&world.database, config(), &["a"]);
    world.handle_with(&owner, &next, 1).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", 1..=3), "each once");
    assert!(world.outbox().await.is_empty());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_refusal_that_comes_after_the_stop_is_stored(pool: PgPool) {
    let world = World::new(&pool).await;
    let slow = ResponseTemplate::new(500).set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    let stopping = async {
        world.something_is_under_way().await;
        world.soft.cancel();
    };
    let (handled, ()) = tokio::join!(world.handle(&message), stopping);
    assert_eq!(later(handled), None, "as the ladder says");
    assert_eq!(world.shown().await.last_failure, "HTTP_500");

    world.answers(ok()).await;
    let owner = consumer(&world.database, config(), &["a"]);
    world.handle_with(&owner, &message, 2).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn nothing_is_begun_after_the_stop(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    world.soft.cancel();
    world.handle(&message).await.unwrap();
    assert!(world.got().await.is_empty());

    let next = world.outbox().await.remove(0);
    let owner = consumer(&world.database, config(), &["a"]);
    world.handle_with(&owner, &message, 1).await.unwrap();
    assert!(world.got().await.is_empty(), "the new one is meant");
    world.handle_with(&owner, &next, 1).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn who_stops_with_everything_taken_leaves_no_message(pool: PgPool) {
    let world = World::new(&pool).await;
    let slow = ok().set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    let stopping = async {
        world.something_is_under_way().await;
        world.soft.cancel();
    };
    let (handled, ()) = tokio::join!(world.handle(&message), stopping);
    handled.unwrap();
    assert_eq!(world.shown().await.objects_behind, 0);
    assert!(world.outbox().await.is_empty());
}
