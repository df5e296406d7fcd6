//! Receivers that take nothing for days.

use sqlx::PgPool;
use wiremock::ResponseTemplate;

use super::world::{World, of, ok};
use crate::support::{append, change};

impl World {
    /// The webhook has failed for six days; `disable_after` is five.
    async fn six_days_pass(&self) {
        self.execute(
            "UPDATE notification.webhooks
            SET failing_since = failing_since - interval '6 days',
                last_success_at = last_success_at - interval '6 days'",
        )
        .await;
    }
}

/// A webhook whose receiver refused a change for the first time six days ago.
async fn failing(pool: &PgPool) -> World {
    let world = World::new(pool).await;
    world.answers(ResponseTemplate::new(500)).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    world.handle(&message).await.unwrap_err();
    world.six_days_pass().await;
    world.answers(ResponseTemplate::new(500)).await;
    // Its message was given up long ago.
    world
        .execute(
            "UPDATE notification.webhook_objects SET message_id = NULL, message_seen_at = NULL",
        )
        .await;
    world
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_webhook_that_took_nothing_for_days_is_disabled_by_its_next_refusal(pool: PgPool) {
    let world = failing(&pool).await;
    assert!(world.shown().await.enabled, "the time alone does not do it");
    append(&world.database, &change("a", 2)).await;
    let message = world.outbox().await.remove(0);
    world.handle(&message).await.unwrap();

    let shown = world.shown().await;
    assert!(!shown.enabled && shown.disabled_at.is_some());
    assert_eq!(shown.disabled_because, "NOT_TAKING");
    assert_eq!(
        (shown.last_failure.as_str(), shown.objects_behind),
        ("HTTP_500", 1)
    );
    let told = ("webhook_disabled".to_owned(), world.webhook.parse().ok());
    assert_eq!(world.mails().await, [told], "to the administrators, once");
    append(&world.database, &change("a", 3)).await;
    world.sweep(&["a"]).await;
    assert!(world.outbox().await.is_empty(), "nothing is tried any more");

    world.answers(ok()).await;
    world.enable(true).await;
    world.sweep(&["a"]).await;
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1, 2, 3]));
    let shown = world.shown().await;
    assert!(shown.enabled && shown.disabled_at.is_none());
    assert_eq!(shown.disabled_because, "");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn one_without_new_changes_is_tried_a_last_time(pool: PgPool) {
    let world = failing(&pool).await;
    assert_eq!(world.sweep(&["a"]).await, 1);
    assert_eq!(world.sweep(&["a"]).await, 0, "once");
    let message = world.outbox().await.remove(0);
    world.handle(&message).await.unwrap();
    assert_eq!(world.shown().await.disabled_because, "NOT_TAKING");
}

/// We, or the network, may have been away: the first request that is taken tells.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn one_that_takes_the_last_try_goes_on(pool: PgPool) {
    let world = failing(&pool).await;
    world.answers(ok()).await;
    world.sweep(&["a"]).await;
    world.pump().await;
    assert_eq!(world.got_versions().await, of("a", [1]));
    let shown = world.shown().await;
    assert!(shown.enabled && shown.objects_behind == 0);

    world.answers(ResponseTemplate::new(500)).await;
    append(&world.database, &change("a", 2)).await;
    let message = world.outbox().await.remove(0);
    world.handle(&message).await.unwrap_err();
    assert!(world.shown().await.enabled, "it has failed since now");
    assert!(world.mails().await.is_empty());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn one_that_takes_other_objects_is_not_disabled(pool: PgPool) {
    let world = failing(&pool).await;
    world.answers(ok()).await;
    world.refuses_object("a").await;
    append(&world.database, &change("b", 1)).await;
    append(&world.database, &change("a", 2)).await;
    let messages = world.outbox().await;
    world.handle(&messages[0]).await.unwrap();
    world.handle(&messages[1]).await.unwrap_err();
    assert_eq!(
        world.got_versions().await,
        [of("b", [1]), of("a", [1])].concat()
    );
    assert!(world.shown().await.enabled);
}

/// Otherwise the first refusal after a quiet month would disable it.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn one_for_which_nothing_waits_any_more_begins_anew(pool: PgPool) {
    let world = failing(&pool).await;
    world.execute("DELETE FROM notification.log").await;
    append(&world.database, &change("a", 2)).await;
    world.execute("DELETE FROM notification.log").await;
    let message = world.outbox().await.remove(0);
    world.handle(&message).await.unwrap();
    world.sweep(&["a"]).await;
    append(&world.database, &change("a", 3)).await;
    let message = world.outbox().await.remove(0);
    world.handle(&message).await.unwrap_err();
    assert!(world.shown().await.enabled);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn one_that_said_farewell_is_shown_as_gone(pool: PgPool) {
    let world = World::new(&pool).await;
    world.answers(ResponseTemplate::new(410)).await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    world.handle(&message).await.unwrap();
    let shown = world.shown().await;
    assert_eq!(
        (shown.enabled, shown.disabled_because.as_str()),
        (false, "GONE")
    );
}
