//! The daily comparison: what it changes is drift, counted on the link.

use chrono::{DateTime, Utc};
use roomsync_domain::{Occurrence, RoomAnswer};
use roomsync_proto::internal::v1::ApplyResponse;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{World, accepted, at, event, everything};
use crate::mirror::{apply::apply, request::Apply};

async fn reconcile(
    world: &World,
    mirrored_until: Option<DateTime<Utc>>,
    seen: Vec<Occurrence>,
) -> ApplyResponse {
    let listing = Apply {
        reconcile: true,
        mirrored_until,
        ..world.listing(vec![everything(seen)])
    };
    apply(&world.database, &world.ring, &listing).await.unwrap()
}

/// The drift that the last reconcile found, and that of all.
async fn counted(world: &World) -> (i32, i64) {
    sqlx::query_as("SELECT drift_found, drift_total FROM booking.links WHERE link_id = $1")
        .bind(world.ours.link.0)
        .fetch_one(world.database.pool())
        .await
        .unwrap()
}

#[sqlx::test(migrations = false)]
async fn what_a_reconcile_repairs_is_counted(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world
        .full_sync(vec![
            accepted("stays", 1, 2),
            accepted("moves", 3, 4),
            accepted("goes", 5, 6),
            accepted("declined", 7, 8),
        ])
        .await;
    let declined = Occurrence {
        room_answer: RoomAnswer::Declined,
        ..accepted("declined", 7, 8)
    };
    let truth = vec![
        accepted("stays", 1, 2),
        accepted("moves", 4, 5),
        declined,
        accepted("comes", 9, 10),
        accepted("newly reached", 200, 201),
    ];
    let answer = reconcile(&world, Some(at(200)), truth.clone()).await;
    assert_eq!((answer.created, answer.changed, answer.removed), (2, 1, 2));
    assert_eq!(answer.drift, 4);
    assert_eq!(counted(&world).await, (4, 4));
    let answer = reconcile(&world, Some(at(300)), truth.clone()).await;
    assert_eq!((answer.drift, answer.object_version), (0, 2));
    assert_eq!(counted(&world).await, (0, 4), "the last one found none");
    let mut truth = truth;
    truth.remove(0);
    assert_eq!(reconcile(&world, Some(at(300)), truth).await.drift, 1);
    assert_eq!(counted(&world).await, (1, 5));
}

#[sqlx::test(migrations = false)]
async fn a_new_booking_is_no_drift_when_nobody_knows_how_far_the_window_reached(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 1, 2)]).await;
    let answer = reconcile(&world, None, vec![accepted("b", 3, 4)]).await;
    assert_eq!((answer.created, answer.removed, answer.drift), (1, 1, 1));
}

#[sqlx::test(migrations = false)]
async fn what_depends_on_our_settings_is_no_drift(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 1, 2)]).await;
    world
        .run("UPDATE booking.tenants SET store_titles = true WHERE tenant_id = $1")
        .await;
    let answer = reconcile(&world, Some(at(300)), vec![accepted("a", 1, 2)]).await;
    assert_eq!((answer.changed, answer.drift), (1, 0));
    let organizer = Some("ben@example.com".to_owned());
    let handed_over = Occurrence {
        organizer_mail: organizer,
        ..accepted("a", 1, 2)
    };
    let answer = reconcile(&world, Some(at(300)), vec![handed_over]).await;
    assert_eq!(
        (answer.changed, answer.drift),
        (1, 1),
        "another organizer is"
    );
}

#[sqlx::test(migrations = false)]
async fn a_reconcile_and_a_full_sync_say_when_everything_was_compared(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.apply(vec![event(accepted("a", 1, 2))]).await;
    assert_eq!(world.stamp("last_reconcile_at").await, None);
    let answer = world.full_sync(vec![accepted("b", 3, 4)]).await;
    assert_eq!((answer.drift, counted(&world).await), (0, (0, 0)));
    let first = world.stamp("last_reconcile_at").await;
    assert!(first.is_some());
    world
        .apply(vec![everything(vec![accepted("b", 3, 4)])])
        .await;
    assert_eq!(world.stamp("last_reconcile_at").await, first);
    let change = world.stamp("last_change_at").await;
    reconcile(&world, Some(at(300)), vec![accepted("b", 3, 4)]).await;
    assert!(world.stamp("last_reconcile_at").await > first);
    assert_eq!(world.stamp("last_change_at").await, change);
}

#[sqlx::test(migrations = false)]
async fn drift_is_counted_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 1, 2)]).await;
    let listing = Apply {
        reconcile: true,
        ..world.listing(vec![everything(vec![])])
    };
    let first = apply(&world.database, &world.ring, &listing).await.unwrap();
    let second = apply(&world.database, &world.ring, &listing).await.unwrap();
    assert_eq!((first.drift, second.drift), (1, 0));
    assert!(second.already_applied);
    assert_eq!(counted(&world).await, (1, 1));
}
