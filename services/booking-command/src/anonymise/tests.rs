//! Persons of bookings about which Google had yet to be told something, in PostgreSQL.

use roomsync_domain::{BookingId, BookingState as State, Placement};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{after_write, anonymise, drop_google_writes};
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

/// Three dates of a series of Anna's that are being declined; the first of them, long over, carries that.
async fn given_declining(world: &World) {
    sqlx::query(
        "INSERT INTO booking.bookings (booking_id, tenant_id, object_id, link_id, event_id, series_id,
            original_start, state, starts_at, ends_at, booker_kind, booker_id, object_version,
            google_write)
        SELECT gen_random_uuid(), $1, 'room-1', $2, 's_' || days, 's', start, 'declining', start,
            start + interval '1 hour', 'user', 'anna', 0,
            CASE WHEN days < 0 THEN 'decline_series' END
        FROM unnest(ARRAY[-40, 10, 20]) AS days
        CROSS JOIN LATERAL (SELECT now() + make_interval(days => days)) AS date (start)",
    )
    .bind(world.ours.tenant.as_str())
    .bind(world.ours.link.0)
    .execute(world.database.pool())
    .await
    .unwrap();
    let soon = "UPDATE booking.tenants SET anonymise_after_days = 1 WHERE tenant_id = $1";
    world.run(soon).await;
}

/// State, write, whether a message brings that up, and whether Anna is in it, by start.
async fn dates(world: &World) -> Vec<(String, Option<String>, bool, bool)> {
    sqlx::query_as(
        "SELECT state, google_write,
            EXISTS (SELECT FROM booking.outbox AS o WHERE o.message_id = b.write_message),
            booker_id IS NOT NULL
        FROM booking.bookings AS b WHERE tenant_id = $1 ORDER BY starts_at",
    )
    .bind(world.ours.tenant.as_str())
    .fetch_all(world.database.pool())
    .await
    .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_decline_of_a_series_goes_on_when_a_person_leaves_the_date_that_asked_for_it(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    given_declining(&world).await;
    anonymise(&world.database, 100).await.unwrap();
    let date = |state: &str, write: Option<&str>, asked, anna| {
        (state.to_owned(), write.map(str::to_owned), asked, anna)
    };
    let expected = [
        date("confirmed", None, false, false),
        date("declining", None, false, true),
        date("declining", Some("decline_series"), true, true),
    ];
    assert_eq!(dates(&world).await, expected);

    // Google is not told for so long that all of them are over.
    let over = "UPDATE booking.bookings
        SET starts_at = starts_at - interval '40 days', ends_at = ends_at - interval '40 days'
        WHERE tenant_id = $1";
    world.run(over).await;
    anonymise(&world.database, 100).await.unwrap();
    for (state, write, _, anna) in dates(&world).await {
        assert_eq!((state.as_str(), write, anna), ("confirmed", None, false));
    }
}

#[sqlx::test(migrations = false)]
async fn a_decline_of_a_date_that_is_over_is_given_up_with_its_person(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    given_declining(&world).await;
    let alone = "UPDATE booking.bookings
        SET google_write = 'decline', series_id = NULL, original_start = NULL
        WHERE google_write IS NOT NULL AND tenant_id = $1";
    world.run(alone).await;
    anonymise(&world.database, 100).await.unwrap();
    let dates = dates(&world).await;
    assert_eq!((dates[0].0.as_str(), &dates[0].1), ("confirmed", &None));
}
