use roomsync_domain::{Occurrence, RoomAnswer};
use roomsync_messages::ChangedItem;
use roomsync_proto::booking::v1::BookingFlag;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{World, accepted, cancelled, event};
use crate::mirror::reflag;

/// The flags of our live bookings, by start.
async fn flags(world: &World) -> Vec<Vec<BookingFlag>> {
    let bookings = world.bookings().await;
    let live = bookings.iter().filter(|booking| booking.cause.is_empty());
    live.map(|booking| booking.flags().collect()).collect()
}

#[sqlx::test(migrations = false)]
async fn both_of_an_overlap_carry_the_conflict_and_lose_it_together(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(accepted("a", 9, 11)).await;
    let answer = world.see(accepted("b", 10, 12)).await;
    assert_eq!(
        (answer.created, answer.changed),
        (1, 0),
        "the neighbour is not counted"
    );
    assert_eq!(
        flags(&world).await,
        [[BookingFlag::Conflict], [BookingFlag::Conflict]]
    );
    let log = world.log().await;
    assert_eq!(log[1].items.len(), 2, "the neighbour is published");
    let ChangedItem::Booking { booking } = &log[1].items[1] else {
        panic!("expected a booking")
    };
    assert_eq!(booking.flags, ["conflict"]);
    assert!(
        world
            .bookings()
            .await
            .iter()
            .all(|booking| booking.object_version == 2)
    );

    world.see(accepted("b", 11, 12)).await;
    assert_eq!(flags(&world).await, [[], []] as [[BookingFlag; 0]; 2]);
    world.see(accepted("b", 10, 12)).await;
    world.see(cancelled("b")).await;
    assert_eq!(flags(&world).await, [[]] as [[BookingFlag; 0]; 1]);
    world.log().await;
}

#[sqlx::test(migrations = false)]
async fn a_conflict_stays_while_another_one_overlaps(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world
        .full_sync(vec![
            accepted("a", 9, 10),
            accepted("b", 9, 30),
            accepted("c", 29, 31),
        ])
        .await;
    assert!(
        flags(&world)
            .await
            .iter()
            .all(|flags| flags == &[BookingFlag::Conflict])
    );
    world.see(cancelled("a")).await;
    assert!(
        flags(&world)
            .await
            .iter()
            .all(|flags| flags == &[BookingFlag::Conflict])
    );
}

#[sqlx::test(migrations = false)]
async fn a_booking_in_a_blocked_time_is_imported_and_says_so(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .run(
            "INSERT INTO booking.object_blocks (tenant_id, object_id, starts_at, ends_at)
            VALUES ($1, 'room-1', '2100-01-01 09:30Z', '2100-01-01 10:30Z')",
        )
        .await;
    world
        .full_sync(vec![accepted("a", 9, 10), accepted("b", 11, 12)])
        .await;
    assert_eq!(
        flags(&world).await,
        [vec![BookingFlag::ObjectBlocked], vec![]]
    );
}

#[sqlx::test(migrations = false)]
async fn bookings_learn_of_times_that_are_blocked_later(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .full_sync(vec![accepted("a", 9, 10), accepted("b", 11, 12)])
        .await;
    let refresh = async || {
        let tenant = &world.ours.tenant;
        world
            .database
            .tx("reflag", |tx| Box::pin(reflag(tx, tenant, &["room-1"])))
            .await
            .unwrap();
    };
    refresh().await;
    assert_eq!(world.log().await.len(), 1, "nothing to tell");
    world
        .run(
            "INSERT INTO booking.object_blocks (tenant_id, object_id, starts_at, ends_at)
            VALUES ($1, 'room-1', '2100-01-01 11:30Z', '2100-01-01 13:00Z')",
        )
        .await;
    refresh().await;
    assert_eq!(
        flags(&world).await,
        [vec![], vec![BookingFlag::ObjectBlocked]]
    );
    assert_eq!(world.log().await[1].items.len(), 1);
    world
        .run("DELETE FROM booking.object_blocks WHERE tenant_id = $1")
        .await;
    refresh().await;
    assert_eq!(flags(&world).await, [[], []] as [[BookingFlag; 0]; 2]);
}

/// An event whose room has not answered.
fn asked(id: &str, from: i64, to: i64) -> Occurrence {
    Occurrence {
        room_answer: RoomAnswer::NeedsAction,
        ..accepted(id, from, to)
    }
}

#[sqlx::test(migrations = false)]
async fn a_pending_booking_of_a_room_that_does_not_answer_awaits_approval(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(asked("a", 9, 10)).await;
    assert_eq!(flags(&world).await, [vec![]], "Google has not told");
    world
        .run("UPDATE booking.links SET answers_by_itself = false WHERE tenant_id = $1")
        .await;
    world
        .apply(vec![event(asked("b", 9, 11)), event(accepted("c", 12, 13))])
        .await;
    let (waits, conflict) = (BookingFlag::AwaitingApproval, BookingFlag::Conflict);
    assert_eq!(
        flags(&world).await,
        [vec![conflict, waits], vec![conflict, waits], vec![]]
    );
    let log = world.log().await;
    let ChangedItem::Booking { booking } = &log[1].items[0] else {
        panic!("expected a booking")
    };
    assert_eq!(booking.flags, ["conflict", "awaiting_approval"]);

    world.see(accepted("b", 9, 11)).await;
    assert_eq!(
        flags(&world).await,
        [vec![conflict, waits], vec![conflict], vec![]]
    );
    world.see(asked("c", 12, 13)).await;
    assert_eq!(
        flags(&world).await,
        [vec![conflict, waits], vec![conflict], vec![waits]],
        "moved in Google, the room is asked anew"
    );
}

#[sqlx::test(migrations = false)]
async fn bookings_learn_later_that_their_room_does_not_answer(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .full_sync(vec![asked("a", 9, 10), accepted("b", 11, 12)])
        .await;
    let tell = async |sql| {
        world.run(sql).await;
        let tenant = &world.ours.tenant;
        world
            .database
            .tx("reflag", |tx| Box::pin(reflag(tx, tenant, &["room-1"])))
            .await
            .unwrap();
    };
    let waits = BookingFlag::AwaitingApproval;
    tell("UPDATE booking.links SET answers_by_itself = false WHERE tenant_id = $1").await;
    assert_eq!(flags(&world).await, [vec![waits], vec![]]);
    assert_eq!(world.log().await[1].items.len(), 1);
    // Blocking a time finds the flag and keeps it.
    tell(
        "INSERT INTO booking.object_blocks (tenant_id, object_id, starts_at, ends_at)
        VALUES ($1, 'room-1', '2100-01-01 09:30Z', '2100-01-01 10:00Z')",
    )
    .await;
    assert_eq!(
        flags(&world).await,
        [vec![BookingFlag::ObjectBlocked, waits], vec![]]
    );
    tell("UPDATE booking.links SET answers_by_itself = true WHERE tenant_id = $1").await;
    assert_eq!(
        flags(&world).await,
        [vec![BookingFlag::ObjectBlocked], vec![]]
    );
    assert_eq!(world.log().await.len(), 4);
}
