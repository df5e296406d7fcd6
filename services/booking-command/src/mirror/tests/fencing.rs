use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{World, accepted, cancelled, event, everything, reason};
use crate::{
    mirror::{apply::apply, request::Apply},
    status::CommandError,
};

#[sqlx::test(migrations = false)]
async fn the_same_listing_is_applied_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let listing = world.listing(vec![event(accepted("a", 9, 10))]);
    let first = apply(&world.database, &world.ring, &listing).await.unwrap();
    let second = apply(&world.database, &world.ring, &listing).await.unwrap();
    assert!(!first.already_applied && second.already_applied);
    assert_eq!(
        (second.created, second.object_version),
        (0, first.object_version)
    );
    assert_eq!(world.log().await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn an_older_listing_is_refused_with_the_current_epoch(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let old = world.listing(vec![event(cancelled("a"))]);
    let new = Apply {
        epoch: 7,
        ..world.listing(vec![event(accepted("a", 9, 10))])
    };
    apply(&world.database, &world.ring, &new).await.unwrap();
    let refusal = apply(&world.database, &world.ring, &old).await.unwrap_err();
    let CommandError::Precondition {
        reason: "STALE_EPOCH",
        metadata,
    } = refusal
    else {
        panic!("unexpected {refusal:?}")
    };
    assert_eq!(metadata, [("epoch", "7".to_owned())]);
    assert_eq!(world.booking().await.cause, "");
}

#[sqlx::test(migrations = false)]
async fn a_link_being_taken_down_takes_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    for state in ["closing", "removed"] {
        sqlx::query("UPDATE booking.links SET state = $1 WHERE tenant_id = 'ours'")
            .bind(state)
            .execute(world.database.pool())
            .await
            .unwrap();
        let listing = world.listing(vec![event(accepted("a", 9, 10))]);
        assert_eq!(
            reason(apply(&world.database, &world.ring, &listing).await),
            "LINK_REMOVED"
        );
    }
    assert!(world.bookings().await.is_empty());
}

#[sqlx::test(migrations = false)]
async fn a_link_of_another_tenant_does_not_exist(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let listing = world.listing(vec![event(accepted("a", 9, 10))]);
    let foreign = Apply {
        link: world.theirs.link,
        ..listing
    };
    assert_eq!(
        reason(apply(&world.database, &world.ring, &foreign).await),
        "LINK_NOT_FOUND"
    );
    assert!(world.bookings_of(&world.theirs).await.is_empty());
}

#[sqlx::test(migrations = false)]
async fn a_listing_older_than_our_own_write_is_not_believed(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .apply(vec![
            event(accepted("a", 9, 10)),
            event(accepted("b", 11, 12)),
        ])
        .await;
    world
        .run(
            "UPDATE booking.bookings SET written_at = '2100-01-01 00:00:01Z'
            WHERE tenant_id = $1 AND event_id = 'a'",
        )
        .await;
    let before = world.bookings().await;
    for touching in [
        event(accepted("a", 10, 11)),
        event(cancelled("a")),
        everything(vec![]),
    ] {
        let listing = world.listing(vec![touching]);
        assert_eq!(
            reason(apply(&world.database, &world.ring, &listing).await),
            "WRITTEN_SINCE"
        );
    }
    assert_eq!(world.bookings().await, before);
    world.see(cancelled("b")).await;

    let later = Apply {
        listed_since: "2100-01-01T00:00:02Z".parse().unwrap(),
        ..world.listing(vec![event(cancelled("a"))])
    };
    assert_eq!(
        apply(&world.database, &world.ring, &later)
            .await
            .unwrap()
            .removed,
        1
    );
}

#[sqlx::test(migrations = false)]
async fn what_we_just_declined_does_not_come_back_from_an_older_listing(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 10)).await;
    world
        .run(
            "UPDATE booking.bookings
            SET state = 'removed', cause = 'room_declined', written_at = '2100-01-01 00:00:01Z'
            WHERE tenant_id = $1",
        )
        .await;
    let listing = world.listing(vec![event(accepted("a", 9, 10))]);
    assert_eq!(
        reason(apply(&world.database, &world.ring, &listing).await),
        "WRITTEN_SINCE"
    );
}

#[sqlx::test(migrations = false)]
async fn listings_at_the_same_time_leave_no_gap(_: PgPoolOptions, options: PgConnectOptions) {
    let world = Arc::new(World::start(&options).await);
    let listings: Vec<Apply> = (0..12)
        .map(|n| world.listing(vec![event(accepted(&format!("e{}", n % 5), n, n + 1))]))
        .collect();
    let applying = listings
        .iter()
        .map(|it| apply(&world.database, &world.ring, it));
    let results = futures_util::future::join_all(applying).await;
    let applied = results.iter().filter(|result| result.is_ok()).count();
    assert!(applied >= 1);
    for refused in results.into_iter().filter(Result::is_err) {
        assert_eq!(reason(refused), "STALE_EPOCH");
    }
    assert_eq!(world.log().await.len(), applied);
}
