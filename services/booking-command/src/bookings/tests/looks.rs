//! Bookings whose room has not answered, in PostgreSQL.

use std::time::Duration;

use roomsync_domain::{BookingId, BookingState as State, Placement, RoomAnswer};
use roomsync_messages::{CalendarRefresh, Message as _, RefreshLane, RefreshWhy};
use roomsync_proto::booking::v1::BookingState;
use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    types::Json,
};

use crate::{
    bookings::looks,
    config::BookingsConfig,
    mirror::tests::{
        ours::{given, shown},
        world::World,
    },
};

const OWN: Placement = Placement::UserCalendar;

fn config() -> BookingsConfig {
    BookingsConfig {
        give_up_after: Duration::from_mins(10),
        undecided_after: Duration::from_mins(2),
        unknown_for: Duration::from_hours(24),
        look_every: Duration::from_millis(200),
        claim: Duration::from_mins(1),
        ask_again_every: Duration::from_mins(1),
        ask_again_after: Duration::from_hours(2),
    }
}

async fn sweep(world: &World) {
    looks::sweep(&world.database, config()).await.unwrap();
}

/// What sync-worker was asked for since this was asked last.
async fn asked(world: &World) -> Vec<CalendarRefresh> {
    let bodies: Vec<Json<CalendarRefresh>> =
        sqlx::query_scalar("DELETE FROM booking.outbox WHERE message_type = $1 RETURNING body")
            .bind(CalendarRefresh::TYPE)
            .fetch_all(world.database.pool())
            .await
            .unwrap();
    bodies.into_iter().map(|body| body.0).collect()
}

/// How often it was looked at, and whether it will be again.
async fn watched(world: &World, booking: BookingId) -> (i32, bool) {
    sqlx::query_as("SELECT looks, look_at IS NOT NULL FROM booking.bookings WHERE booking_id = $1")
        .bind(booking.0)
        .fetch_one(world.database.pool())
        .await
        .unwrap()
}

/// After so many looks that the next one is minutes ahead.
const DUE: &str = "UPDATE booking.bookings SET look_at = now(), looks = 20 WHERE tenant_id = $1";

#[sqlx::test(migrations = false)]
async fn a_room_that_does_not_answer_is_looked_at_until_it_does(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given(&world, OWN, State::Pending).await;
    sweep(&world).await;
    assert_eq!(asked(&world).await, [], "not due");
    world.run(DUE).await;
    let look = CalendarRefresh {
        calendar: world.ours.link.into(),
        why: RefreshWhy::Booking,
        lane: RefreshLane::Live,
    };
    // Of several replicas one looks.
    tokio::join!(sweep(&world), sweep(&world));
    assert_eq!(asked(&world).await, std::slice::from_ref(&look));
    assert_eq!(watched(&world, booking).await, (21, true));
    sweep(&world).await;
    assert_eq!(asked(&world).await, []);
    assert_eq!(world.booking().await.state(), BookingState::Pending);

    world
        .run("UPDATE booking.bookings SET look_at = now(), answer_due_at = now() WHERE tenant_id = $1")
        .await;
    sweep(&world).await;
    assert_eq!(asked(&world).await, [look], "it is still watched");
    assert_eq!(world.booking().await.state(), BookingState::Undecided);
    let by: String = sqlx::query_scalar("SELECT actor_kind FROM booking.history")
        .fetch_one(world.database.pool())
        .await
        .unwrap();
    assert_eq!(by, "system");
    assert_eq!(watched(&world, booking).await, (22, true));

    world.see(shown(booking, OWN, RoomAnswer::Accepted)).await;
    assert_eq!(world.booking().await.state(), BookingState::Confirmed);
    assert_eq!(watched(&world, booking).await, (22, false));
}

#[sqlx::test(migrations = false)]
async fn a_booking_that_is_approved_by_humans_or_over_is_left_alone(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .run("UPDATE booking.links SET answers_by_itself = false WHERE tenant_id = $1")
        .await;
    let booking = given(&world, OWN, State::Pending).await;
    world
        .run("UPDATE booking.bookings SET look_at = now(), answer_due_at = now() WHERE tenant_id = $1")
        .await;
    sweep(&world).await;
    assert_eq!(world.booking().await.state(), BookingState::Pending);
    assert_eq!(asked(&world).await.len(), 1);

    world
        .run(
            "UPDATE booking.bookings SET look_at = now(), held = NULL,
                starts_at = now() - interval '2h', ends_at = now() - interval '1h'
            WHERE tenant_id = $1",
        )
        .await;
    sweep(&world).await;
    assert_eq!(asked(&world).await, []);
    assert_eq!(watched(&world, booking).await, (2, false));
}
