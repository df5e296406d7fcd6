//! Sending again: everything from a point of the log on, or one change.

use std::time::Duration;

use notification::{log::tenants, stream::cursor};
use roomsync_process::grpc;
use roomsync_proto::notification::v1::{
    self as api, replay_webhook_request::From,
    subscription_service_server::SubscriptionService as _,
};
use sqlx::PgPool;
use tonic::{Code, Request, Status};
use wiremock::ResponseTemplate;

use super::world::{World, later, of, ok};
use crate::support::{TENANT, append, called_by, change, change_of};

impl World {
    async fn replay(&self, from: Option<From>) -> Result<api::ReplayWebhookResponse, Status> {
        let request = api::ReplayWebhookRequest {
            tenant_id: TENANT.to_owned(),
            webhook_id: self.webhook.clone(),
            from,
        };
        let request = called_by("*", Request::new(request));
        let rpcs = &self.service.subscriptions;
        rpcs.replay_webhook(request)
            .await
            .map(tonic::Response::into_inner)
    }

    async fn redeliver(&self, change_id: &str) -> Result<api::RedeliverChangeResponse, Status> {
        let request = api::RedeliverChangeRequest {
            tenant_id: TENANT.to_owned(),
            webhook_id: self.webhook.clone(),
            change_id: change_id.to_owned(),
        };
        let request = called_by("*", Request::new(request));
        let rpcs = &self.service.subscriptions;
        rpcs.redeliver_change(request)
            .await
            .map(tonic::Response::into_inner)
    }

    /// The cursor after so many changes.
    async fn cursor(&self, position: i64) -> Option<From> {
        let log = tenants::find(self.database.pool(), TENANT).await.unwrap();
        Some(From::Cursor(cursor::encode(log.unwrap().log_id, position)))
    }

    /// Everything so far is taken, and forgotten by the receiver.
    async fn all_is_taken(&self) {
        self.answers(ok()).await;
        self.pump().await;
        assert_eq!(self.shown().await.objects_behind, 0);
        self.answers(ok()).await;
    }

    async fn sweep_and_pump(&self) {
        self.sweep(&["a"]).await;
        self.pump().await;
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> (Code, String) {
    let status = result.unwrap_err();
    (status.code(), grpc::reason(&status).unwrap_or_default())
}

fn time(text: &str) -> From {
    From::Time(text.parse().unwrap())
}

/// Two objects, three changes each, in turns: a1 b1 a2 b2 a3 b3.
async fn given_changes(pool: &PgPool) -> World {
    let world = World::new(pool).await;
    for version in 1..=3 {
        append(&world.database, &change("a", version)).await;
        append(&world.database, &change("b", version)).await;
    }
    world.all_is_taken().await;
    world
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn everything_after_a_cursor_is_sent_again_in_order_with_the_same_ids(pool: PgPool) {
    let world = given_changes(&pool).await;
    let begun = world.replay(world.cursor(3).await).await.unwrap();
    assert_eq!(begun.changes, 3);
    assert_eq!(begun.webhook.unwrap().objects_replaying, 2);
    // What comes meanwhile follows.
    append(&world.database, &change("a", 4)).await;
    world.sweep_and_pump().await;

    let mut got = world.got().await;
    got.sort_by_key(|got| got.object.clone());
    let ids: Vec<_> = got.iter().map(|got| got.id.as_str()).collect();
    assert_eq!(ids, ["acme/a/3", "acme/a/4", "acme/b/2", "acme/b/3"]);
    let shown = world.shown().await;
    assert_eq!((shown.objects_replaying, shown.objects_behind), (0, 0));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_was_there_before_the_webhook_comes_too(pool: PgPool) {
    let world = given_changes(&pool).await;
    world
        .execute("DELETE FROM notification.webhook_objects")
        .await;
    world
        .replay(Some(time("2020-01-01T00:00:00Z")))
        .await
        .unwrap();
    world.sweep_and_pump().await;
    let mut got = world.got_versions().await;
    got.sort();
    assert_eq!(got, [of("a", [1, 2, 3]), of("b", [1, 2, 3])].concat());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_time_begins_with_what_was_appended_then(pool: PgPool) {
    let world = given_changes(&pool).await;
    world
        .execute("UPDATE notification.log SET appended_at = appended_at - interval '1 hour' WHERE position < 5")
        .await;
    let asked = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    assert_eq!(
        refused(
            world
                .replay(Some(From::Time(prost_types::Timestamp {
                    seconds: asked.timestamp() + 1,
                    nanos: 0,
                })))
                .await
        ),
        (Code::InvalidArgument, "INVALID_FIELD".to_owned())
    );
    let none = world
        .replay(Some(time("2999-01-01T00:00:00Z")))
        .await
        .unwrap();
    assert_eq!(none.changes, 0, "nothing was appended then");

    let half_an_hour_ago: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("SELECT now() - interval '30 minutes'")
            .fetch_one(&pool)
            .await
            .unwrap();
    let from = Some(time(
        &half_an_hour_ago.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    ));
    assert_eq!(world.replay(from).await.unwrap().changes, 2);
    world.sweep_and_pump().await;
    let mut got = world.got_versions().await;
    got.sort();
    assert_eq!(got, [of("a", [3]), of("b", [3])].concat());
}

/// The second of two clicks waits for the first one, and sees what that has done.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn of_two_at_once_one_begins(pool: PgPool) {
    let world = given_changes(&pool).await;
    let from = world.cursor(0).await;
    let mut held = pool.begin().await.unwrap();
    sqlx::query("SELECT FROM notification.webhooks FOR UPDATE")
        .execute(&mut *held)
        .await
        .unwrap();
    let let_go = async {
        loop {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            if waiting >= 2 {
                break held.rollback().await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let (one, other, ()) = tokio::join!(
        world.replay(from.clone()),
        world.replay(from.clone()),
        let_go
    );
    let (begun, refusal) = if one.is_ok() {
        (one, other)
    } else {
        (other, one)
    };
    assert_eq!(begun.unwrap().changes, 6);
    let running = (Code::FailedPrecondition, "REPLAY_RUNNING".to_owned());
    assert_eq!(refused(refusal), running);
    assert_eq!(world.shown().await.objects_replaying, 2);
}

/// A receiver that never takes one change of one object can still be sent everything again.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_was_given_up_on_the_way_is_not_under_way(pool: PgPool) {
    let world = given_changes(&pool).await;
    let from = world.cursor(0).await;
    world.replay(from.clone()).await.unwrap();
    world
        .execute(
            "UPDATE notification.webhook_objects SET message_id = NULL, message_seen_at = NULL",
        )
        .await;
    world.replay(from).await.unwrap();
    world.sweep_and_pump().await;
    assert_eq!(world.got().await.len(), 6);
    assert_eq!(world.shown().await.objects_replaying, 0);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn one_at_a_time(pool: PgPool) {
    let world = given_changes(&pool).await;
    world.replay(world.cursor(0).await).await.unwrap();
    let running = (Code::FailedPrecondition, "REPLAY_RUNNING".to_owned());
    assert_eq!(refused(world.replay(world.cursor(0).await).await), running);
    world.sweep_and_pump().await;
    assert_eq!(world.got().await.len(), 6);
    world.replay(world.cursor(0).await).await.unwrap();
    world.sweep_and_pump().await;
    assert_eq!(world.got().await.len(), 12);
}

/// The log forgets: nobody is told that they have everything who has not.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_the_log_no_longer_has_cannot_be_asked_for(pool: PgPool) {
    let world = given_changes(&pool).await;
    world
        .execute("DELETE FROM notification.log WHERE position <= 2")
        .await;
    world
        .execute("UPDATE notification.tenants SET floor = 2")
        .await;
    let expired = (Code::OutOfRange, "CURSOR_EXPIRED".to_owned());
    assert_eq!(refused(world.replay(world.cursor(1).await).await), expired);
    let foreign = Some(From::Cursor("v1.AAAA".to_owned()));
    assert_eq!(refused(world.replay(foreign).await), expired);
    assert_eq!(
        refused(world.replay(Some(time("2020-01-01T00:00:00Z"))).await),
        expired
    );
    world
        .execute("UPDATE notification.log SET appended_at = '2020-01-02T00:00:00Z'")
        .await;
    let begun = world
        .replay(Some(time("2020-01-02T00:00:00Z")))
        .await
        .unwrap();
    assert_eq!(begun.changes, 4, "it is late in forgetting");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_replay_needs_a_beginning_and_an_enabled_webhook(pool: PgPool) {
    let world = given_changes(&pool).await;
    let invalid = (Code::InvalidArgument, "INVALID_FIELD".to_owned());
    assert_eq!(refused(world.replay(None).await), invalid);
    let empty = Some(From::Cursor(String::new()));
    assert_eq!(refused(world.replay(empty).await), invalid);
    world.enable(false).await;
    let disabled = (Code::FailedPrecondition, "WEBHOOK_DISABLED".to_owned());
    assert_eq!(refused(world.replay(world.cursor(0).await).await), disabled);
    assert_eq!(refused(world.redeliver("acme/a/1").await), disabled);
    let world = World {
        webhook: uuid::Uuid::new_v4().to_string(),
        ..world
    };
    let unknown = (Code::NotFound, "WEBHOOK_NOT_FOUND".to_owned());
    assert_eq!(refused(world.replay(world.cursor(0).await).await), unknown);
    assert_eq!(refused(world.redeliver("acme/a/1").await), unknown);
}

/// A request that was under way when the replay began ends before the replay's first one of its object, and
/// does not undo it.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_request_under_way_does_not_end_a_replay(pool: PgPool) {
    let world = given_changes(&pool).await;
    append(&world.database, &change("a", 4)).await;
    let message = world.outbox().await.remove(0);
    let slow = ResponseTemplate::new(204).set_delay(Duration::from_millis(500));
    world.answers(slow).await;
    let (handled, begun) = tokio::join!(world.handle(&message), async {
        world.something_is_under_way().await;
        world.replay(world.cursor(0).await).await
    });
    handled.unwrap();
    begun.unwrap();
    world.answers(ok()).await;
    world.sweep(&["a"]).await;
    let mut messages = world.outbox().await;
    messages.retain(|(_, message)| message.object.as_str() == "a");
    let wait = later(world.handle(&messages[0]).await);
    assert!(
        wait.is_some(),
        "nobody knows yet that the other one is over"
    );
    world
        .execute("UPDATE notification.webhook_objects SET leased_until = now() - interval '1 second' WHERE lease IS NOT NULL")
        .await;
    world.handle(&messages[0]).await.unwrap();
    assert_eq!(world.got_versions().await, of("a", [1, 2, 3, 4]));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn one_change_is_sent_again_out_of_turn_and_moves_nothing(pool: PgPool) {
    let world = given_changes(&pool).await;
    let before = world.shown().await;
    let again = world.redeliver("acme/a/2").await.unwrap();
    assert_eq!((again.taken, again.failure.as_str()), (true, ""));
    let got = world.got().await.remove(0);
    assert_eq!((got.id.as_str(), got.version), ("acme/a/2", 2));
    assert_eq!(got.signed_by(&world.secret), 1);

    world.answers(ResponseTemplate::new(503)).await;
    let again = world.redeliver("acme/a/2").await.unwrap();
    assert_eq!((again.taken, again.failure.as_str()), (false, "HTTP_503"));
    assert_eq!(world.shown().await, before);

    let unknown = (Code::NotFound, "CHANGE_NOT_FOUND".to_owned());
    assert_eq!(refused(world.redeliver("acme/a/9").await), unknown);
    let foreign = change_of("umbrella", "a", 1);
    append(&world.database, &foreign).await;
    assert_eq!(refused(world.redeliver(&foreign.change_id).await), unknown);
    append(&world.database, &change("a", 4)).await;
    let waits = (Code::FailedPrecondition, "NOT_DELIVERED_YET".to_owned());
    assert_eq!(refused(world.redeliver("acme/a/4").await), waits);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_receiver_that_wants_to_be_left_alone_is(pool: PgPool) {
    let world = given_changes(&pool).await;
    append(&world.database, &change("a", 4)).await;
    let message = world.outbox().await.remove(0);
    world
        .answers(ResponseTemplate::new(503).insert_header("retry-after", "120"))
        .await;
    world.handle(&message).await.unwrap_err();
    let paused = (Code::FailedPrecondition, "WEBHOOK_PAUSED".to_owned());
    assert_eq!(refused(world.redeliver("acme/a/1").await), paused);
}
