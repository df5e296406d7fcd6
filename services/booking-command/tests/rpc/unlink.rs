//! `UnlinkObject`.

use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::world::{World, refused};

pub(crate) async fn unlink(world: &World, tenant: &str, link: &str) -> Result<api::Link, Status> {
    let request = api::UnlinkObjectRequest {
        tenant_id: tenant.to_owned(),
        link_id: link.to_owned(),
    };
    let answer = world.links("all").await.unlink_object(request).await?;
    Ok(answer.into_inner().link.unwrap())
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_link_is_taken_down_once_and_repeating_it_is_no_fault(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    world.booking(&link, "e1", "a@example.com", 1).await;
    world.execute("DELETE FROM booking.outbox").await;
    for _ in 0..2 {
        let closing = unlink(&world, "t1", &link).await.unwrap();
        assert_eq!(closing.state(), api::LinkState::Closing);
    }
    assert_eq!(world.waiting("link.due").await, 1);
    assert_eq!(world.published(&link).await, ["pending", "closing"]);
    // Its bookings go when the calendar is closed, not before.
    let live = "SELECT count(*) FROM booking.bookings WHERE state = 'confirmed'";
    assert_eq!(world.number(live).await, 1);
    let request = roomsync_proto::internal::v1::ReportClosedRequest {
        tenant_id: "t1".to_owned(),
        link_id: link.clone(),
    };
    world.mirror().await.report_closed(request).await.unwrap();
    assert_eq!(world.number(live).await, 0);
    let removed = unlink(&world, "t1", &link).await.unwrap();
    assert_eq!(removed.state(), api::LinkState::Removed);
    assert_eq!(world.waiting("link.due").await, 1);
    // From then on the object and the address are free for another link.
    assert_ne!(
        world.link("o1", "room@example.com").await.unwrap().link_id,
        link
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn two_who_unlink_at_once_close_it_once(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    world.execute("DELETE FROM booking.outbox").await;
    let calls = (0..8).map(|_| unlink(&world, "t1", &link));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().state(), api::LinkState::Closing);
    }
    assert_eq!(world.waiting("link.due").await, 1);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_link_that_is_unknown_or_foreign_is_not_found(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    world.put_tenant("t2", true).await;
    for (tenant, id) in [("t2", link.as_str()), ("t1", "nonsense"), ("t1", "")] {
        let answer = unlink(&world, tenant, id).await;
        refused(answer, Code::NotFound, "LINK_NOT_FOUND");
    }
    world.put_tenant("t1", false).await;
    let answer = unlink(&world, "t1", &link).await;
    refused(answer, Code::FailedPrecondition, "MODULE_MISSING");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_object_that_is_closing_cannot_be_linked_yet(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    unlink(&world, "t1", &link).await.unwrap();
    for mail in ["room@example.com", "other@example.com"] {
        let answer = world.link("o1", mail).await;
        refused(answer, Code::AlreadyExists, "OBJECT_ALREADY_LINKED");
    }
}
