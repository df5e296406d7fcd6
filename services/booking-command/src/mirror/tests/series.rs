//! Series in PostgreSQL: bookings go on as other dates with their ids (D26).

use roomsync_domain::{
    Occurrence, OccurrenceKey,
    decide::{Listing, Scope},
};
use roomsync_proto::booking::v1::{self as pb, BookingFlag, BookingState};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{World, accepted, at, cancelled, event, everything, window};
use crate::validate::stamp;

fn date(series: &str, start: i64) -> Occurrence {
    Occurrence {
        key: OccurrenceKey::Slot {
            series: series.into(),
            original_start: at(start),
        },
        ..accepted(&format!("{series}_{start}"), start, start + 1)
    }
}

fn dates(series: &str, starts: &[i64]) -> Vec<Occurrence> {
    starts.iter().map(|start| date(series, *start)).collect()
}

fn series(id: &str, starts: &[i64]) -> Listing {
    Listing {
        scope: Scope::Series {
            series: id.into(),
            window: window(0, 5000),
        },
        seen: dates(id, starts),
    }
}

async fn ids(world: &World) -> Vec<String> {
    let bookings = world.bookings().await;
    let live = bookings
        .into_iter()
        .filter(|booking| booking.cause.is_empty());
    live.map(|booking| booking.booking_id).collect()
}

async fn starts(world: &World) -> Vec<Option<prost_types::Timestamp>> {
    let bookings = world.bookings().await;
    let live = bookings.iter().filter(|booking| booking.cause.is_empty());
    live.map(|booking| booking.window.unwrap().starts_at)
        .collect()
}

/// What occurrence each live booking's row says it is, by start.
async fn keys(world: &World) -> Vec<(String, Option<String>, bool)> {
    sqlx::query_as(
        "SELECT event_id, series_id, coalesce(original_start = starts_at, false)
        FROM booking.bookings
        WHERE tenant_id = $1 AND state NOT IN ('removed', 'rejected') ORDER BY starts_at",
    )
    .bind(world.ours.tenant.as_str())
    .fetch_all(world.database.pool())
    .await
    .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_moved_series_keeps_its_bookings_and_is_known_by_its_new_dates(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.apply(vec![series("s", &[9, 33, 57])]).await;
    let before = ids(&world).await;
    let moved = vec![series("s", &[10, 34, 58])];
    let answer = world.apply(moved.clone()).await;
    assert_eq!((answer.created, answer.changed, answer.removed), (0, 3, 0));
    assert_eq!(ids(&world).await, before);
    assert_eq!(
        starts(&world).await,
        [10, 34, 58].map(|hour| Some(stamp(at(hour))))
    );
    let version = world.version().await;
    assert_eq!(
        world.apply(moved).await.object_version,
        version,
        "the same again"
    );
    // The rows hold the new slots: one date is found by its own.
    let gone = Occurrence {
        cancelled: true,
        window: None,
        ..date("s", 34)
    };
    assert_eq!(world.see(gone).await.removed, 1);
    assert_eq!(ids(&world).await, [before[0].clone(), before[2].clone()]);
    assert_eq!(world.log().await.len(), 3);
}

#[sqlx::test(migrations = false)]
async fn a_split_series_keeps_its_bookings(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world.apply(vec![series("s", &[9, 33, 57, 81])]).await;
    let before = ids(&world).await;
    let split = "s_R21000103T090000";
    let answer = world
        .apply(vec![series("s", &[9, 33]), series(split, &[57, 82])])
        .await;
    assert_eq!((answer.created, answer.changed, answer.removed), (0, 2, 0));
    assert_eq!(ids(&world).await, before);
    let key = |series: &str, start| (format!("{series}_{start}"), Some(series.to_owned()), true);
    assert_eq!(
        keys(&world).await,
        [key("s", 9), key("s", 33), key(split, 57), key(split, 82)]
    );
}

#[sqlx::test(migrations = false)]
async fn an_event_that_is_made_a_series_and_back_keeps_its_booking(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.see(accepted("s", 9, 10)).await;
    let before = ids(&world).await;
    let answer = world.apply(vec![series("s", &[9, 33])]).await;
    assert_eq!((answer.created, answer.changed, answer.removed), (1, 1, 0));
    assert_eq!(ids(&world).await[0], before[0]);
    let answer = world.see(accepted("s", 9, 10)).await;
    assert_eq!((answer.created, answer.changed, answer.removed), (0, 1, 1));
    assert_eq!(ids(&world).await, before);
    assert_eq!(keys(&world).await, [("s".to_owned(), None, false)]);
    world.see(cancelled("s")).await;
    assert!(ids(&world).await.is_empty());
}

#[sqlx::test(migrations = false)]
async fn a_series_that_was_deleted_ends_with_its_master(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let moved = Occurrence {
        window: Some(window(40, 41)),
        ..date("s", 33)
    };
    let mut listing = series("s", &[9, 57]);
    listing.seen.push(moved);
    world.apply(vec![listing, series("t", &[9])]).await;
    assert_eq!(world.see(cancelled("s")).await.removed, 3);
    assert_eq!(starts(&world).await, [Some(stamp(at(9)))]);
}

#[sqlx::test(migrations = false)]
async fn flags_follow_a_series_that_moves(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world
        .run(
            "INSERT INTO booking.object_blocks (tenant_id, object_id, starts_at, ends_at)
            VALUES ($1, 'room-1', '2100-01-02 10:00Z', '2100-01-02 11:00Z')",
        )
        .await;
    let all = |hour: i64| {
        let mut seen = dates("s", &[hour, 24 + hour]);
        seen.push(accepted("a", 10, 11));
        vec![everything(seen)]
    };
    let flags = async || {
        let bookings = world.bookings().await;
        let of = |booking: &pb::Booking| booking.flags().collect::<Vec<_>>();
        bookings.iter().map(of).collect::<Vec<_>>()
    };
    world.apply(all(9)).await;
    assert_eq!(flags().await, [[], [], []] as [[BookingFlag; 0]; 3]);
    let before = ids(&world).await;
    world.apply(all(10)).await;
    assert_eq!(
        flags().await,
        [
            [BookingFlag::Conflict],
            [BookingFlag::Conflict],
            [BookingFlag::ObjectBlocked]
        ]
    );
    world.apply(all(9)).await;
    assert_eq!(flags().await, [[], [], []] as [[BookingFlag; 0]; 3]);
    assert_eq!(ids(&world).await, before);
}

#[sqlx::test(migrations = false)]
async fn a_date_that_loses_its_room_leaves_a_tombstone_of_its_own(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.apply(vec![series("s", &[9, 33])]).await;
    let declined = Occurrence {
        room_answer: roomsync_domain::RoomAnswer::Declined,
        ..date("s", 9)
    };
    world.apply(vec![event(declined)]).await;
    let bookings = world.bookings().await;
    assert_eq!(bookings[0].cause, "ROOM_DECLINED");
    assert_eq!(bookings[1].state(), BookingState::Confirmed);
}
