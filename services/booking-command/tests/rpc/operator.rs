//! Who is an operator, what they are told while RabbitMQ is away, and coverage over all tenants.

use roomsync_process::grpc::{self, Channel};
use roomsync_proto::operator::v1::{
    GetCoverageRequest, ListParkedMessagesRequest, ListParkedQueuesRequest,
    operator_service_client::OperatorServiceClient,
};
use sqlx::PgPool;
use tonic::Code;

use crate::{
    google::Google,
    world::{World, refused},
};

async fn operator(world: &World, token: &str) -> OperatorServiceClient<Channel> {
    OperatorServiceClient::new(world.channel("public", token).await)
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn only_an_operator_of_every_tenant_gets_in(pool: PgPool) {
    let world = World::start(pool).await;
    for (token, reason) in [
        ("all", "ROLE_NOT_ALLOWED"),
        ("svc", "ROLE_NOT_ALLOWED"),
        ("ops-t1", "ALL_TENANTS_REQUIRED"),
    ] {
        let mut operator = operator(&world, token).await;
        let coverage = operator.get_coverage(GetCoverageRequest {}).await;
        refused(coverage, Code::PermissionDenied, reason);
        let queues = operator
            .list_parked_queues(ListParkedQueuesRequest {})
            .await;
        refused(queues, Code::PermissionDenied, reason);
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn without_rabbitmq_an_operator_is_told_to_come_back(pool: PgPool) {
    let quick = [("BROKER__PUBLISH_TIMEOUT", "200ms")];
    let world = World::replica(pool, Google::start().await, &quick).await;
    let mut operator = operator(&world, "ops").await;
    let queues = operator
        .list_parked_queues(ListParkedQueuesRequest {})
        .await;
    let status = refused(queues, Code::Unavailable, "BROKER_UNAVAILABLE");
    assert!(grpc::retry_after(&status).is_some());

    let of = |queue: &str, page_token: &str| ListParkedMessagesRequest {
        queue: queue.to_owned(),
        page_token: page_token.to_owned(),
        ..ListParkedMessagesRequest::default()
    };
    for (request, field) in [
        (of("sync-worker.nothing", ""), "queue"),
        (of("sync-worker.link-due", "x"), "page_token"),
    ] {
        let page = operator.list_parked_messages(request).await;
        let status = refused(page, Code::InvalidArgument, "INVALID_FIELD");
        assert_eq!(grpc::metadata(&status, "field").as_deref(), Some(field));
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn coverage_counts_the_links_of_all_tenants(pool: PgPool) {
    let world = World::start(pool).await;
    let mut operator = operator(&world, "ops").await;
    let before = operator.get_coverage(GetCoverageRequest {}).await;
    assert!(before.unwrap().into_inner().links.is_empty());

    sqlx::raw_sql(
        "INSERT INTO booking.tenants (tenant_id, module_enabled) VALUES ('t1', true), ('t2', true);
        INSERT INTO booking.objects (tenant_id, object_id, name, time_zone)
        SELECT tenant_id, object_id, 'a room', 'Europe/Berlin'
        FROM booking.tenants, unnest(ARRAY['o1', 'o2', 'o3']) AS object_id;
        INSERT INTO booking.links
            (link_id, tenant_id, object_id, resource_email, state, channel_state, imported_at, last_check_at)
        SELECT gen_random_uuid(), tenant_id, object_id, object_id || '@example.com',
            CASE object_id WHEN 'o3' THEN 'removed' WHEN 'o2' THEN 'failed' ELSE 'verified' END,
            CASE tenant_id WHEN 't1' THEN 'open' ELSE 'refused' END,
            '2026-01-01', CASE object_id WHEN 'o1' THEN date '2026-01-03' ELSE '2026-01-02' END
        FROM booking.objects",
    )
    .execute(&world.pool)
    .await
    .unwrap();
    let coverage = operator.get_coverage(GetCoverageRequest {}).await;
    let coverage = coverage.unwrap().into_inner();
    let counted = |word: &str| coverage.links.get(word).copied();
    assert_eq!((counted("verified"), counted("failed")), (Some(2), Some(2)));
    assert_eq!(counted("removed"), None);
    assert_eq!(coverage.channels["open"], 1);
    assert_eq!(coverage.channels["refused"], 1);
    let third: i64 = 1_767_398_400;
    assert_eq!(coverage.oldest_check_at.unwrap().seconds, third);
    assert_eq!(coverage.writes_waiting, 0);
}
