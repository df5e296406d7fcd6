//! What the tests share: a database, changes to append, and a booking-command that says what it is
//! told to say.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::StreamExt as _;
use notification::{
    config::StreamConfig,
    known_tenants::KnownTenants,
    log::append::{self, Change, Outcome, Waits},
    metrics::Metrics,
    stream::{Subscriptions, convert, hub::Hub, outlet::Inlet},
    webhooks::{Webhooks, address::Policy},
};
use roomsync_domain::SystemClock;
use roomsync_messages::ObjectChanged;
use roomsync_postgres::{Database, DatabaseConfig};
use roomsync_process::{CancellationToken, TaskTracker, grpc};
use roomsync_proto::{
    booking::v1::{
        CheckAvailabilityRequest, CheckAvailabilityResponse, GetBookingRequest, GetBookingResponse,
        ListBookingsRequest, ListBookingsResponse, ListChangesRequest, ListChangesResponse,
        booking_service_server::{BookingService, BookingServiceServer},
    },
    integration::v1::{
        GetTenantRequest, GetTenantResponse, PutTenantRequest, PutTenantResponse,
        tenant_service_server::{TenantService, TenantServiceServer},
    },
    notification::v1::{
        SubscribeRequest, SubscribeResponse, subscribe_response::Message,
        subscription_service_server::SubscriptionService as _,
    },
};
use roomsync_sealing::{Keyring, SealingConfig, SealingKey};
use sqlx::{ConnectOptions as _, PgPool};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, async_trait, transport::Server};

use crate::webhooks::world;

/// How long anything may take.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Longer than a test: such a gap is never due by itself.
pub(crate) const NEVER: Duration = Duration::from_hours(1);
/// Such a gap is never due, and mails are due at once.
pub(crate) const WAITS: Waits = Waits {
    gap: NEVER,
    mails: Duration::ZERO,
};
pub(crate) const TENANT: &str = "acme";

pub(crate) fn database(pool: &PgPool) -> Database {
    let url = pool.connect_options().to_url_lossy().to_string();
    Database::connect_lazy(&DatabaseConfig::new(url), notification::SCHEMA).unwrap()
}

pub(crate) fn change_of(tenant: &str, object: &str, version: i64) -> Change {
    let body = ObjectChanged {
        tenant: tenant.parse().unwrap(),
        object: object.parse().unwrap(),
        version,
        changed_at: "2026-03-01T09:00:00Z".parse().unwrap(),
        received_at: None,
        items: Vec::new(),
        forgotten: Vec::new(),
    };
    Change {
        change_id: format!("{tenant}/{object}/{version}"),
        body,
    }
}

pub(crate) fn change(object: &str, version: i64) -> Change {
    change_of(TENANT, object, version)
}

pub(crate) async fn append(database: &Database, change: &Change) -> Outcome {
    append_waiting(database, change, WAITS).await
}

pub(crate) async fn append_with_gap_after(
    database: &Database,
    change: &Change,
    gap_after: Duration,
) -> Outcome {
    let waits = Waits {
        gap: gap_after,
        ..WAITS
    };
    append_waiting(database, change, waits).await
}

pub(crate) async fn append_waiting(database: &Database, change: &Change, waits: Waits) -> Outcome {
    let appended: Result<_, sqlx::Error> = database
        .tx("test", |tx| Box::pin(append::append(tx, change, waits)))
        .await;
    appended.unwrap()
}

/// The log of a tenant: position, object, version.
pub(crate) async fn log_of(database: &Database, tenant: &str) -> Vec<(i64, String, i64)> {
    sqlx::query_as(
        "SELECT position, object_id, version FROM notification.log WHERE tenant_id = $1 ORDER BY position",
    )
    .bind(tenant)
    .fetch_all(database.pool())
    .await
    .unwrap()
}

/// The versions of one object, as the log has them.
pub(crate) async fn versions(database: &Database, object: &str) -> Vec<i64> {
    let log = log_of(database, TENANT).await;
    log.into_iter()
        .filter(|(_, of, _)| of == object)
        .map(|(_, _, version)| version)
        .collect()
}

pub(crate) async fn held(database: &Database) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM notification.held");
    count.fetch_one(database.pool()).await.unwrap()
}

/// A booking-command that knows one tenant and some changes.
#[derive(Clone, Default)]
pub(crate) struct BookingCommand {
    pub(crate) changes: Arc<Mutex<Vec<Change>>>,
    /// Versions up to this one are not in its log any more.
    pub(crate) expired: Arc<Mutex<i64>>,
}

impl BookingCommand {
    /// Serves until the test ends.
    pub(crate) async fn serve(&self) -> grpc::Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(TenantServiceServer::new(self.clone()))
            .add_service(BookingServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        TaskTracker::new().spawn(server);
        grpc::connect(&grpc::ClientConfig::new(&url, "token").unwrap()).unwrap()
    }
}

#[async_trait]
impl TenantService for BookingCommand {
    async fn put_tenant(
        &self,
        _: Request<PutTenantRequest>,
    ) -> Result<Response<PutTenantResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn get_tenant(
        &self,
        request: Request<GetTenantRequest>,
    ) -> Result<Response<GetTenantResponse>, Status> {
        match request.get_ref().tenant_id.as_str() {
            TENANT => Ok(Response::new(GetTenantResponse::default())),
            "slow" => Err(Status::unavailable("later")),
            _ => Err(grpc::problem(Code::NotFound, "TENANT_NOT_FOUND", "no", &[])),
        }
    }
}

#[async_trait]
impl BookingService for BookingCommand {
    async fn get_booking(
        &self,
        _: Request<GetBookingRequest>,
    ) -> Result<Response<GetBookingResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn list_bookings(
        &self,
        _: Request<ListBookingsRequest>,
    ) -> Result<Response<ListBookingsResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn check_availability(
        &self,
        _: Request<CheckAvailabilityRequest>,
    ) -> Result<Response<CheckAvailabilityResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn list_changes(
        &self,
        request: Request<ListChangesRequest>,
    ) -> Result<Response<ListChangesResponse>, Status> {
        let request = request.into_inner();
        if request.after_version < *self.expired.lock().unwrap() {
            return Err(grpc::problem(
                Code::OutOfRange,
                "VERSION_EXPIRED",
                "gone",
                &[],
            ));
        }
        // Pages of two, so that every test of more pages through them.
        let changes = self.changes.lock().unwrap();
        let wanted = changes.iter().filter(|change| {
            change.body.object.as_str() == request.object_id
                && change.body.version > request.after_version
        });
        let changes = wanted
            .take(2)
            .map(|change| convert::change(&change.change_id, &change.body))
            .collect();
        Ok(Response::new(ListChangesResponse {
            changes,
            object_version: 0,
        }))
    }

    async fn create_booking(
        &self,
        _: Request<roomsync_proto::booking::v1::CreateBookingRequest>,
    ) -> Result<Response<roomsync_proto::booking::v1::CreateBookingResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn delete_booking(
        &self,
        _: Request<roomsync_proto::booking::v1::DeleteBookingRequest>,
    ) -> Result<Response<roomsync_proto::booking::v1::DeleteBookingResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn update_booking(
        &self,
        _: Request<roomsync_proto::booking::v1::UpdateBookingRequest>,
    ) -> Result<Response<roomsync_proto::booking::v1::UpdateBookingResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn list_history(
        &self,
        _: Request<roomsync_proto::booking::v1::ListHistoryRequest>,
    ) -> Result<Response<roomsync_proto::booking::v1::ListHistoryResponse>, Status> {
        Err(Status::unimplemented("not needed here"))
    }
}

/// Receivers of tests stand on this machine.
pub(crate) const OPEN: Policy = Policy {
    allow_private: true,
    allow_http: true,
};

/// A ring of these keys.
pub(crate) fn ring(ids: &[&str]) -> Arc<Keyring> {
    let keys = ids
        .iter()
        .map(|id| SealingKey {
            id: (*id).to_owned(),
            secret: STANDARD.encode([id.as_bytes()[0]; 32]).into(),
        })
        .collect();
    Arc::new(Keyring::new(&SealingConfig { keys }).unwrap())
}

/// A request of a caller that may see these tenants.
pub(crate) fn called_by<T>(may_see: &str, mut request: Request<T>) -> Request<T> {
    request.extensions_mut().insert(Arc::new(grpc::Caller {
        name: "main-app".to_owned(),
        role: grpc::Role::App,
        tenants: vec![may_see.to_owned()],
    }));
    request
}

/// The service as a subscriber meets it, without the network.
pub(crate) struct Service {
    pub(crate) subscriptions: Subscriptions,
}

impl Service {
    pub(crate) async fn start(database: &Database) -> Self {
        Self::start_with(
            database,
            StreamConfig {
                reread: Duration::from_millis(200),
                page_size: 2,
                buffer: 2,
                write_timeout: SOON,
            },
        )
        .await
    }

    pub(crate) async fn start_with(database: &Database, config: StreamConfig) -> Self {
        let (hub, soft, tasks) = (Hub::default(), CancellationToken::new(), TaskTracker::new());
        tasks.spawn(
            hub.clone()
                .run(database.clone(), config.reread, soft.clone()),
        );
        let booking_command = BookingCommand::default().serve().await;
        let tenants = KnownTenants::new(database.clone(), booking_command);
        let webhooks = Webhooks {
            database: database.clone(),
            tenants: tenants.clone(),
            ring: ring(&["a"]),
            policy: OPEN,
            wake_sweep: Arc::default(),
            deliveries: world::consumer(database, world::config(), &["a"]).deliveries,
            log_keep: NEVER,
        };
        let subscriptions = Subscriptions {
            database: database.clone(),
            clock: Arc::new(SystemClock),
            hub,
            tenants,
            webhooks,
            config,
            metrics: Metrics::new(),
            tasks,
            soft,
        };
        Self { subscriptions }
    }

    pub(crate) async fn subscribe(&self, tenant: &str, cursor: &str) -> Result<Inlet, Status> {
        self.subscribe_as("*", tenant, cursor, 60).await
    }

    pub(crate) async fn subscribe_as(
        &self,
        may_see: &str,
        tenant: &str,
        cursor: &str,
        heartbeat_seconds: i32,
    ) -> Result<Inlet, Status> {
        let request = Request::new(SubscribeRequest {
            tenant_id: tenant.to_owned(),
            cursor: cursor.to_owned(),
            heartbeat_seconds,
        });
        let request = called_by(may_see, request);
        Ok(self.subscriptions.subscribe(request).await?.into_inner())
    }
}

/// The next message of a stream.
pub(crate) async fn next(stream: &mut Inlet) -> Result<SubscribeResponse, Status> {
    let next = tokio::time::timeout(SOON, stream.next()).await;
    next.expect("a message in time")
        .expect("a stream that goes on")
}

/// The next message, which is a change: its version and the cursor after it.
pub(crate) async fn next_change(stream: &mut Inlet) -> (i64, String) {
    let response = next(stream).await.unwrap();
    match response.message.unwrap() {
        Message::Change(change) => (change.version, response.cursor),
        Message::Heartbeat(_) => panic!("expected a change"),
    }
}

/// The next message, which is a heartbeat: its cursor.
pub(crate) async fn next_heartbeat(stream: &mut Inlet) -> String {
    let response = next(stream).await.unwrap();
    match response.message.unwrap() {
        Message::Heartbeat(heartbeat) => {
            assert!(heartbeat.sent_at.is_some());
            response.cursor
        }
        Message::Change(_) => panic!("expected a heartbeat"),
    }
}
