//! `AcknowledgeReset` and what `CheckAvailability` says until then: D5.

use roomsync_proto::booking::v1::{
    self as booking, TimeWindow, booking_service_client::BookingServiceClient,
};
use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::{
    unlink::unlink,
    world::{World, refused},
};

async fn acknowledge(world: &World, tenant: &str, link: &str) -> Result<api::Link, Status> {
    let request = api::AcknowledgeResetRequest {
        tenant_id: tenant.to_owned(),
        link_id: link.to_owned(),
    };
    let answer = world.links("all").await.acknowledge_reset(request).await?;
    Ok(answer.into_inner().link.unwrap())
}

/// Object `o1` for an hour, so many days ahead.
async fn availability(world: &World, days: i64) -> booking::Availability {
    let now = "SELECT extract(epoch FROM now())::bigint";
    let start = world.number(now).await + days * 86_400;
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let request = booking::CheckAvailabilityRequest {
        tenant_id: "t1".to_owned(),
        object_ids: vec!["o1".to_owned()],
        window: Some(TimeWindow {
            starts_at: at(start),
            ends_at: at(start + 3600),
        }),
    };
    let mut client = BookingServiceClient::new(world.channel("public", "all").await);
    let answer = client.check_availability(request).await.unwrap();
    answer.into_inner().objects.remove(0)
}

/// Whether the object is open, and whether it is free.
async fn open(world: &World) -> (bool, bool) {
    let answer = availability(world, 1).await;
    (answer.open, answer.free)
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_object_is_closed_from_linking_until_the_reset_is_acknowledged(pool: PgPool) {
    let world = World::connected(pool).await;
    assert_eq!(open(&world).await, (true, true));
    let link = world.link("o1", "room@example.com").await.unwrap();
    assert_eq!(link.hand_over(), api::HandOver::WaitingForImport);
    assert_eq!(open(&world).await, (false, false));
    let early = acknowledge(&world, "t1", &link.link_id).await;
    refused(early, Code::FailedPrecondition, "NOT_IMPORTED");

    let link = world.imported("o1", "room@example.com").await;
    assert_eq!(link.hand_over(), api::HandOver::WaitingForAcknowledgement);
    assert_eq!(open(&world).await, (false, false));

    for _ in 0..2 {
        let row = acknowledge(&world, "t1", &link.link_id).await.unwrap();
        assert_eq!(row.hand_over(), api::HandOver::Open);
    }
    assert_eq!(open(&world).await, (true, true));
    // Subscribers see the opening, once.
    assert_eq!(
        world.published(&link.link_id).await,
        ["pending", "verified"]
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_link_that_failed_before_any_import_holds_nothing_back(pool: PgPool) {
    let world = World::connected(pool).await;
    world.link("o1", "room@example.com").await.unwrap();
    world
        .execute("UPDATE booking.links SET state = 'failed', reason = 'times_only'")
        .await;
    assert_eq!(open(&world).await, (true, true));
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_change_of_address_is_no_new_hand_over(pool: PgPool) {
    let world = World::connected(pool).await;
    let old = world.imported("o1", "old@example.com").await;
    let request = api::ChangeResourceRequest {
        tenant_id: "t1".to_owned(),
        object_id: "o1".to_owned(),
        resource_email: "new@example.com".to_owned(),
    };
    let new = world.links("all").await.change_resource(request).await;
    let new = new.unwrap().into_inner().link.unwrap();
    assert_eq!(open(&world).await, (false, false));
    acknowledge(&world, "t1", &old.link_id).await.unwrap();
    assert_eq!(open(&world).await, (true, true), "while the new one waits");
    let new = world.get_link(&new.link_id).await;
    assert_eq!(new.hand_over(), api::HandOver::WaitingForImport);

    // As the import of the new address leaves them.
    world
        .execute("UPDATE booking.links SET state = 'closing' WHERE replaces_link_id IS NULL")
        .await;
    world
        .execute(
            "UPDATE booking.links
            SET replaces_link_id = NULL, state = 'verified', imported_at = now()
            WHERE replaces_link_id IS NOT NULL",
        )
        .await;
    let new = world.get_link(&new.link_id).await;
    assert_eq!(new.hand_over(), api::HandOver::Open);
    assert_eq!(open(&world).await, (true, true));
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn what_is_not_there_or_going_cannot_be_acknowledged(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    world.put_tenant("t2", true).await;
    for (tenant, id) in [("t2", link.as_str()), ("t1", "nonsense")] {
        let answer = acknowledge(&world, tenant, id).await;
        refused(answer, Code::NotFound, "LINK_NOT_FOUND");
    }
    unlink(&world, "t1", &link).await.unwrap();
    let answer = acknowledge(&world, "t1", &link).await;
    refused(answer, Code::FailedPrecondition, "LINK_REMOVED");
    assert_eq!(open(&world).await, (true, true));
    world.put_tenant("t1", false).await;
    let answer = acknowledge(&world, "t1", &link).await;
    refused(answer, Code::FailedPrecondition, "MODULE_MISSING");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn the_mirror_reaches_as_far_as_the_horizon(pool: PgPool) {
    let world = World::connected(pool).await;
    world.imported("o1", "room@example.com").await;
    assert!(availability(&world, 399).await.mirrored);
    assert!(!availability(&world, 400).await.mirrored);
    // It rolls with the comparison, not with the clock.
    world
        .execute(
            "UPDATE booking.links SET last_reconcile_at = now() - interval '3 days',
                imported_at = now() - interval '9 days'",
        )
        .await;
    assert!(!availability(&world, 398).await.mirrored);
    assert!(availability(&world, 396).await.mirrored);
}
