//! Links that wait for their verification for too long.

use booking_command::links::expire::expire;
use roomsync_postgres::{Database, DatabaseConfig};
use roomsync_proto::{integration::v1 as api, internal::v1 as internal};
use sqlx::{ConnectOptions as _, PgPool};
use std::time::Duration;

use crate::world::World;

const DAY: Duration = Duration::from_hours(24);
const OLD: &str = "UPDATE booking.links SET pending_since = now() - interval '25 hours'";

async fn report_pending(world: &World, link: &str) {
    let mut request = internal::ReportLinkRequest {
        tenant_id: "t1".to_owned(),
        link_id: link.to_owned(),
        reason: "ACCESS_LOST".to_owned(),
        ..Default::default()
    };
    request.set_verdict(internal::LinkVerdict::Pending);
    world.mirror().await.report_link(request).await.unwrap();
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn what_still_cannot_be_verified_after_a_day_has_failed(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    report_pending(&world, &link).await;
    world.execute(OLD).await;
    for _ in 0..2 {
        report_pending(&world, &link).await;
        let failed = world.get_link(&link).await;
        assert_eq!(
            (failed.state(), failed.reason.as_str()),
            (api::LinkState::Failed, "ACCESS_LOST")
        );
    }
    let published = ["pending", "pending access_lost", "failed access_lost"];
    assert_eq!(world.published(&link).await, published);
    // Linking again begins anew.
    world.link("o1", "room@example.com").await.unwrap();
    report_pending(&world, &link).await;
    assert_eq!(world.get_link(&link).await.state(), api::LinkState::Pending);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn without_any_report_it_fails_by_the_clock_once_for_all_replicas(pool: PgPool) {
    let world = World::connected(pool.clone()).await;
    let old = world.link("o1", "one@example.com").await.unwrap().link_id;
    world.execute(OLD).await;
    let young = world.link("o2", "two@example.com").await.unwrap().link_id;
    let url = pool.connect_options().to_url_lossy().to_string();
    let config = DatabaseConfig {
        max_connections: 4,
        ..DatabaseConfig::new(url)
    };
    let database = Database::connect_lazy(&config, "booking").unwrap();
    let looks = (0..3).map(|_| expire(&database, DAY));
    for look in futures_util::future::join_all(looks).await {
        look.unwrap();
    }
    assert_eq!(
        world.published(&old).await,
        ["pending", "failed google_unavailable"]
    );
    assert_eq!(
        world.get_link(&young).await.state(),
        api::LinkState::Pending
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn the_service_looks_by_itself(pool: PgPool) {
    let google = crate::google::Google::start().await;
    let quick = [
        ("LINKS__PENDING_FOR", "50ms"),
        ("LINKS__LOOK_EVERY", "20ms"),
    ];
    let world = World::replica(pool, google, &quick).await;
    world.put_tenant("t1", true).await;
    world.put_objects("t1", &["o1"]).await;
    world.connect("t1").await.unwrap();
    let link = world.link("o1", "room@example.com").await.unwrap().link_id;
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    while world.get_link(&link).await.state() != api::LinkState::Failed {
        assert!(tokio::time::Instant::now() < deadline, "still pending");
        tokio::task::yield_now().await;
    }
}
