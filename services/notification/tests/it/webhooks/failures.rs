//! What becomes of a change that the receiver does not take.

use std::time::Duration;

use roomsync_broker::Failure;
use sqlx::PgPool;
use wiremock::{Mock, ResponseTemplate, matchers};

use super::world::{World, later, of, ok};
use crate::support::{append, change};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_refused_change_holds_its_object_and_no_other(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ok()).await;
    world.refuses_object("a").await;
    for (object, version) in [("a", 1), ("b", 1), ("a", 2), ("b", 2)] {
        append(&world.database, &change(object, version)).await;
    }
    let messages = world.outbox().await;
    assert_eq!(
        later(world.handle(&messages[0]).await),
        None,
        "as the ladder says"
    );
    world.handle(&messages[1]).await.unwrap();
    let expected = [of("a", [1]), of("b", [1, 2])].concat();
    assert_eq!(world.got_versions().await, expected);
    let shown = world.shown().await;
    assert_eq!(shown.last_failure, "HTTP_500");
    assert_eq!(shown.objects_behind, 1);

    world.answers(ok()).await;
    world.handle_attempt(&messages[0], 2).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
    let shown = world.shown().await;
    assert_eq!((shown.last_failure.as_str(), shown.objects_behind), ("", 0));
    assert!(shown.last_failure_at.is_some());
    assert!(world.outbox().await.is_empty());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_change_that_fails_after_others_went_well_has_the_whole_patience(pool: PgPool) {
    let world = World::new(&pool).await;
    append(&world.database, &change("a", 1)).await;
    append(&world.database, &change("a", 2)).await;
    let message = world.outbox().await.remove(0);
    world.answers(ResponseTemplate::new(500)).await;
    Mock::given(matchers::body_string_contains(r#""version":1}"#))
        .respond_with(ok())
        .with_priority(1)
        .mount(&world.receiver)
        .await;
    // A message that has climbed for a while is done with; a new one stands for the second change.
    world.handle_attempt(&message, 9).await.unwrap();
    let anew = world.outbox().await.remove(0);
    assert_ne!(anew.0, message.0);
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
    world.answers(ok()).await;
    world.handle(&message).await.unwrap();
    assert!(
        world.got().await.is_empty(),
        "the old one is not meant any more"
    );
    world.handle(&anew).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [2]));
}

/// It came back for want of a slot, during a pause: that is no reason to wait an hour after the first
/// failure.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_change_begins_at_the_foot_of_the_ladder_however_often_its_message_came(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ResponseTemplate::new(500)).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    world.handle_attempt(&message, 7).await.unwrap();
    let anew = world.outbox().await.remove(0);
    assert_eq!(later(world.handle(&anew).await), None);
    assert_eq!(later(world.handle_attempt(&anew, 2).await), None);
    assert!(world.outbox().await.is_empty(), "that was not the first");
    assert_eq!(world.got().await.len(), 3);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_receiver_that_asks_for_a_pause_gets_it_for_all_objects(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ResponseTemplate::new(503).insert_header("retry-after", "120"))
        .await;
    append(&world.database, &change("a", 1)).await;
    append(&world.database, &change("b", 1)).await;
    let messages = world.outbox().await;
    assert_eq!(
        later(world.handle(&messages[0]).await),
        Some(Duration::from_mins(2))
    );
    let rest = later(world.handle(&messages[1]).await).unwrap();
    assert!(
        rest > Duration::from_mins(1) && rest <= Duration::from_mins(2),
        "{rest:?}"
    );
    assert_eq!(world.got_versions().await, of("a", [1]));
    // A person who says go on is believed.
    world.answers(ok()).await;
    world.enable(true).await;
    world.sweep(&["a"]).await;
    world.pump().await;
    assert_eq!(world.got().await.len(), 2);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_pause_of_nothing_leaves_the_ladder_to_decide(pool: PgPool) {
    let world = World::new(&pool).await;
    world
        .answers(ResponseTemplate::new(503).insert_header("retry-after", "0"))
        .await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    assert_eq!(later(world.handle(&message).await), None);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_change_that_is_given_up_waits_for_the_next_one(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ResponseTemplate::new(500)).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    later(world.handle(&message).await);
    world
        .execute(
            "UPDATE notification.webhook_objects SET failing_since = now() - interval '73 hours'",
        )
        .await;
    let given_up = world.handle_attempt(&message, 80).await;
    assert!(
        matches!(given_up, Err(Failure::Reject { .. })),
        "{given_up:?}"
    );
    assert_eq!(world.shown().await.objects_behind, 1);
    assert_eq!(world.shown().await.last_failure, "HTTP_500");
    assert_eq!(world.sweep(&["a"]).await, 0, "it is not lost");

    world.answers(ok()).await;
    append(&world.database, &change("a", 2)).await;
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1, 2]));
    assert_eq!(world.shown().await.objects_behind, 0);
}
