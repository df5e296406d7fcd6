use std::time::Duration;

use roomsync_domain::LinkState;
use roomsync_messages::ChangedItem;
use roomsync_process::grpc::{Caller, Role};
use roomsync_proto::{booking::v1::BookingState, internal::v1 as pb};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::world::{Linked, World, accepted, at, reason};
use crate::{
    mirror::{
        list_links::list_links, report_closed::report_closed, report_coverage::report_coverage,
        report_link::report_link,
    },
    validate::stamp,
};

/// How long a link may be pending.
const DAY: Duration = Duration::from_hours(24);

fn worker(tenant: &str) -> Caller {
    Caller {
        name: "sync-worker".into(),
        role: Role::Service,
        tenants: vec![tenant.into()],
    }
}

async fn report(world: &World, verdict: pb::LinkVerdict, why: &str, role: &str) {
    let request = pb::ReportLinkRequest {
        link_id: world.ours.link.to_string(),
        verdict: verdict.into(),
        reason: why.into(),
        access_role: role.into(),
        ..Default::default()
    };
    report_link(&world.database, &world.ours.tenant, &request, DAY)
        .await
        .unwrap();
}

async fn close(world: &World, linked: &Linked) {
    let request = pb::ReportClosedRequest {
        link_id: linked.link.to_string(),
        ..Default::default()
    };
    report_closed(&world.database, &world.ours.tenant, &request)
        .await
        .unwrap();
}

async fn links(
    world: &World,
    caller: &Caller,
    request: pb::ListLinksRequest,
) -> pb::ListLinksResponse {
    list_links(&world.database, caller, &request).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_verdict_about_a_link_is_published_once(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    world
        .run("UPDATE booking.links SET state = 'pending' WHERE tenant_id = $1")
        .await;
    report(&world, pb::LinkVerdict::Failed, "NOT_IN_ORGANISATION", "").await;
    report(&world, pb::LinkVerdict::Failed, "NOT_IN_ORGANISATION", "").await;
    report(&world, pb::LinkVerdict::Verified, "", "writer").await;
    report(&world, pb::LinkVerdict::Verified, "", "reader").await;
    let items: Vec<_> = world
        .log()
        .await
        .into_iter()
        .flat_map(|change| change.items)
        .collect();
    let link = world.ours.link;
    let failed = Some("not_in_organisation".to_owned());
    assert_eq!(
        items,
        [
            ChangedItem::Link {
                link,
                state: LinkState::Failed,
                reason: failed
            },
            ChangedItem::Link {
                link,
                state: LinkState::Verified,
                reason: None
            },
        ],
    );
    assert!(world.stamp("verified_at").await.is_some());
    let role: String =
        sqlx::query_scalar("SELECT access_role FROM booking.links WHERE link_id = $1")
            .bind(link.0)
            .fetch_one(world.database.pool())
            .await
            .unwrap();
    assert_eq!(role, "reader");
}

#[sqlx::test(migrations = false)]
async fn a_verdict_about_a_foreign_or_closing_link_is_refused(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let verdict = |link: &Linked| pb::ReportLinkRequest {
        link_id: link.link.to_string(),
        verdict: pb::LinkVerdict::Verified.into(),
        ..Default::default()
    };
    let tenant = &world.ours.tenant;
    let foreign = report_link(&world.database, tenant, &verdict(&world.theirs), DAY).await;
    assert_eq!(reason(foreign), "LINK_NOT_FOUND");
    world
        .run("UPDATE booking.links SET state = 'closing' WHERE tenant_id = $1")
        .await;
    let closing = report_link(&world.database, tenant, &verdict(&world.ours), DAY).await;
    assert_eq!(reason(closing), "LINK_REMOVED");
    let nonsense = pb::ReportLinkRequest {
        reason: "BAD_MOOD".into(),
        ..verdict(&world.ours)
    };
    let nonsense = report_link(&world.database, tenant, &nonsense, DAY).await;
    assert_eq!(reason(nonsense), "INVALID_FIELD");
}

#[sqlx::test(migrations = false)]
async fn a_closed_link_takes_its_bookings_with_it(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let seen = (0..120)
        .map(|n| accepted(&format!("e{n}"), n, n + 2))
        .collect();
    world.full_sync(seen).await;
    close(&world, &world.ours).await;
    assert_eq!(
        world.log().await.len(),
        2,
        "a link that is not closing stays"
    );

    world
        .run("UPDATE booking.links SET state = 'closing' WHERE tenant_id = $1")
        .await;
    close(&world, &world.theirs).await;
    close(&world, &world.ours).await;
    close(&world, &world.ours).await;
    let bookings = world.bookings().await;
    assert!(
        bookings
            .iter()
            .all(|b| b.state() == BookingState::Removed && b.flags.is_empty())
    );
    assert!(
        bookings
            .iter()
            .all(|booking| booking.cause == "LINK_CLOSED")
    );
    let log = world.log().await;
    assert_eq!(log.len(), 4);
    let (link, state) = (world.ours.link, LinkState::Removed);
    assert_eq!(
        log[3].items.last(),
        Some(&ChangedItem::Link {
            link,
            state,
            reason: None
        })
    );
}

#[sqlx::test(migrations = false)]
async fn coverage_only_goes_forward(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let report = |hour: i64| pb::ReportCoverageRequest {
        link_id: world.ours.link.to_string(),
        channel_state: "open".into(),
        last_check_at: Some(stamp(at(hour))),
        poll_interval_seconds: 600,
        ..Default::default()
    };
    for hour in [2, 1] {
        report_coverage(&world.database, &world.ours.tenant, &report(hour))
            .await
            .unwrap();
    }
    assert_eq!(world.stamp("last_check_at").await, Some(at(2)));
    let foreign = pb::ReportCoverageRequest {
        link_id: world.theirs.link.to_string(),
        ..report(9)
    };
    report_coverage(&world.database, &world.ours.tenant, &foreign)
        .await
        .unwrap();
    let odd = pb::ReportCoverageRequest {
        channel_state: "ajar".into(),
        ..report(9)
    };
    let odd = report_coverage(&world.database, &world.ours.tenant, &odd).await;
    assert_eq!(reason(odd), "INVALID_FIELD");
    assert_eq!(world.stamp("last_check_at").await, Some(at(2)));
}

#[sqlx::test(migrations = false)]
async fn every_link_is_listed_page_by_page(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let all = worker("*");
    let first = pb::ListLinksRequest {
        page_size: 1,
        ..Default::default()
    };
    let first = links(&world, &all, first).await;
    assert_eq!(first.links[0].link_id, world.ours.link.to_string());
    let next = pb::ListLinksRequest {
        page_token: first.next_page_token,
        ..Default::default()
    };
    let next = links(&world, &all, next).await;
    assert_eq!(next.links[0].link_id, world.theirs.link.to_string());
    assert_eq!(next.next_page_token, "");
    let own = links(&world, &worker("theirs"), pb::ListLinksRequest::default()).await;
    assert_eq!(own.links, next.links, "only what the caller may see");
}

#[sqlx::test(migrations = false)]
async fn a_wanted_link_says_what_it_should_be(_: PgPoolOptions, options: PgConnectOptions) {
    let world = World::start(&options).await;
    let one = || pb::ListLinksRequest {
        link_id: world.ours.link.to_string(),
        ..Default::default()
    };
    let wanted = async || {
        let answer = links(&world, &worker("*"), one()).await;
        let link = &answer.links[0];
        (link.open, link.verified, link.imported, link.connected)
    };
    assert_eq!(wanted().await, (true, true, false, true));
    world.full_sync(vec![]).await;
    world
        .run("UPDATE booking.connections SET state = 'lost' WHERE tenant_id = $1")
        .await;
    assert_eq!(wanted().await, (true, true, true, false));
    world
        .run("UPDATE booking.connections SET state = 'active' WHERE tenant_id = $1")
        .await;
    world
        .run("UPDATE booking.tenants SET module_enabled = false WHERE tenant_id = $1")
        .await;
    assert_eq!(wanted().await, (true, true, true, false));
    world
        .run("UPDATE booking.links SET state = 'closing' WHERE tenant_id = $1")
        .await;
    assert_eq!(wanted().await, (false, false, true, true));
    world
        .run("UPDATE booking.links SET state = 'removed' WHERE tenant_id = $1")
        .await;
    assert_eq!(wanted().await, (false, false, true, true));
    let all = links(&world, &worker("*"), pb::ListLinksRequest::default()).await;
    assert_eq!(all.links.len(), 1, "the removed one is not among all");
}

#[sqlx::test(migrations = false)]
async fn a_link_is_verified_again_when_its_tenant_connects_anew(
    _: PgPoolOptions,
    options: PgConnectOptions,
) {
    let world = World::start(&options).await;
    let verified = async || {
        let all = links(&world, &worker("*"), pb::ListLinksRequest::default()).await;
        all.links[0].verified
    };
    assert!(verified().await);
    world
        .run("UPDATE booking.connections SET connected_at = now() WHERE tenant_id = $1")
        .await;
    assert!(!verified().await);
    report(&world, pb::LinkVerdict::Pending, "GOOGLE_UNAVAILABLE", "").await;
    assert!(
        !verified().await,
        "that it could not be seen verifies nothing"
    );
    report(&world, pb::LinkVerdict::Verified, "", "writer").await;
    assert!(verified().await);
    assert!(
        world.log().await.is_empty(),
        "for subscribers it was all the time"
    );
}
