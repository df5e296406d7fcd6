//! `SyncNow`: R77.

use roomsync_process::grpc;
use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::world::{World, fact, refused};

async fn sync(world: &World, object: &str) -> Result<api::SyncNowResponse, Status> {
    let request = api::SyncNowRequest {
        tenant_id: "t1".to_owned(),
        object_id: object.to_owned(),
    };
    let answer = world.links("all").await.sync_now(request).await?;
    Ok(answer.into_inner())
}

/// The refreshes that wait in the outbox, as `why lane`.
async fn refreshes(world: &World) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT concat(body->>'why', ' ', body->>'lane') FROM booking.outbox
        WHERE message_type = 'calendar.refresh' ORDER BY position",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap()
}

const THROUGH: &str = "UPDATE booking.links SET last_check_at = now() + interval '1 second'";

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn one_object_is_compared_once_until_it_is_through(pool: PgPool) {
    let world = World::connected(pool).await;
    world.imported("o1", "room@example.com").await;
    let first = sync(&world, "o1").await.unwrap();
    assert_eq!((first.links, first.merged), (1, false));
    let second = sync(&world, "o1").await.unwrap();
    assert!(second.merged);
    assert_eq!(second.started_at, first.started_at);
    assert_eq!(refreshes(&world).await, ["by_hand background"]);

    // Through: another one is too early, for the rest of a minute.
    world.execute(THROUGH).await;
    let status = refused(
        sync(&world, "o1").await,
        Code::ResourceExhausted,
        "TOO_OFTEN",
    );
    let wait = grpc::retry_after(&status).unwrap().as_secs();
    assert!((40..=60).contains(&wait), "{wait}");
    world
        .execute("UPDATE booking.links SET sync_asked_at = now() - interval '61 seconds'")
        .await;
    assert!(!sync(&world, "o1").await.unwrap().merged);
    // One that was lost does not keep others away for ever.
    world
        .execute(
            "UPDATE booking.links SET sync_asked_at = now() - interval '11 minutes',
                last_check_at = now() - interval '1 hour'",
        )
        .await;
    assert!(!sync(&world, "o1").await.unwrap().merged);
    assert_eq!(refreshes(&world).await.len(), 3);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn all_objects_are_pulled_once_until_the_last_is_through(pool: PgPool) {
    let world = World::connected(pool).await;
    world.put_objects("t1", &["o3"]).await;
    world.imported("o1", "one@example.com").await;
    world.imported("o2", "two@example.com").await;
    world.link("o3", "three@example.com").await.unwrap();
    let calls = (0..6).map(|_| sync(&world, ""));
    let answers = futures_util::future::join_all(calls).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| !answer.merged).count(), 1);
    assert!(answers.iter().all(|answer| answer.links == 2));
    assert_eq!(refreshes(&world).await, ["poll background"; 2]);

    world
        .execute(
            "UPDATE booking.links SET last_check_at = now() + interval '1 second'
            WHERE object_id = 'o1'",
        )
        .await;
    assert!(sync(&world, "").await.unwrap().merged, "o2 is not through");
    world.execute(THROUGH).await;
    let status = refused(sync(&world, "").await, Code::ResourceExhausted, "TOO_OFTEN");
    let wait = grpc::retry_after(&status).unwrap().as_secs();
    assert!((240..=300).contains(&wait), "{wait}");
    // One object is another matter.
    assert!(!sync(&world, "o1").await.unwrap().merged);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn without_a_verified_link_or_a_connection_nothing_is_synchronised(pool: PgPool) {
    let world = World::connected(pool).await;
    refused(sync(&world, "o9").await, Code::NotFound, "OBJECT_NOT_FOUND");
    refused(sync(&world, "o1").await, Code::NotFound, "LINK_NOT_FOUND");
    world.link("o1", "room@example.com").await.unwrap();
    refused(sync(&world, "o1").await, Code::NotFound, "LINK_NOT_FOUND");
    let status = refused(
        sync(&world, "o 1").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
    );
    fact(&status, "field", "object_id");
    world
        .execute("UPDATE booking.connections SET state = 'lost'")
        .await;
    for object in ["", "o1"] {
        let answer = sync(&world, object).await;
        refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    }
    world.put_tenant("t1", false).await;
    let answer = sync(&world, "").await;
    refused(answer, Code::FailedPrecondition, "MODULE_MISSING");
    assert!(refreshes(&world).await.is_empty());
}
