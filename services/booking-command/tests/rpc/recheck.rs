//! `RecheckLink`, and what sync-worker is told of it.

use roomsync_proto::{integration::v1 as api, internal::v1 as internal};
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::{
    settings::acquire as settings,
    unlink::unlink,
    world::{ADMIN, World, refused},
};

async fn recheck(world: &World, tenant: &str, link: &str) -> Result<api::Link, Status> {
    let request = api::RecheckLinkRequest {
        tenant_id: tenant.to_owned(),
        link_id: link.to_owned(),
    };
    let answer = world.links("all").await.recheck_link(request).await?;
    Ok(answer.into_inner().link.unwrap())
}

async fn wanted(world: &World, link: &str) -> internal::WantedLink {
    let request = internal::ListLinksRequest {
        link_id: link.to_owned(),
        ..Default::default()
    };
    let answer = world.mirror().await.list_links(request).await.unwrap();
    answer.into_inner().links.remove(0)
}

async fn verified(world: &World, link: &str) {
    let mut request = internal::ReportLinkRequest {
        tenant_id: "t1".to_owned(),
        link_id: link.to_owned(),
        access_role: "writer".to_owned(),
        ..Default::default()
    };
    request.set_verdict(internal::LinkVerdict::Verified);
    world.mirror().await.report_link(request).await.unwrap();
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_verified_link_stays_so_while_it_is_verified_again(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    world.execute("DELETE FROM booking.outbox").await;
    assert!(wanted(&world, &link).await.verified);

    let row = recheck(&world, "t1", &link).await.unwrap();
    assert_eq!(row.state(), api::LinkState::Verified);
    assert!(!wanted(&world, &link).await.verified);
    // Merged until it is answered.
    recheck(&world, "t1", &link).await.unwrap();
    assert_eq!(world.waiting("link.due").await, 1);
    assert_eq!(world.published(&link).await, ["pending"]);

    verified(&world, &link).await;
    let told = wanted(&world, &link).await;
    assert!(told.verified && told.last_attempt_at.is_some() && told.pending_since.is_some());
    recheck(&world, "t1", &link).await.unwrap();
    assert_eq!(world.waiting("link.due").await, 2);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_failed_link_is_pending_anew_and_subscribers_hear_of_it(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    world
        .execute(
            "UPDATE booking.links SET state = 'failed', reason = 'no_calendar_access',
                pending_since = now() - interval '9 days', last_attempt_at = now()",
        )
        .await;
    let row = recheck(&world, "t1", &link).await.unwrap();
    assert_eq!(
        (row.state(), row.reason.as_str()),
        (api::LinkState::Pending, "")
    );
    assert_eq!(world.published(&link).await, ["pending", "pending"]);
    let young = "SELECT count(*) FROM booking.links
        WHERE pending_since > now() - interval '1 minute'";
    assert_eq!(world.number(young).await, 1);
}

/// Nobody answered an earlier recheck: the link failed by waiting.
#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_link_that_failed_without_an_answer_is_tried_again(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    recheck(&world, "t1", &link).await.unwrap();
    world
        .execute("UPDATE booking.links SET state = 'failed', reason = 'google_unavailable'")
        .await;
    let row = recheck(&world, "t1", &link).await.unwrap();
    assert_eq!(row.state(), api::LinkState::Pending);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_optional_right_that_was_granted_meanwhile_counts_at_once(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    for reconnect in [false, true] {
        world
            .google
            .answers("settings", ADMIN, 400, r#"{"error":"unauthorized_client"}"#);
        world.execute("DELETE FROM booking.access_tokens").await;
        for _ in 0..2 {
            let answer = settings(&world).await;
            refused(answer, Code::FailedPrecondition, "SCOPE_MISSING");
            world.google.recovers();
        }
        if reconnect {
            world.connect("t1").await.unwrap();
        } else {
            recheck(&world, "t1", &link).await.unwrap();
        }
        settings(&world).await.unwrap();
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn many_who_recheck_at_once_are_one(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    world.execute("DELETE FROM booking.outbox").await;
    let calls = (0..8).map(|_| recheck(&world, "t1", &link));
    for answer in futures_util::future::join_all(calls).await {
        answer.unwrap();
    }
    assert_eq!(world.waiting("link.due").await, 1);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn what_cannot_be_verified_is_refused(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.imported("o1", "room@example.com").await.link_id;
    world.put_tenant("t2", true).await;
    for (tenant, id) in [("t2", link.as_str()), ("t1", "nonsense")] {
        let answer = recheck(&world, tenant, id).await;
        refused(answer, Code::NotFound, "LINK_NOT_FOUND");
    }
    world
        .execute("UPDATE booking.connections SET state = 'lost'")
        .await;
    let answer = recheck(&world, "t1", &link).await;
    refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    unlink(&world, "t1", &link).await.unwrap();
    let answer = recheck(&world, "t1", &link).await;
    refused(answer, Code::FailedPrecondition, "LINK_REMOVED");
    world.put_tenant("t1", false).await;
    let answer = recheck(&world, "t1", &link).await;
    refused(answer, Code::FailedPrecondition, "MODULE_MISSING");
}
