//! Persons of bookings about which Google had yet to be told something, in PostgreSQL.

use roomsync_domain::{BookingId, BookingState as State, Placement};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{after_write, drop_google_writes};
use crate::mirror::tests::{ours::given, world::World};

/// A booking of Anna's that the room refused, and that Google still has to be told about.
async fn given_refused(world: &World) -> BookingId {
    let booking = given(world, Placement::UserCalendar, State::Rejected).await;
    world
        .run(
            "UPDATE booking.bookings
            SET google_write = 'undo', event_calendar = 'anna@example.com', held = NULL
            WHERE tenant_id = $1",
        )
        .await;
    booking
}

const TOLD: &str = "UPDATE booking.bookings SET google_write = NULL WHERE tenant_id = $1";
const UNLINKED: &str = "UPDATE booking.links SET state = 'removed' WHERE tenant_id = $1";

async fn told(world: &World, booking: BookingId) {
    let tenant = &world.ours.tenant;
    let done = world
        .database
        .tx("told", |tx| Box::pin(after_write(tx, tenant, booking)));
    done.await.unwrap();
}

/// Whether Anna is still in it, and how often subscribers were told.
async fn anna(world: &World) -> (bool, i64) {
    sqlx::query_as(
        "SELECT booker_id IS NOT NULL OR organizer_mail IS NOT NULL OR event_calendar IS NOT NULL,
            (SELECT count(*) FROM booking.changes WHERE body->'forgotten' ? booking_id::text)
        FROM booking.bookings WHERE tenant_id = $1",
    )
    .bind(world.ours.tenant.as_str())
    .fetch_one(world.database.pool())
    .await
    .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_person_stays_until_google_is_told_and_leaves_then_if_the_link_is_gone(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given_refused(&world).await;
    world.run(UNLINKED).await;
    told(&world, booking).await;
    assert_eq!(anna(&world).await, (true, 0), "not told yet");
    world.run(TOLD).await;
    told(&world, booking).await;
    assert_eq!(anna(&world).await, (false, 1));
    told(&world, booking).await;
    assert_eq!(anna(&world).await, (false, 1));
}

#[sqlx::test(migrations = false)]
async fn a_person_stays_in_a_booking_of_a_linked_object(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given_refused(&world).await;
    world.run(TOLD).await;
    told(&world, booking).await;
    assert_eq!(anna(&world).await, (true, 0));
    // Anna was deleted meanwhile.
    let deleted = "UPDATE booking.bookings SET booker_kind = 'anonymous', booker_id = NULL
        WHERE tenant_id = $1";
    world.run(deleted).await;
    told(&world, booking).await;
    assert_eq!(anna(&world).await, (false, 0), "nobody's already");
}

#[sqlx::test(migrations = false)]
async fn what_is_not_told_when_a_tenant_has_disconnected_is_not_told_and_nobodys(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    given_refused(&world).await;
    let tenant = &world.ours.tenant;
    let dropped = world
        .database
        .tx("drop", |tx| Box::pin(drop_google_writes(tx, tenant)));
    dropped.await.unwrap();
    assert_eq!(anna(&world).await, (false, 1));
    let waiting: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM booking.bookings WHERE google_write IS NOT NULL)",
    )
    .fetch_one(world.database.pool())
    .await
    .unwrap();
    assert!(!waiting);
}
