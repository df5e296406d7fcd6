//! Webhooks as the main app makes, sees and changes them.

use roomsync_process::grpc;
use roomsync_proto::notification::v1 as api;
use roomsync_proto::notification::v1::subscription_service_server::SubscriptionService as _;
use sqlx::PgPool;
use tonic::{Code, Request, Status};

use crate::support::{Service, TENANT, called_by, database};

fn create(name: &str, url: &str) -> Request<api::CreateWebhookRequest> {
    let request = api::CreateWebhookRequest {
        tenant_id: TENANT.to_owned(),
        name: name.to_owned(),
        url: url.to_owned(),
    };
    called_by("*", Request::new(request))
}

async fn list(service: &Service) -> Vec<api::Webhook> {
    let request = api::ListWebhooksRequest {
        tenant_id: TENANT.to_owned(),
    };
    let listed = service
        .subscriptions
        .list_webhooks(called_by("*", Request::new(request)))
        .await;
    listed.unwrap().into_inner().webhooks
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), grpc::reason(status).unwrap_or_default())
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_webhook_is_shown_without_its_secret_and_changed_field_by_field(pool: PgPool) {
    let service = Service::start(&database(&pool)).await;
    let rpcs = &service.subscriptions;
    let made = rpcs
        .create_webhook(create("Rooms", "https://a.example.com/x"))
        .await;
    let made = made.unwrap().into_inner();
    let webhook = made.webhook.unwrap();
    assert!(made.secret.starts_with("whsec_"), "{}", made.secret);
    assert_eq!((webhook.name.as_str(), webhook.enabled), ("Rooms", true));
    assert!(webhook.created_at.is_some());
    assert_eq!(list(&service).await, std::slice::from_ref(&webhook));

    let stored: Vec<u8> = sqlx::query_scalar("SELECT secret FROM notification.webhooks")
        .fetch_one(&pool)
        .await
        .unwrap();
    let secret = made.secret.trim_start_matches("whsec_").as_bytes();
    assert!(stored.len() > 32 && !stored.windows(8).any(|part| part == &secret[..8]));

    let request = api::UpdateWebhookRequest {
        tenant_id: TENANT.to_owned(),
        webhook_id: webhook.webhook_id.clone(),
        name: None,
        url: None,
        enabled: Some(false),
    };
    let updated = rpcs
        .update_webhook(called_by("*", Request::new(request)))
        .await;
    let updated = updated.unwrap().into_inner().webhook.unwrap();
    assert!(updated.disabled_at.is_some());
    let expected = api::Webhook {
        enabled: false,
        disabled_at: updated.disabled_at,
        disabled_because: "REQUESTED".to_owned(),
        ..webhook.clone()
    };
    assert_eq!(updated, expected);

    let delete = || {
        let request = api::DeleteWebhookRequest {
            tenant_id: TENANT.to_owned(),
            webhook_id: webhook.webhook_id.clone(),
        };
        rpcs.delete_webhook(called_by("*", Request::new(request)))
    };
    delete().await.unwrap();
    assert!(list(&service).await.is_empty());
    delete().await.expect("an unknown one is no fault");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn the_oldest_comes_first_and_there_are_twenty_at_most(pool: PgPool) {
    let service = Service::start(&database(&pool)).await;
    let rpcs = &service.subscriptions;
    for number in 0..20 {
        let name = number.to_string();
        let made = rpcs
            .create_webhook(create(&name, "https://a.example.com/"))
            .await;
        made.unwrap();
    }
    let names: Vec<_> = list(&service).await.into_iter().map(|it| it.name).collect();
    assert_eq!(names, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    let more = rpcs
        .create_webhook(create("20", "https://a.example.com/"))
        .await;
    assert_eq!(
        reason(&more.unwrap_err()),
        (Code::ResourceExhausted, "TOO_MANY_WEBHOOKS".to_owned())
    );
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_is_no_address_or_no_name_is_refused_by_field(pool: PgPool) {
    let service = Service::start(&database(&pool)).await;
    let long = "x".repeat(101);
    for (name, url, field) in [
        ("ok", "ftp://a.example.com/", "url"),
        ("ok", "", "url"),
        (long.as_str(), "https://a.example.com/", "name"),
        ("two\nlines", "https://a.example.com/", "name"),
    ] {
        let refused = service
            .subscriptions
            .create_webhook(create(name, url))
            .await;
        let refused = refused.unwrap_err();
        assert_eq!(
            reason(&refused),
            (Code::InvalidArgument, "INVALID_FIELD".to_owned())
        );
        assert_eq!(grpc::metadata(&refused, "field").as_deref(), Some(field));
    }
    assert!(list(&service).await.is_empty());
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn another_tenants_webhook_does_not_exist(pool: PgPool) {
    let database = database(&pool);
    let service = Service::start(&database).await;
    let rpcs = &service.subscriptions;
    let made = rpcs
        .create_webhook(create("Rooms", "https://a.example.com/"))
        .await;
    let webhook = made.unwrap().into_inner().webhook.unwrap();
    // A tenant that has a log, so that it exists.
    sqlx::query("INSERT INTO notification.tenants (tenant_id) VALUES ('other')")
        .execute(&pool)
        .await
        .unwrap();

    let update = api::UpdateWebhookRequest {
        tenant_id: "other".to_owned(),
        webhook_id: webhook.webhook_id.clone(),
        enabled: Some(false),
        ..api::UpdateWebhookRequest::default()
    };
    let rotate = api::RotateWebhookSecretRequest {
        tenant_id: "other".to_owned(),
        webhook_id: webhook.webhook_id.clone(),
    };
    let delete = api::DeleteWebhookRequest {
        tenant_id: "other".to_owned(),
        webhook_id: webhook.webhook_id.clone(),
    };
    let not_found = (Code::NotFound, "WEBHOOK_NOT_FOUND".to_owned());
    let updated = rpcs
        .update_webhook(called_by("*", Request::new(update)))
        .await;
    assert_eq!(reason(&updated.unwrap_err()), not_found);
    let rotated = rpcs
        .rotate_webhook_secret(called_by("*", Request::new(rotate)))
        .await;
    assert_eq!(reason(&rotated.unwrap_err()), not_found);
    let deleted = rpcs
        .delete_webhook(called_by("*", Request::new(delete)))
        .await;
    deleted.unwrap();
    assert_eq!(list(&service).await, [webhook]);

    let unseen = create("Rooms", "https://a.example.com/").into_inner();
    let unseen = rpcs
        .create_webhook(called_by("other", Request::new(unseen)))
        .await;
    assert_eq!(
        reason(&unseen.unwrap_err()),
        (Code::NotFound, "TENANT_NOT_FOUND".to_owned())
    );
    let mut unknown = create("Rooms", "https://a.example.com/");
    unknown.get_mut().tenant_id = "nobody".to_owned();
    let unknown = rpcs.create_webhook(unknown).await;
    assert_eq!(
        reason(&unknown.unwrap_err()),
        (Code::NotFound, "TENANT_NOT_FOUND".to_owned())
    );
}
