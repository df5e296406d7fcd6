//! `CatalogueService`.

use roomsync_proto::{booking::v1::TimeWindow, integration::v1 as api};
use sqlx::PgPool;
use tonic::Code;

use crate::world::{World, fact, object, refused};

fn delete(objects: &[&str]) -> api::DeleteObjectsRequest {
    let object_ids = objects.iter().map(|id| (*id).to_owned()).collect();
    api::DeleteObjectsRequest {
        tenant_id: "t1".to_owned(),
        object_ids,
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn objects_are_stored_all_or_none_and_the_bad_field_is_named(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    let bad = api::Object {
        time_zone: "Berlin".to_owned(),
        ..object("o2")
    };
    let request = api::UpsertObjectsRequest {
        tenant_id: "t1".to_owned(),
        objects: vec![object("o1"), bad],
    };
    let answer = world.catalogue().await.upsert_objects(request).await;
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    fact(&status, "field", "objects[1].time_zone");
    assert_eq!(
        world.number("SELECT count(*) FROM booking.objects").await,
        0
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_object_is_replaced_with_its_blocked_times(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let window = |day: i64| TimeWindow {
        starts_at: at(day * 86400),
        ends_at: at(day * 86400 + 9),
    };
    for days in [1..4, 7..8] {
        let blocked = days.map(window).collect();
        let request = api::UpsertObjectsRequest {
            tenant_id: "t1".to_owned(),
            objects: vec![
                api::Object {
                    blocked,
                    ..object("o1")
                },
                object("o2"),
            ],
        };
        world
            .catalogue()
            .await
            .upsert_objects(request)
            .await
            .unwrap();
    }
    assert_eq!(
        world.number("SELECT count(*) FROM booking.objects").await,
        2
    );
    assert_eq!(
        world
            .number("SELECT count(*) FROM booking.object_blocks")
            .await,
        1
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn objects_of_an_unknown_tenant_are_refused(pool: PgPool) {
    let world = World::start(pool).await;
    let request = api::UpsertObjectsRequest {
        tenant_id: "t9".to_owned(),
        objects: vec![object("o1")],
    };
    let answer = world.catalogue().await.upsert_objects(request).await;
    refused(answer, Code::NotFound, "TENANT_NOT_FOUND");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn deleting_a_linked_object_closes_its_link_once(pool: PgPool) {
    let world = World::connected(pool).await;
    world.link("o1", "room@example.com").await.unwrap();
    world.execute("DELETE FROM booking.outbox").await;
    let mut catalogue = world.catalogue().await;
    catalogue
        .delete_objects(delete(&["o1", "unknown"]))
        .await
        .unwrap();
    catalogue.delete_objects(delete(&["o1"])).await.unwrap();
    assert_eq!(
        world.text("SELECT state FROM booking.links").await,
        "closing"
    );
    assert_eq!(world.waiting("link.due").await, 1);
    assert_eq!(world.waiting("object.changed").await, 1);
    let linking = world.link("o1", "other@example.com").await;
    refused(linking, Code::AlreadyExists, "OBJECT_ALREADY_LINKED");
    assert_eq!(world.status("t1").await.linked_objects, 0);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_deleted_object_cannot_be_linked_until_it_comes_back(pool: PgPool) {
    let world = World::connected(pool).await;
    world
        .catalogue()
        .await
        .delete_objects(delete(&["o1"]))
        .await
        .unwrap();
    let linking = world.link("o1", "room@example.com").await;
    refused(linking, Code::NotFound, "OBJECT_NOT_FOUND");
    world.put_objects("t1", &["o1"]).await;
    world.link("o1", "room@example.com").await.unwrap();
}
