use roomsync_domain::ObjectId;
use roomsync_proto::booking::v1 as pb;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{
    convert,
    mirror::tests::world::{OBJECT, World, accepted, at, cancelled, reason, window},
    occupancy::read::{erase_facts, get_occupancy},
    validate::stamp,
};

fn asked(from: i64, until: i64) -> pb::GetOccupancyRequest {
    pb::GetOccupancyRequest {
        object_ids: vec![OBJECT.to_owned()],
        window: Some(convert::window(window(from, until))),
        ..Default::default()
    }
}

async fn counted(world: &World) -> (f64, i32) {
    let answer = get_occupancy(&world.database, &world.ours.tenant, &asked(0, 48)).await;
    let object = answer.unwrap().objects.remove(0);
    (object.booked_minutes, object.bookings)
}

async fn keep(world: &World, from: i64, until: i64) {
    for tenant in [&world.ours.tenant, &world.theirs.tenant] {
        sqlx::query(
            "INSERT INTO booking.occupancy_facts (tenant_id, object_id, starts_at, ends_at)
            VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant.as_str())
        .bind(OBJECT)
        .bind(at(from))
        .bind(at(until))
        .execute(world.database.pool())
        .await
        .unwrap();
    }
}

#[sqlx::test(migrations = false)]
async fn what_occupies_an_object_counts_and_what_does_not_does_not(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world
        .full_sync(vec![
            accepted("a", 9, 10),
            accepted("b", 12, 13),
            accepted("c", 20, 22),
        ])
        .await;
    assert_eq!(counted(&world).await, (240.0, 3));
    world.see(cancelled("c")).await;
    assert_eq!(counted(&world).await, (120.0, 2));
    // Declined in Flexopus: it stands until Google has let go of the room.
    world
        .run("UPDATE booking.bookings SET state = 'declining' WHERE tenant_id = $1 AND event_id = 'a'")
        .await;
    assert_eq!(counted(&world).await, (120.0, 2));
    for state in ["requested", "pending", "undecided", "rejected"] {
        sqlx::query("UPDATE booking.bookings SET state = $1 WHERE event_id = 'a'")
            .bind(state)
            .execute(world.database.pool())
            .await
            .unwrap();
        assert_eq!(counted(&world).await, (60.0, 1), "{state}");
    }
}

#[sqlx::test(migrations = false)]
async fn facts_of_links_that_were_taken_down_count_beside_bookings(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    keep(&world, 11, 12).await;
    assert_eq!(counted(&world).await, (120.0, 2));
    // Overlapping: more bookings, but no more time than there is.
    keep(&world, 9, 11).await;
    assert_eq!(counted(&world).await, (180.0, 3));
    // Outside of the window.
    keep(&world, -1, 0).await;
    keep(&world, 48, 50).await;
    assert_eq!(counted(&world).await, (180.0, 3));
}

#[sqlx::test(migrations = false)]
async fn facts_are_erased_by_object_and_by_tenant_and_bookings_stay(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    world.full_sync(vec![accepted("a", 9, 10)]).await;
    keep(&world, 11, 12).await;
    keep(&world, 13, 14).await;
    let erase = async |objects: &[&str]| {
        let request = pb::EraseFactsRequest {
            object_ids: objects.iter().map(|it| (*it).to_owned()).collect(),
            ..Default::default()
        };
        erase_facts(&world.database, &world.ours.tenant, &request).await
    };
    assert_eq!(erase(&["another"]).await.unwrap().erased, 0);
    assert_eq!(erase(&[OBJECT]).await.unwrap().erased, 2);
    assert_eq!(counted(&world).await, (60.0, 1));
    keep(&world, 11, 12).await;
    assert_eq!(erase(&[]).await.unwrap().erased, 1);
    assert_eq!(erase(&[]).await.unwrap().erased, 0);
    assert_eq!(reason(erase(&["a b"]).await), "INVALID_FIELD");
    let theirs: i64 = sqlx::query_scalar("SELECT count(*) FROM booking.occupancy_facts")
        .fetch_one(world.database.pool())
        .await
        .unwrap();
    assert_eq!(theirs, 3, "another tenant's stay");
}

#[sqlx::test(migrations = false)]
async fn bad_requests_are_refused(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let refused = async |change: fn(&mut pb::GetOccupancyRequest)| {
        let mut request = asked(0, 400 * 24);
        change(&mut request);
        reason(get_occupancy(&world.database, &world.ours.tenant, &request).await)
    };
    assert_eq!(refused(|it| it.object_ids.clear()).await, "INVALID_FIELD");
    assert_eq!(refused(|it| it.window = None).await, "INVALID_FIELD");
    let many = refused(|it| it.object_ids = (0..101).map(|n| n.to_string()).collect());
    assert_eq!(many.await, "INVALID_FIELD");
    let long = refused(|it| it.window.as_mut().unwrap().ends_at = Some(stamp(at(400 * 24 + 1))));
    assert_eq!(long.await, "INVALID_FIELD");
    let unknown = refused(|it| it.object_ids.push("another".to_owned()));
    assert_eq!(unknown.await, "OBJECT_NOT_FOUND");
    let answer = get_occupancy(&world.database, &world.ours.tenant, &asked(0, 400 * 24)).await;
    let days = answer.unwrap().objects.remove(0).days;
    // 400 days from 1:00 in Berlin on touch 401.
    assert_eq!(days.len(), 401);
}

/// As many objects and days as one request may ask for fit into the 4 MiB that clients of gRPC take.
#[sqlx::test(migrations = false)]
async fn the_largest_answer_is_small_enough(_: PgPoolOptions, options: PgConnectOptions) {
    use prost::Message as _;
    let world = World::start(&options).await;
    let objects: Vec<ObjectId> = (0..100).map(|n| format!("o{n}").parse().unwrap()).collect();
    let ids: Vec<&str> = objects.iter().map(ObjectId::as_str).collect();
    sqlx::query(
        "WITH object AS (
            INSERT INTO booking.objects (tenant_id, object_id, name, time_zone)
            SELECT $1, unnest($2::text[]), 'Room', 'Europe/Berlin'
            RETURNING object_id
        )
        INSERT INTO booking.occupancy_facts (tenant_id, object_id, starts_at, ends_at)
        SELECT $1, object_id, start, start + interval '1 hour 3 seconds'
        FROM object, generate_series($3, $3 + interval '399 days', '23 hours') AS start",
    )
    .bind(world.ours.tenant.as_str())
    .bind(&ids)
    .bind(at(0))
    .execute(world.database.pool())
    .await
    .unwrap();
    let request = pb::GetOccupancyRequest {
        object_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..asked(0, 400 * 24)
    };
    let answer = get_occupancy(&world.database, &world.ours.tenant, &request).await;
    let answer = answer.unwrap();
    assert_eq!(answer.objects.len(), 100);
    assert!(answer.objects.iter().all(|it| it.bookings > 400));
    assert!(answer.encoded_len() < 4 << 20, "{}", answer.encoded_len());
}
