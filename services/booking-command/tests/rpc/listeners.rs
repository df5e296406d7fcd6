//! Who gets in, and what happens while PostgreSQL is away.

use roomsync_process::{grpc, start_in_process};
use roomsync_proto::{
    integration::v1::{GetTenantRequest, tenant_service_client::TenantServiceClient},
    internal::v1::{
        AcquireRequest, ListLinksRequest, google_access_service_client::GoogleAccessServiceClient,
        mirror_service_client::MirrorServiceClient,
    },
};
use sqlx::PgPool;
use tonic::Code;

use crate::world::{PATIENCE, World, configuration, refused};

fn t1() -> GetTenantRequest {
    GetTenantRequest {
        tenant_id: "t1".to_owned(),
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_call_without_a_known_token_is_unauthenticated(pool: PgPool) {
    let world = World::start(pool).await;
    let address = world.running.port("public").await.unwrap();
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
    let mut without = TenantServiceClient::new(channel.connect_lazy());
    refused(
        without.get_tenant(t1()).await,
        Code::Unauthenticated,
        "TOKEN_MISSING",
    );
    let wrong = world.tenants("wrong").await.get_tenant(t1()).await;
    refused(wrong, Code::Unauthenticated, "TOKEN_UNKNOWN");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn internal_rpcs_are_unreachable_on_the_public_listener(pool: PgPool) {
    let world = World::start(pool).await;
    let public = world.channel("public", "svc").await;
    let mut access = GoogleAccessServiceClient::new(public.clone());
    let acquire = access.acquire(AcquireRequest::default()).await;
    assert_eq!(acquire.unwrap_err().code(), Code::Unimplemented);
    let list = MirrorServiceClient::new(public)
        .list_links(ListLinksRequest::default())
        .await;
    assert_eq!(list.unwrap_err().code(), Code::Unimplemented);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_booking_app_may_not_call_the_internal_listener(pool: PgPool) {
    let world = World::start(pool).await;
    let internal = world.channel("internal", "app").await;
    let acquire = GoogleAccessServiceClient::new(internal)
        .acquire(AcquireRequest::default())
        .await;
    assert_eq!(acquire.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable_and_not_ready() {
    let config = configuration("postgres://app@127.0.0.1:1/none", "http://127.0.0.1:1", &[]);
    let running = start_in_process(booking_command::service(), config, booking_command::run)
        .await
        .unwrap();
    let address = running.port("public").await.unwrap();
    let client = grpc::ClientConfig::new(&format!("http://{address}"), "all").unwrap();
    let mut tenants = TenantServiceClient::new(grpc::connect(&client).unwrap());
    let answer = tokio::time::timeout(PATIENCE, tenants.get_tenant(t1()))
        .await
        .unwrap();
    let status = refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
    assert!(grpc::retry_after(&status).is_some());
    let ready = tokio::time::timeout(std::time::Duration::from_millis(300), running.ready()).await;
    assert!(ready.is_err());
}
