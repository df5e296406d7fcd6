//! A running booking-command, its database and its callers.

use std::{fmt::Display, time::Duration};

use booking_command::{Config, run, service};
use roomsync_process::{
    Running, config,
    grpc::{self, Channel, ClientConfig, token_sha256},
    start_in_process,
};
use roomsync_proto::{
    integration::v1::{
        self as api, catalogue_service_client::CatalogueServiceClient,
        connection_service_client::ConnectionServiceClient, link_service_client::LinkServiceClient,
        people_service_client::PeopleServiceClient, tenant_service_client::TenantServiceClient,
    },
    internal::v1::{
        google_access_service_client::GoogleAccessServiceClient,
        mirror_service_client::MirrorServiceClient,
    },
};
use sqlx::{ConnectOptions as _, PgExecutor, PgPool};
use tonic::{Code, Status};

use crate::google::{Google, key_file};

/// The administrator everything is connected with.
pub(crate) const ADMIN: &str = "admin@example.com";
const SEALING: &str = r#"{id = "a", secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}"#;

/// A running booking-command.
pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) pool: PgPool,
    pub(crate) google: Google,
}

/// The configuration of a test: this database, this Google, RabbitMQ away.
pub(crate) fn configuration(database: &str, google: &str, more: &[(&str, &str)]) -> Config {
    let callers = [
        ("app", "app", "t1"),
        ("all", "app", "*"),
        ("svc", "service", "*"),
        ("ops", "operator", "*"),
        ("ops-t1", "operator", "t1"),
    ]
    .map(|(name, role, tenant)| {
        let sha256 = token_sha256(name);
        format!(
            r#"{{name = "{name}", role = "{role}", tenants = ["{tenant}"], sha256 = "{sha256}"}}"#
        )
    });
    let mut set = vec![
        ("ADMIN__LISTEN", "127.0.0.1:0".to_owned()),
        ("PUBLIC__LISTEN", "127.0.0.1:0".to_owned()),
        ("INTERNAL__LISTEN", "127.0.0.1:0".to_owned()),
        ("DATABASE__URL", database.to_owned()),
        ("DATABASE__ACQUIRE_TIMEOUT", "2s".to_owned()),
        ("BROKER__URL", "amqp://127.0.0.1:1/nowhere".to_owned()),
        ("GOOGLE__TOKEN_URL", format!("{google}/token")),
        ("GOOGLE__REVOKE_URL", format!("{google}/revoke")),
        ("GOOGLE__DIRECTORY_URL", format!("{google}/")),
        ("GOOGLE__CALENDAR_URL", format!("{google}/calendar/v3/")),
        ("CALLERS__KEYS", format!("[{}]", callers.join(", "))),
        ("SEALING__KEYS", format!("[{SEALING}]")),
    ];
    for (key, value) in more {
        set.retain(|(known, _)| known != key);
        set.push((key, (*value).to_owned()));
    }
    let env = set
        .into_iter()
        .map(|(key, value)| (format!("ROOMSYNC__{key}"), value));
    config::load(include_str!("../../config.default.toml"), None, env).unwrap()
}

impl World {
    /// A replica on this database, with a Google of its own.
    pub(crate) async fn start(pool: PgPool) -> Self {
        Self::replica(pool, Google::start().await, &[]).await
    }

    /// A replica on this database and this Google.
    pub(crate) async fn replica(pool: PgPool, google: Google, more: &[(&str, &str)]) -> Self {
        let url = pool.connect_options().to_url_lossy().to_string();
        let config = configuration(&url, &google.uri(), more);
        let running = start_in_process(service(), config, run).await.unwrap();
        Self {
            running,
            pool,
            google,
        }
    }

    /// A replica, tenant `t1` with the module and objects `o1` and `o2`, connected.
    pub(crate) async fn connected(pool: PgPool) -> Self {
        let world = Self::start(pool).await;
        world.put_tenant("t1", true).await;
        world.put_objects("t1", &["o1", "o2"]).await;
        world.connect("t1").await.unwrap();
        world
    }

    pub(crate) async fn channel(&self, port: &str, token: &str) -> Channel {
        let address = self.running.port(port).await.unwrap();
        grpc::connect(&ClientConfig::new(&format!("http://{address}"), token).unwrap()).unwrap()
    }

    pub(crate) async fn tenants(&self, token: &str) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.channel("public", token).await)
    }

    pub(crate) async fn catalogue(&self) -> CatalogueServiceClient<Channel> {
        CatalogueServiceClient::new(self.channel("public", "all").await)
    }

    pub(crate) async fn people(&self) -> PeopleServiceClient<Channel> {
        PeopleServiceClient::new(self.channel("public", "all").await)
    }

    pub(crate) async fn links(&self, token: &str) -> LinkServiceClient<Channel> {
        LinkServiceClient::new(self.channel("public", token).await)
    }

    pub(crate) async fn connections(&self) -> ConnectionServiceClient<Channel> {
        ConnectionServiceClient::new(self.channel("public", "all").await)
    }

    pub(crate) async fn access(&self) -> GoogleAccessServiceClient<Channel> {
        GoogleAccessServiceClient::new(self.channel("internal", "svc").await)
    }

    pub(crate) async fn mirror(&self) -> MirrorServiceClient<Channel> {
        MirrorServiceClient::new(self.channel("internal", "svc").await)
    }

    /// A link as it is now.
    pub(crate) async fn get_link(&self, link: &str) -> api::Link {
        let request = api::GetLinkRequest {
            tenant_id: "t1".to_owned(),
            link_id: link.to_owned(),
        };
        let answer = self.links("all").await.get_link(request).await.unwrap();
        answer.into_inner().link.unwrap()
    }

    /// A verified link of an object, imported a moment ago.
    pub(crate) async fn imported(&self, object: &str, mail: &str) -> api::Link {
        let link = self.link(object, mail).await.unwrap();
        sqlx::query(
            "UPDATE booking.links
            SET state = 'verified', access_role = 'writer',
                verified_at = now(), last_attempt_at = now(), imported_at = now(),
                last_check_at = now(), last_reconcile_at = now()
            WHERE link_id = $1::uuid",
        )
        .bind(&link.link_id)
        .execute(&self.pool)
        .await
        .unwrap();
        self.get_link(&link.link_id).await
    }

    /// The link items that were published, as `state` or `state reason`, in order.
    pub(crate) async fn published(&self, link: &str) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT concat_ws(' ', item->>'state', item->>'reason')
            FROM booking.changes, jsonb_array_elements(body->'items') AS item
            WHERE item->>'kind' = 'link' AND item->>'link' = $1
            ORDER BY object_id, version",
        )
        .bind(link)
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    pub(crate) async fn put_tenant(&self, tenant: &str, module_enabled: bool) {
        let tenant = api::Tenant {
            tenant_id: tenant.to_owned(),
            module_enabled,
            settings: None,
        };
        let request = api::PutTenantRequest {
            tenant: Some(tenant),
        };
        self.tenants("all").await.put_tenant(request).await.unwrap();
    }

    pub(crate) async fn put_objects(&self, tenant: &str, objects: &[&str]) {
        let objects = objects.iter().map(|id| object(id)).collect();
        let request = api::UpsertObjectsRequest {
            tenant_id: tenant.to_owned(),
            objects,
        };
        self.catalogue()
            .await
            .upsert_objects(request)
            .await
            .unwrap();
    }

    pub(crate) async fn connect(&self, tenant: &str) -> Result<api::ConnectionStatus, Status> {
        let request = api::ConnectWithKeyRequest {
            tenant_id: tenant.to_owned(),
            key_json: key_file(),
            directory_subject: ADMIN.to_owned(),
            rooms_subject: String::new(),
        };
        let answer = self.connections().await.connect_with_key(request).await?;
        Ok(answer.into_inner().status.unwrap())
    }

    pub(crate) async fn link(&self, object: &str, mail: &str) -> Result<api::Link, Status> {
        let request = api::LinkObjectRequest {
            tenant_id: "t1".to_owned(),
            object_id: object.to_owned(),
            resource_email: mail.to_owned(),
        };
        Ok(self
            .links("all")
            .await
            .link_object(request)
            .await?
            .into_inner()
            .link
            .unwrap())
    }

    pub(crate) async fn status(&self, tenant: &str) -> api::ConnectionStatus {
        let request = api::GetStatusRequest {
            tenant_id: tenant.to_owned(),
        };
        self.connections()
            .await
            .get_status(request)
            .await
            .unwrap()
            .into_inner()
            .status
            .unwrap()
    }

    /// A confirmed booking of a link, starting in so many hours and lasting one.
    pub(crate) async fn booking(&self, link: &str, event: &str, mail: &str, hours: i32) {
        insert_booking(&self.pool, link, event, mail, hours).await;
    }

    /// Returns when a transaction waits for the lock of another.
    pub(crate) async fn somebody_waits(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.number(waiting).await == 0 {
            assert!(
                tokio::time::Instant::now() < deadline,
                "nobody waits for a lock"
            );
            tokio::task::yield_now().await;
        }
    }

    /// How many messages of a type wait in the outbox.
    pub(crate) async fn waiting(&self, message_type: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM booking.outbox WHERE message_type = $1")
            .bind(message_type)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The number that a query answers.
    pub(crate) async fn number(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// The text that a query answers.
    pub(crate) async fn text(&self, query: &'static str) -> String {
        sqlx::query_scalar(query)
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn execute(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }
}

/// As [`World::booking`], within a transaction.
pub(crate) async fn insert_booking(
    db: impl PgExecutor<'_>,
    link: &str,
    event: &str,
    mail: &str,
    hours: i32,
) {
    sqlx::query(
        "INSERT INTO booking.bookings (booking_id, tenant_id, object_id, link_id, event_id,
            state, starts_at, ends_at, booker_kind, organizer_mail, object_version)
        SELECT gen_random_uuid(), tenant_id, object_id, link_id, $2, 'confirmed',
            now() + $4 * interval '1 hour', now() + ($4 + 1) * interval '1 hour',
            'anonymous', $3, 0
        FROM booking.links
        WHERE link_id = $1::uuid",
    )
    .bind(link)
    .bind(event)
    .bind(mail)
    .bind(hours)
    .execute(db)
    .await
    .unwrap();
}

/// An object that nothing is wrong with.
pub(crate) fn object(id: &str) -> api::Object {
    api::Object {
        object_id: id.to_owned(),
        name: "Aquarium".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        ..api::Object::default()
    }
}

/// Asserts what a refusal says.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Status>, code: Code, reason: &str) -> Status {
    let Err(status) = result else {
        panic!("not refused: expected {reason}")
    };
    assert_eq!(
        (status.code(), grpc::reason(&status).as_deref()),
        (code, Some(reason)),
        "{status:?}"
    );
    status
}

/// Asserts a fact of a refusal.
#[track_caller]
pub(crate) fn fact(status: &Status, name: &str, expected: impl Display) {
    assert_eq!(
        grpc::metadata(status, name),
        Some(expected.to_string()),
        "{status:?}"
    );
}

/// How long a test waits for something before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
