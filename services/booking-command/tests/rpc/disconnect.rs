//! `Disconnect`: what becomes of links, step by step. Google's side, and the consumers', is in the journeys.

use roomsync_proto::{integration::v1 as api, internal::v1 as internal};
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::{
    acquire::acquire,
    change_resource::change,
    google::Google,
    unlink::unlink,
    world::{PATIENCE, World, refused},
};

async fn world(pool: PgPool, more: &[(&str, &str)]) -> World {
    let set = [&[("DISCONNECT__LOOK_EVERY", "20ms")], more].concat();
    let world = World::replica(pool, Google::start().await, &set).await;
    world.put_tenant("t1", true).await;
    world.put_objects("t1", &["o1", "o2"]).await;
    world.connect("t1").await.unwrap();
    world
}

async fn disconnect(world: &World) -> Result<api::ConnectionState, Status> {
    disconnect_of(world, "t1").await
}

async fn disconnect_of(world: &World, tenant: &str) -> Result<api::ConnectionState, Status> {
    let request = api::DisconnectRequest {
        tenant_id: tenant.to_owned(),
    };
    let answer = world.connections().await.disconnect(request).await?;
    Ok(answer.into_inner().status.unwrap().state())
}

async fn report_closed(world: &World, link: &str) {
    report_closed_of(world, "t1", link).await;
}

async fn report_closed_of(world: &World, tenant: &str, link: &str) {
    let request = internal::ReportClosedRequest {
        tenant_id: tenant.to_owned(),
        link_id: link.to_owned(),
    };
    world.mirror().await.report_closed(request).await.unwrap();
}

async fn wait_disconnected(world: &World) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while world.text("SELECT state FROM booking.connections").await != "disconnected" {
        assert!(tokio::time::Instant::now() < deadline, "still connected");
        tokio::task::yield_now().await;
    }
}

async fn links(world: &World) -> Vec<api::Link> {
    let request = api::ListLinksRequest {
        tenant_id: "t1".to_owned(),
        ..Default::default()
    };
    let answer = world.links("all").await.list_links(request).await;
    answer.unwrap().into_inner().links
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn nothing_is_finished_before_every_calendar_is_closed(pool: PgPool) {
    let world = world(pool, &[]).await;
    let one = world.imported("o1", "one@example.com").await.link_id;
    let two = world.imported("o2", "two@example.com").await.link_id;
    world.booking(&one, "e1", "a@example.com", -5).await;
    world.booking(&one, "e2", "a@example.com", 5).await;
    for _ in 0..2 {
        let state = disconnect(&world).await.unwrap();
        assert_eq!(state, api::ConnectionState::Disconnecting);
    }
    assert_eq!(
        world.waiting("connection.changed").await,
        2,
        "connected, disconnecting"
    );
    report_closed(&world, &one).await;
    let live = "SELECT count(*) FROM booking.bookings
        WHERE state NOT IN ('removed', 'rejected') OR organizer_mail IS NOT NULL";
    assert_eq!(world.number(live).await, 0, "the past one goes, too");
    assert_eq!(
        world
            .number("SELECT count(*) FROM booking.occupancy_facts")
            .await,
        1
    );
    assert_eq!(
        world.status("t1").await.state(),
        api::ConnectionState::Disconnecting
    );
    let held = "SELECT count(*) FROM booking.connections WHERE sealed_key IS NOT NULL";
    assert_eq!(world.number(held).await, 1);
    // Nobody links or connects meanwhile.
    let answer = world.link("o1", "three@example.com").await;
    refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    refused(
        world.connect("t1").await,
        Code::FailedPrecondition,
        "DISCONNECTING",
    );

    report_closed(&world, &two).await;
    wait_disconnected(&world).await;
    assert_eq!(world.number(held).await, 0);
    assert_eq!(
        disconnect(&world).await.unwrap(),
        api::ConnectionState::Disconnected
    );
    assert_eq!(world.waiting("connection.changed").await, 3);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_change_of_address_that_was_under_way_is_kept_with_both_addresses(pool: PgPool) {
    let world = world(pool, &[]).await;
    let old = world.imported("o1", "old@example.com").await.link_id;
    let new = change(&world, "o1", "new@example.com")
        .await
        .unwrap()
        .link_id;
    let given_up = world.imported("o2", "gone@example.com").await.link_id;
    unlink(&world, "t1", &given_up).await.unwrap();
    disconnect(&world).await.unwrap();
    for link in [&old, &new, &given_up] {
        report_closed(&world, link).await;
    }
    wait_disconnected(&world).await;
    let kept = links(&world).await;
    let mails: Vec<_> = kept
        .iter()
        .map(|link| link.resource_email.as_str())
        .collect();
    assert_eq!(mails, ["old@example.com", "new@example.com"]);
    assert_eq!(kept[1].replaces_link_id, kept[0].link_id);
    assert!(kept.iter().all(|link| link.reason == "DISCONNECTED"));
    assert!(
        kept.iter()
            .all(|link| link.link_id != old && link.link_id != new)
    );

    world.connect("t1").await.unwrap();
    let again = links(&world).await;
    assert!(
        again
            .iter()
            .all(|link| link.state() == api::LinkState::Pending && link.reason.is_empty())
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_kept_address_does_not_expire_and_is_given_up_at_once(pool: PgPool) {
    let expire = [("LINKS__LOOK_EVERY", "20ms"), ("LINKS__PENDING_FOR", "1ms")];
    let world = world(pool, &expire).await;
    let link = world.imported("o1", "one@example.com").await.link_id;
    disconnect(&world).await.unwrap();
    report_closed(&world, &link).await;
    wait_disconnected(&world).await;
    // A link of another tenant that is pending for as long shows that they were looked at.
    world.put_tenant("t2", true).await;
    world.put_objects("t2", &["o1"]).await;
    world
        .execute(
            "INSERT INTO booking.links (link_id, tenant_id, object_id, resource_email, state)
            VALUES (gen_random_uuid(), 't2', 'o1', 'x@example.com', 'pending')",
        )
        .await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while world
        .number("SELECT count(*) FROM booking.links WHERE state = 'failed'")
        .await
        == 0
    {
        assert!(tokio::time::Instant::now() < deadline, "nobody looked");
        tokio::task::yield_now().await;
    }
    let kept = links(&world).await;
    assert_eq!((kept.len(), kept[0].state()), (1, api::LinkState::Pending));

    world.execute("DELETE FROM booking.outbox").await;
    let gone = unlink(&world, "t1", &kept[0].link_id).await.unwrap();
    assert_eq!(gone.state(), api::LinkState::Removed);
    assert_eq!(world.waiting("link.due").await, 0);
    assert!(links(&world).await.is_empty());
    assert_eq!(
        world.published(&gone.link_id).await,
        ["pending disconnected", "removed"]
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_address_that_is_given_up_meanwhile_does_not_come_back(pool: PgPool) {
    let world = world(pool, &[]).await;
    let one = world.imported("o1", "one@example.com").await.link_id;
    let two = world.imported("o2", "two@example.com").await.link_id;
    disconnect(&world).await.unwrap();
    report_closed(&world, &one).await;
    let removed = unlink(&world, "t1", &one).await.unwrap();
    assert_eq!(removed.state(), api::LinkState::Removed);
    report_closed(&world, &two).await;
    wait_disconnected(&world).await;
    let kept = links(&world).await;
    let mails: Vec<_> = kept.iter().map(|it| it.resource_email.as_str()).collect();
    assert_eq!(mails, ["two@example.com"]);
    // The administrator's address is kept no longer, either.
    let administrators = "SELECT count(*) FROM booking.connections
        WHERE directory_subject NOT LIKE 'nobody@%' OR rooms_subject NOT LIKE 'nobody@%'";
    assert_eq!(world.number(administrators).await, 0);
    world.connect("t1").await.unwrap();
    acquire(&world, 1).await.unwrap();
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_grant_that_two_tenants_share_is_revoked_by_the_last_of_them(pool: PgPool) {
    let world = world(pool, &[]).await;
    let one = world.imported("o1", "one@example.com").await.link_id;
    world.put_tenant("t2", true).await;
    world.put_objects("t2", &["o1"]).await;
    world.connect("t2").await.unwrap();
    let two = "00000000-0000-7000-8000-000000000002";
    world
        .execute(
            "INSERT INTO booking.links (link_id, tenant_id, object_id, resource_email, state)
            VALUES ('00000000-0000-7000-8000-000000000002', 't2', 'o1', 'x@example.com', 'verified')",
        )
        .await;
    world
        .execute("UPDATE booking.connections SET way = 'consent', account_id = 'an administrator'")
        .await;
    disconnect(&world).await.unwrap();
    disconnect_of(&world, "t2").await.unwrap();
    let connected = "SELECT count(*) FROM booking.connections WHERE state <> 'disconnected'";
    let wait = async |left: i64| {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while world.number(connected).await != left {
            assert!(tokio::time::Instant::now() < deadline, "still connected");
            tokio::task::yield_now().await;
        }
    };
    report_closed(&world, &one).await;
    wait(1).await;
    assert_eq!(world.google.calls("revoke"), 0, "channels are still open");
    report_closed_of(&world, "t2", two).await;
    wait(0).await;
    assert_eq!(world.google.calls("revoke"), 1);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn links_that_nobody_closes_are_removed_after_a_while(pool: PgPool) {
    let world = world(pool, &[("DISCONNECT__FORCE_AFTER", "50ms")]).await;
    let link = world.imported("o1", "one@example.com").await.link_id;
    world.booking(&link, "e1", "a@example.com", 5).await;
    disconnect(&world).await.unwrap();
    wait_disconnected(&world).await;
    let live = "SELECT count(*) FROM booking.bookings WHERE state = 'confirmed'";
    assert_eq!(world.number(live).await, 0);
    // Whoever reports it later is late, which is no fault.
    report_closed(&world, &link).await;
    assert_eq!(links(&world).await.len(), 1);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_tenant_that_never_connected_or_has_no_module_has_nothing_to_end(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    assert_eq!(
        disconnect(&world).await.unwrap(),
        api::ConnectionState::Disconnected
    );
    assert_eq!(world.waiting("connection.changed").await, 0);
    world.put_tenant("t1", false).await;
    refused(
        disconnect(&world).await,
        Code::FailedPrecondition,
        "MODULE_MISSING",
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn only_a_module_that_stays_off_ends_the_connection(pool: PgPool) {
    let world = world(pool, &[("MODULE__KEEP_FOR", "1h")]).await;
    world.put_tenant("t1", false).await;
    world.put_tenant("t1", false).await;
    let since = "UPDATE booking.tenants SET module_disabled_at = module_disabled_at - interval '59 minutes'";
    world.execute(since).await;
    world.put_tenant("t1", true).await;
    assert_eq!(
        world.status("t1").await.state(),
        api::ConnectionState::Active
    );
    // Off again: it counts from now.
    world.put_tenant("t1", false).await;
    world.execute(since).await;
    assert_eq!(
        world.text("SELECT state FROM booking.connections").await,
        "active"
    );
    refused(
        acquire(&world, 1).await,
        Code::FailedPrecondition,
        "NOT_CONNECTED",
    );
    let link = "INSERT INTO booking.links (link_id, tenant_id, object_id, resource_email, state)
        VALUES ('00000000-0000-7000-8000-000000000001', 't1', 'o1', 'x@example.com', 'verified')";
    world.execute(link).await;
    world.execute(since).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while world.text("SELECT state FROM booking.connections").await != "disconnecting" {
        assert!(tokio::time::Instant::now() < deadline, "still active");
        tokio::task::yield_now().await;
    }
    // Its channels are stopped with the grant that still stands.
    acquire(&world, 1).await.unwrap();
    report_closed(&world, "00000000-0000-7000-8000-000000000001").await;
    wait_disconnected(&world).await;
    refused(
        acquire(&world, 1).await,
        Code::FailedPrecondition,
        "NOT_CONNECTED",
    );
}
