//! A link takes the place of another with its import: the object's address was changed (D23).

use roomsync_domain::{LinkId, LinkState, Occurrence};
use roomsync_messages::ChangedItem;
use roomsync_proto::{booking::v1 as pb, internal::v1::ApplyResponse};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{World, accepted, changed, everything, reason};
use crate::{
    mirror::{apply::apply, request::Apply},
    status::CommandError,
};

/// Our object's second link, verified, which will take the place of the first.
async fn replacing(world: &World) -> LinkId {
    let link = LinkId::new();
    sqlx::query(
        "INSERT INTO booking.links
            (tenant_id, link_id, object_id, resource_email, state, verified_at, replaces_link_id)
        VALUES ($1, $2, 'room-1', 'new@resource.calendar.google.com', 'verified', now(), $3)",
    )
    .bind(world.ours.tenant.as_str())
    .bind(link.0)
    .bind(world.ours.link.0)
    .execute(world.database.pool())
    .await
    .unwrap();
    link
}

fn import(world: &World, link: LinkId, seen: Vec<Occurrence>) -> Apply {
    Apply {
        link,
        full_sync: true,
        ..world.listing(vec![everything(seen)])
    }
}

async fn applied(world: &World, listing: &Apply) -> ApplyResponse {
    apply(&world.database, &world.ring, listing).await.unwrap()
}

async fn state(world: &World, link: LinkId) -> (String, Option<uuid::Uuid>) {
    sqlx::query_as("SELECT state, replaces_link_id FROM booking.links WHERE link_id = $1")
        .bind(link.0)
        .fetch_one(world.database.pool())
        .await
        .unwrap()
}

async fn due(world: &World) -> Vec<String> {
    sqlx::query_scalar("SELECT body ->> 'link' FROM booking.outbox WHERE message_type = 'link.due'")
        .fetch_all(world.database.pool())
        .await
        .unwrap()
}

async fn live(world: &World) -> Vec<pb::Booking> {
    let mut bookings = world.bookings().await;
    bookings.retain(|booking| booking.cause.is_empty());
    bookings
}

#[sqlx::test(migrations = false)]
async fn the_import_of_the_new_address_takes_the_place_of_the_old_ones_bookings(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let old = world.ours.link;
    world
        .full_sync(vec![accepted("a", 9, 10), accepted("b", 11, 12)])
        .await;
    let new = replacing(&world).await;
    world.see(accepted("a", 9, 11)).await;
    assert_eq!(
        state(&world, old).await.0,
        "verified",
        "the old one goes on"
    );
    let before: Vec<_> = live(&world).await;

    let listing = import(
        &world,
        new,
        vec![accepted("a", 9, 11), accepted("c", 13, 14)],
    );
    let answer = applied(&world, &listing).await;
    assert_eq!((answer.created, answer.changed, answer.removed), (2, 0, 0));
    assert_eq!(state(&world, old).await, ("closing".to_owned(), None));
    assert_eq!(state(&world, new).await, ("verified".to_owned(), None));
    assert_eq!(due(&world).await, [old.to_string()]);

    let log = world.log().await;
    let [.., closing, switch] = &log[..] else {
        panic!("{log:?}")
    };
    let closed = ChangedItem::Link {
        link: old,
        state: LinkState::Closing,
        reason: None,
    };
    assert_eq!(closing.items, [closed]);
    assert!(matches!(
        switch.items[..],
        [
            ChangedItem::Booking { .. },
            ChangedItem::Booking { .. },
            ChangedItem::Reset { link: Some(link), .. },
            ChangedItem::Booking { .. },
            ChangedItem::Booking { .. },
        ] if link == new
    ));
    let ended: Vec<String> = changed(switch)[..2]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        ended,
        before
            .iter()
            .map(|b| b.booking_id.clone())
            .collect::<Vec<_>>()
    );
    let bookings = world.bookings().await;
    let causes: Vec<_> = bookings
        .iter()
        .filter(|booking| ended.contains(&booking.booking_id))
        .map(|booking| booking.cause.as_str())
        .collect();
    assert_eq!(causes, ["LINK_CLOSED", "LINK_CLOSED"]);
    assert!(
        live(&world)
            .await
            .iter()
            .all(|booking| booking.flags.is_empty()),
        "the old ones are no conflict"
    );

    let late = world.listing(vec![everything(vec![accepted("late", 20, 21)])]);
    assert_eq!(
        reason(apply(&world.database, &world.ring, &late).await),
        "LINK_REMOVED"
    );
    let again = applied(&world, &import(&world, new, vec![accepted("c", 13, 14)])).await;
    assert_eq!((again.created, again.removed), (0, 1));
    assert_eq!(due(&world).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn a_listing_that_is_no_import_leaves_the_old_link_in_use(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    let new = replacing(&world).await;
    let listing = Apply {
        full_sync: false,
        ..import(&world, new, vec![])
    };
    applied(&world, &listing).await;
    assert_eq!(state(&world, new).await.1, Some(world.ours.link.0));
    assert_eq!(state(&world, world.ours.link).await.0, "verified");
    assert_eq!(live(&world).await.len(), 1);
    assert!(due(&world).await.is_empty());
}

#[sqlx::test(migrations = false)]
async fn a_link_that_is_going_already_is_not_closed_twice(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    let new = replacing(&world).await;
    world
        .run(
            "UPDATE booking.links SET state = 'closing'
            WHERE tenant_id = $1 AND replaces_link_id IS NULL",
        )
        .await;
    applied(&world, &import(&world, new, vec![accepted("a", 9, 10)])).await;
    assert_eq!(live(&world).await.len(), 1);
    assert!(due(&world).await.is_empty());
}

#[sqlx::test(migrations = false)]
async fn an_import_that_is_refused_changes_nothing(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    let new = replacing(&world).await;
    let listing = import(&world, new, vec![]);
    sqlx::query("UPDATE booking.links SET epoch = 1000 WHERE link_id = $1")
        .bind(new.0)
        .execute(world.database.pool())
        .await
        .unwrap();
    let refusal = apply(&world.database, &world.ring, &listing).await;
    assert!(matches!(
        refusal,
        Err(CommandError::Precondition {
            reason: "STALE_EPOCH",
            ..
        })
    ));
    assert_eq!(state(&world, world.ours.link).await.0, "verified");
    assert_eq!(live(&world).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn both_links_of_an_object_may_be_listed_at_once(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    let new = replacing(&world).await;
    let import = import(&world, new, vec![accepted("n", 9, 10)]);
    let pulls: Vec<Apply> = (0..4)
        .map(|n| world.listing(vec![everything(vec![accepted("a", 9, 11 + n)])]))
        .collect();
    let pulled = async {
        for pull in &pulls {
            match apply(&world.database, &world.ring, pull).await {
                Ok(_) => {}
                Err(error) => assert_eq!(reason::<()>(Err(error)), "LINK_REMOVED"),
            }
        }
    };
    let (imported, ()) = tokio::join!(apply(&world.database, &world.ring, &import), pulled);
    imported.unwrap();
    let live = live(&world).await;
    assert_eq!(live.len(), 1, "{live:?}");
    world.log().await;
}
