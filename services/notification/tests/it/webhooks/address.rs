//! What stands at a webhook's address: another one by now, a redirect, or silence.

use std::time::Duration;

use notification::config::WebhooksConfig;
use sqlx::PgPool;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::world::{World, config, later, ok};
use crate::support::{SOON, append, change};

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_the_address_before_says_does_not_stop_the_new_one(pool: PgPool) {
    let world = World::new(&pool).await;
    let slow = ResponseTemplate::new(410).set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    let elsewhere = MockServer::start().await;
    let mock = Mock::given(matchers::any()).respond_with(ok());
    mock.mount(&elsewhere).await;
    append(&world.database, &change("a", 1)).await;
    let old = world.outbox().await.remove(0);
    let moving = async {
        world.something_is_under_way().await;
        world.move_to(elsewhere.uri()).await;
    };
    let (handled, ()) = tokio::join!(world.handle(&old), moving);
    handled.unwrap();
    let shown = world.shown().await;
    assert!(shown.enabled && shown.last_failure.is_empty(), "{shown:?}");
    assert_eq!(world.sweep(&["a"]).await, 1);
    world.pump().await;
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 1);
    assert_eq!(world.shown().await.objects_behind, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_redirect_is_not_followed_and_silence_is_a_timeout(pool: PgPool) {
    let short = WebhooksConfig {
        timeout: Duration::from_millis(200),
        ..config()
    };
    let world = World::with(&pool, short).await;
    let elsewhere = MockServer::start().await;
    world
        .answers(ResponseTemplate::new(302).insert_header("location", elsewhere.uri()))
        .await;
    append(&world.database, &change("a", 1)).await;
    let message = world.outbox().await.remove(0);
    later(world.handle(&message).await);
    assert_eq!(world.shown().await.last_failure, "HTTP_302");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());

    world.answers(ok().set_delay(SOON)).await;
    later(world.handle(&message).await);
    assert_eq!(world.shown().await.last_failure, "TIMEOUT");
}
