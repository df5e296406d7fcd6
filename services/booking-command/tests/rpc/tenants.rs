//! `TenantService`, and the gate in front of everything else.

use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::Code;

use crate::world::{World, fact, refused};

fn get(tenant: &str) -> api::GetTenantRequest {
    api::GetTenantRequest {
        tenant_id: tenant.to_owned(),
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn settings_that_are_not_sent_get_their_defaults(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    let tenant = world
        .tenants("app")
        .await
        .get_tenant(get("t1"))
        .await
        .unwrap()
        .into_inner();
    let tenant = tenant.tenant.unwrap();
    let settings = tenant.settings.unwrap();
    assert!(tenant.module_enabled);
    assert_eq!(settings.horizon_days, Some(400));
    assert_eq!(settings.decline_allowed, Some(false));
    assert_eq!(settings.neutral_title.as_deref(), Some(""));
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_setting_out_of_range_is_refused_by_name(pool: PgPool) {
    let world = World::start(pool).await;
    let settings = api::TenantSettings {
        horizon_days: Some(10_000),
        ..Default::default()
    };
    let tenant = api::Tenant {
        tenant_id: "t1".to_owned(),
        module_enabled: true,
        settings: Some(settings),
    };
    let request = api::PutTenantRequest {
        tenant: Some(tenant),
    };
    let answer = world.tenants("all").await.put_tenant(request).await;
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    fact(&status, "field", "tenant.settings.horizon_days");
    assert_eq!(
        world.number("SELECT count(*) FROM booking.tenants").await,
        0
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_foreign_tenant_is_not_found_like_one_that_does_not_exist(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t2", true).await;
    let mut app = world.tenants("app").await;
    let foreign = refused(
        app.get_tenant(get("t2")).await,
        Code::NotFound,
        "TENANT_NOT_FOUND",
    );
    let missing = refused(
        app.get_tenant(get("t1")).await,
        Code::NotFound,
        "TENANT_NOT_FOUND",
    );
    assert_eq!(foreign.message(), missing.message());
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn without_the_module_every_integration_call_says_so(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", false).await;
    world.put_objects("t1", &["o1"]).await;
    let missing = Code::FailedPrecondition;
    refused(
        world.link("o1", "room@example.com").await,
        missing,
        "MODULE_MISSING",
    );
    refused(world.connect("t1").await, missing, "MODULE_MISSING");
    let request = api::GetStatusRequest {
        tenant_id: "t1".to_owned(),
    };
    let status = world.connections().await.get_status(request).await;
    refused(status, missing, "MODULE_MISSING");
    let request = api::ListLinksRequest {
        tenant_id: "t1".to_owned(),
        ..Default::default()
    };
    let list = world.links("app").await.list_links(request).await;
    refused(list, missing, "MODULE_MISSING");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn switching_the_module_makes_every_link_be_looked_at(pool: PgPool) {
    let world = World::connected(pool).await;
    world.link("o1", "room@example.com").await.unwrap();
    world.execute("DELETE FROM booking.outbox").await;
    world.put_tenant("t1", true).await;
    assert_eq!(world.waiting("link.due").await, 0);
    world.put_tenant("t1", false).await;
    assert_eq!(world.waiting("link.due").await, 1);
}

/// `CheckAvailability` answers for the new horizon at once, so the mirror must follow soon.
#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn another_horizon_makes_every_link_be_looked_at(pool: PgPool) {
    let world = World::connected(pool).await;
    world.link("o1", "room@example.com").await.unwrap();
    world.execute("DELETE FROM booking.outbox").await;
    let settings = api::TenantSettings {
        horizon_days: Some(500),
        ..Default::default()
    };
    for _ in 0..2 {
        let tenant = api::Tenant {
            tenant_id: "t1".to_owned(),
            module_enabled: true,
            settings: Some(settings.clone()),
        };
        let request = api::PutTenantRequest {
            tenant: Some(tenant),
        };
        let mut tenants = world.tenants("all").await;
        tenants.put_tenant(request).await.unwrap();
        assert_eq!(world.waiting("link.due").await, 1);
    }
}
