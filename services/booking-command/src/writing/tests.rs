//! Writes against a real PostgreSQL and a Google that nobody reaches.

use std::time::Duration;

use roomsync_domain::{BookingId, BookingState as State, Placement};
use roomsync_messages::{GoogleWriteRequested, Message as _};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{Brought, WriteError, ask_again};
use crate::{
    bookings::Desk,
    mirror::{
        report_closed,
        tests::{ours::given, world::World},
    },
};

const TWO_HOURS: Duration = Duration::from_hours(2);

/// How many messages wait for writes; they leave with being counted.
async fn asked(world: &World) -> u64 {
    sqlx::query("DELETE FROM booking.outbox WHERE message_type = $1")
        .bind(GoogleWriteRequested::TYPE)
        .execute(world.database.pool())
        .await
        .unwrap()
        .rows_affected()
}

async fn asks_again(world: &World) -> u64 {
    ask_again(&world.database, TWO_HOURS).await.unwrap();
    asked(world).await
}

#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    state: String,
    google_write: Option<String>,
    booker: Option<String>,
    mail: Option<String>,
}

async fn row(world: &World, booking: BookingId) -> Row {
    sqlx::query_as(
        "SELECT state, google_write, booker_id AS booker, organizer_mail AS mail
        FROM booking.bookings WHERE booking_id = $1",
    )
    .bind(booking.0)
    .fetch_one(world.database.pool())
    .await
    .unwrap()
}

/// Everything is a day old; the connection is, too.
async fn given_old(world: &World) {
    let day_ago = [
        "UPDATE booking.bookings SET updated_at = now() - interval '1 day', give_up_at = now() + interval '1 h'
        WHERE tenant_id = $1",
        "UPDATE booking.connections SET connected_at = now() - interval '30 days' WHERE tenant_id = $1",
    ];
    for sql in day_ago {
        world.run(sql).await;
    }
}

#[sqlx::test(migrations = false)]
async fn a_write_that_nobody_works_on_is_asked_for_again(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    given(&world, Placement::UserCalendar, State::Requested).await;
    assert_eq!(asks_again(&world).await, 0, "it is young");
    given_old(&world).await;

    // Of two replicas one asks, and what waits in the outbox is not asked for twice.
    tokio::join!(
        async { ask_again(&world.database, TWO_HOURS).await.unwrap() },
        async { ask_again(&world.database, TWO_HOURS).await.unwrap() },
    );
    ask_again(&world.database, TWO_HOURS).await.unwrap();
    assert_eq!(asked(&world).await, 1);
    assert_eq!(asks_again(&world).await, 0, "it rests anew");

    let tried =
        "UPDATE booking.bookings SET write_until = now() - interval '3 h' WHERE tenant_id = $1";
    world.run(tried).await;
    assert_eq!(asks_again(&world).await, 1, "nobody has tried it for long");
    let claimed =
        "UPDATE booking.bookings SET write_until = now() + interval '1 min' WHERE tenant_id = $1";
    world.run(claimed).await;
    assert_eq!(asks_again(&world).await, 0, "somebody is at it");
    world
        .run("UPDATE booking.bookings SET google_write = NULL, write_until = NULL WHERE tenant_id = $1")
        .await;
    given_old(&world).await;
    assert_eq!(
        asks_again(&world).await,
        0,
        "google need not be told anything"
    );
}

#[sqlx::test(migrations = false)]
async fn what_was_parked_goes_on_when_the_tenant_connects_anew(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    given(&world, Placement::UserCalendar, State::Rejected).await;
    world
        .run("UPDATE booking.bookings SET google_write = 'undo' WHERE tenant_id = $1")
        .await;
    given_old(&world).await;
    world
        .run("UPDATE booking.connections SET state = 'lost' WHERE tenant_id = $1")
        .await;
    assert_eq!(asks_again(&world).await, 0, "it would only be parked again");
    // Tried a moment before.
    world
        .run(
            "UPDATE booking.bookings SET write_until = now() - interval '1 s' WHERE tenant_id = $1",
        )
        .await;
    world
        .run("UPDATE booking.connections SET state = 'active', connected_at = now() WHERE tenant_id = $1")
        .await;
    assert_eq!(asks_again(&world).await, 1, "at once");
    assert_eq!(asks_again(&world).await, 0);
}

#[sqlx::test(migrations = false)]
async fn a_request_whose_message_is_lost_is_given_up_without_a_connection(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let booking = given(&world, Placement::UserCalendar, State::Requested).await;
    given_old(&world).await;
    world
        .run("UPDATE booking.connections SET state = 'lost' WHERE tenant_id = $1")
        .await;
    assert_eq!(asks_again(&world).await, 0, "it has time");
    world
        .run("UPDATE booking.bookings SET give_up_at = now() - interval '2 min' WHERE tenant_id = $1")
        .await;
    assert_eq!(asks_again(&world).await, 1);
    let writer = Desk::of_tests(world.database.clone()).writer;
    writer.bring(&world.ours.tenant, booking).await.unwrap();
    let row = row(&world, booking).await;
    assert_eq!((row.state.as_str(), row.google_write), ("rejected", None));
}

/// A request whose link is removed, and then written.
async fn removed(
    world: &World,
    attempted: &'static str,
) -> (Row, Result<Brought, WriteError>, Row) {
    let booking = given(world, Placement::UserCalendar, State::Requested).await;
    world.run(attempted).await;
    world
        .run("UPDATE booking.links SET state = 'closing' WHERE tenant_id = $1")
        .await;
    let (tenant, link) = (&world.ours.tenant, world.ours.link);
    world
        .database
        .tx("remove", |tx| {
            Box::pin(report_closed::remove(tx, tenant, link))
        })
        .await
        .unwrap();
    let ended = row(world, booking).await;
    let writer = Desk::of_tests(world.database.clone()).writer;
    let brought = writer.bring(tenant, booking).await;
    (ended, brought, row(world, booking).await)
}

#[sqlx::test(migrations = false)]
async fn a_request_that_is_under_way_when_its_link_is_removed_is_taken_back(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let attempted =
        "UPDATE booking.bookings SET write_attempted = true, event_calendar = 'anna@example.com'
        WHERE tenant_id = $1";
    let (ended, brought, after) = removed(&world, attempted).await;
    assert_eq!(ended.state, "rejected");
    assert_eq!(
        ended.booker.as_deref(),
        Some("anna"),
        "it cannot be taken back without her"
    );
    brought.unwrap_err();
    assert_eq!(after.google_write.as_deref(), Some("undo"));
}

#[sqlx::test(migrations = false)]
async fn a_request_that_never_left_is_over_with_its_link(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let nothing = "UPDATE booking.bookings SET write_attempted = false WHERE tenant_id = $1";
    let (ended, brought, after) = removed(&world, nothing).await;
    assert_eq!(ended.state, "rejected");
    assert_eq!(brought.unwrap(), Brought::Told);
    assert_eq!(
        (after.google_write, after.booker, after.mail),
        (None, None, None),
        "and the person leaves"
    );
}
