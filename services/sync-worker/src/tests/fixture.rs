//! A worker with everything around it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roomsync_broker::{Broker, BrokerConfig, Delivery, Failure};
use roomsync_domain::{CalendarId, Clock as _, SystemClock, channel_token::ChannelTokens};
use roomsync_google::{Google, GoogleConfig};
use roomsync_postgres::DatabaseConfig;
use roomsync_process::{ProcessConfig, Shutdown, Spawner, TaskTracker, grpc, grpc::problem};
use roomsync_proto::internal::v1::{
    self as proto,
    apply_request::Message,
    google_access_service_server::{GoogleAccessService, GoogleAccessServiceServer},
    mirror_service_server::{MirrorService, MirrorServiceServer},
    scope::Scope,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path_regex, query_param, query_param_is_missing},
};

use super::database::database;
use crate::{
    access::{AccessPool, Lane},
    config::{ChannelTokensConfig, Config, PushConfig, SyncConfig},
    consumers::Consumer,
    metrics::Metrics,
    mirror::Mirror,
    steps::check,
    store::{calendars::Calendars, channels::Channels, rows::Calendar},
    timestamps::to_proto,
    worker::{Tenants, Worker},
};

pub(super) const ROOM: &str = "room@resource.calendar.google.com";
pub(super) const SUBJECT: &str = "admin@example.com";
const KEY: &[u8] = &[7; 32];

/// What booking-command was told, and what it answers.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) applies: Vec<(proto::ApplyHeader, Vec<proto::Scope>)>,
    pub(super) refusals: VecDeque<Status>,
    /// The next listing's epoch was another one's.
    pub(super) already_applied: bool,
    /// What a reconcile is told to have repaired.
    pub(super) drift: i32,
    pub(super) acquired: usize,
    /// Which request for a unit of the budget gets none, counted from 1.
    pub(super) no_budget_at: Option<usize>,
    /// The optional right to read settings.
    pub(super) settings_granted: bool,
    pub(super) links: Vec<proto::WantedLink>,
    pub(super) verdicts: Vec<proto::ReportLinkRequest>,
    pub(super) coverage: Vec<proto::ReportCoverageRequest>,
    pub(super) closed: Vec<proto::ReportClosedRequest>,
    pub(super) troubles: Vec<proto::ReportRequest>,
}

#[derive(Debug, Clone, Default)]
struct BookingCommand(Arc<Mutex<Told>>);

impl BookingCommand {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl MirrorService for BookingCommand {
    async fn apply(
        &self,
        request: Request<Streaming<proto::ApplyRequest>>,
    ) -> Result<Response<proto::ApplyResponse>, Status> {
        let mut stream = request.into_inner();
        let (mut header, mut scopes) = (None, Vec::new());
        while let Some(sent) = stream.message().await? {
            match sent.message.unwrap() {
                Message::Header(sent) => header = Some(sent),
                Message::Scope(sent) => scopes.push(sent),
            }
        }
        let mut told = self.told();
        told.applies.push((header.unwrap(), scopes));
        match told.refusals.pop_front() {
            Some(refusal) => Err(refusal),
            None => Ok(Response::new(proto::ApplyResponse {
                created: 1,
                drift: told.drift,
                already_applied: std::mem::take(&mut told.already_applied),
                ..Default::default()
            })),
        }
    }

    async fn report_link(
        &self,
        request: Request<proto::ReportLinkRequest>,
    ) -> Result<Response<proto::ReportLinkResponse>, Status> {
        self.told().verdicts.push(request.into_inner());
        Ok(Response::new(proto::ReportLinkResponse {}))
    }

    async fn report_coverage(
        &self,
        request: Request<proto::ReportCoverageRequest>,
    ) -> Result<Response<proto::ReportCoverageResponse>, Status> {
        self.told().coverage.push(request.into_inner());
        Ok(Response::new(proto::ReportCoverageResponse {}))
    }

    async fn report_closed(
        &self,
        request: Request<proto::ReportClosedRequest>,
    ) -> Result<Response<proto::ReportClosedResponse>, Status> {
        self.told().closed.push(request.into_inner());
        Ok(Response::new(proto::ReportClosedResponse {}))
    }

    async fn list_links(
        &self,
        request: Request<proto::ListLinksRequest>,
    ) -> Result<Response<proto::ListLinksResponse>, Status> {
        let id = request.into_inner().link_id;
        let links = self.told().links.clone();
        let links = links
            .into_iter()
            .filter(|link| id.is_empty() || link.link_id == id)
            .collect();
        Ok(Response::new(proto::ListLinksResponse {
            links,
            next_page_token: String::new(),
        }))
    }
}

#[tonic::async_trait]
impl GoogleAccessService for BookingCommand {
    async fn acquire(
        &self,
        request: Request<proto::AcquireRequest>,
    ) -> Result<Response<proto::AcquireResponse>, Status> {
        let mut told = self.told();
        let request = request.into_inner();
        let of_settings = Some(proto::actor::Actor::Settings(proto::SettingsActor {}));
        if request.actor.is_some_and(|it| it.actor == of_settings) && !told.settings_granted {
            return Err(problem(Code::FailedPrecondition, "SCOPE_MISSING", "", &[]));
        }
        told.acquired += 1;
        let nothing = told.no_budget_at == Some(told.acquired);
        let now = SystemClock.now();
        Ok(Response::new(proto::AcquireResponse {
            access_token: "token".to_owned(),
            subject: SUBJECT.to_owned(),
            quota_user: "quota".to_owned(),
            units_granted: if nothing { 0 } else { request.units },
            now: Some(to_proto(now)),
            not_before: Some(to_proto(now)),
            ..Default::default()
        }))
    }

    async fn report(
        &self,
        request: Request<proto::ReportRequest>,
    ) -> Result<Response<proto::ReportResponse>, Status> {
        self.told().troubles.push(request.into_inner());
        Ok(Response::new(proto::ReportResponse {}))
    }
}

/// A worker with an open calendar, which is clean and has no cursor yet.
pub(super) struct Fixture {
    pub(super) worker: Arc<Worker>,
    pub(super) google: MockServer,
    pub(super) pool: PgPool,
    pub(super) calendar: Calendar,
    booking_command: BookingCommand,
}

impl Fixture {
    pub(super) async fn new(pool: PgPool) -> Self {
        let google = MockServer::start().await;
        let booking_command = BookingCommand::default();
        let channel = serve(booking_command.clone()).await;
        let config = config(&google);
        let broker = Broker::start("test", "test", &config.broker, CancellationToken::new());
        let database = database(&pool);
        let worker = Worker {
            calendars: Calendars::new(database.clone()),
            channels: Channels::new(database),
            google: Google::new(&config.google).unwrap(),
            access: AccessPool::new(channel.clone()),
            mirror: Mirror::new(channel),
            publisher: broker.publisher(),
            tokens: ChannelTokens::new([("k1", KEY)]).unwrap(),
            push_address: config.push.address(),
            clock: Arc::new(SystemClock),
            metrics: Metrics::new(),
            tenants: Tenants::default(),
            soft: CancellationToken::new(),
            config,
        };
        let calendar = Calendar {
            id: CalendarId::new(),
            tenant: "acme".parse().unwrap(),
            resource: ROOM.parse().unwrap(),
            horizon_days: 400,
        };
        let worker = Arc::new(worker);
        Self {
            worker,
            google,
            pool,
            calendar,
            booking_command,
        }
    }

    /// The calendar's row, verified.
    pub(super) async fn opened(self) -> Self {
        self.worker
            .calendars
            .open(&self.calendar, "writer")
            .await
            .unwrap();
        // Nobody opens its channel just now.
        let channels = &self.worker.channels;
        let due = channels.due_in(self.calendar.id, Duration::ZERO).await;
        due.unwrap();
        self
    }

    /// The calendar's row with a cursor, as if it had been imported.
    pub(super) async fn imported(self, cursor: &str) -> Self {
        let this = self.opened().await;
        sqlx::query("UPDATE sync.calendars SET cursor = $1")
            .bind(cursor)
            .execute(&this.pool)
            .await
            .unwrap();
        this
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.booking_command.told()
    }

    /// A push comes, and is worked on.
    pub(super) async fn push(&self) -> Result<(), Failure> {
        let received_at = Some(SystemClock.now());
        assert!(
            self.worker
                .calendars
                .raise(self.calendar.id, received_at)
                .await
                .unwrap()
        );
        check::check(&self.worker, self.calendar.id, Lane::Live).await
    }

    /// Everything shall be listed, and is.
    pub(super) async fn full_sync(&self) -> Result<(), Failure> {
        assert!(
            self.worker
                .calendars
                .raise_full(self.calendar.id)
                .await
                .unwrap()
        );
        check::check(&self.worker, self.calendar.id, Lane::Background).await
    }

    /// The cursor, and whether something is left to do.
    pub(super) async fn row(&self) -> (Option<String>, bool) {
        sqlx::query_as("SELECT cursor, generation_done < generation_wanted FROM sync.calendars")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// What Google answers to a listing by `cursor`.
    pub(super) async fn delta(&self, cursor: &str, answer: ResponseTemplate) {
        Mock::given(method("GET"))
            .and(path_regex("/events$"))
            .and(query_param("syncToken", cursor))
            .respond_with(answer)
            .mount(&self.google)
            .await;
    }

    /// What Google answers to a listing for a new cursor.
    pub(super) async fn fresh_cursor(&self, cursor: &str) {
        Mock::given(method("GET"))
            .and(path_regex("/events$"))
            .and(query_param_is_missing("syncToken"))
            .and(query_param_is_missing("timeMax"))
            .respond_with(page(&[event("ignored", 9)], Some(cursor)))
            .mount(&self.google)
            .await;
    }

    /// What Google answers to a listing of the window.
    pub(super) async fn window(&self, items: &[Value]) {
        Mock::given(method("GET"))
            .and(path_regex("/events$"))
            .and(query_param("singleEvents", "true"))
            .respond_with(page(items, None))
            .mount(&self.google)
            .await;
    }

    /// What Google answers when a series is expanded.
    pub(super) async fn instances(&self, series: &str, answer: ResponseTemplate) {
        Mock::given(method("GET"))
            .and(path_regex(format!("/events/{series}/instances$")))
            .respond_with(answer)
            .mount(&self.google)
            .await;
    }

    /// How often Google was asked for the dates of any series.
    pub(super) async fn expanded(&self) -> usize {
        let requests = self.google.received_requests().await.unwrap();
        let path = |it: &&wiremock::Request| it.url.path().ends_with("/instances");
        requests.iter().filter(path).count()
    }

    /// How often Google was asked for something that holds `part` in its query.
    pub(super) async fn asked(&self, part: &str) -> usize {
        let requests = self.google.received_requests().await.unwrap();
        requests
            .iter()
            .filter(|it| it.url.query().is_some_and(|query| query.contains(part)))
            .count()
    }
}

/// A page of a listing.
pub(super) fn page(items: &[Value], cursor: Option<&str>) -> ResponseTemplate {
    let mut page = json!({ "items": items, "accessRole": "writer", "timeZone": "Europe/Berlin" });
    if let Some(cursor) = cursor {
        page["nextSyncToken"] = json!(cursor);
    }
    ResponseTemplate::new(200).set_body_json(page)
}

/// Google's refusal.
pub(super) fn refusal(status: u16, reason: &str) -> ResponseTemplate {
    let errors = json!([{ "domain": "calendar", "reason": reason, "message": "no" }]);
    ResponseTemplate::new(status)
        .set_body_json(json!({ "error": { "code": status, "message": "no", "errors": errors } }))
}

/// A meeting that the room accepted.
pub(super) fn event(id: &str, hour: u32) -> Value {
    let day = (SystemClock.now() + chrono::TimeDelta::days(1)).format("%Y-%m-%d");
    json!({
        "id": id,
        "status": "confirmed",
        "start": { "dateTime": format!("{day}T{hour:02}:00:00Z") },
        "end": { "dateTime": format!("{day}T{hour:02}:30:00Z") },
        "attendees": [{ "email": ROOM, "self": true, "responseStatus": "accepted" }],
    })
}

/// One date of a series, so many days from now.
pub(super) fn instance(series: &str, days: i64, hour: u32) -> Value {
    let day = SystemClock.now() + chrono::TimeDelta::days(days);
    let (id_day, day) = (day.format("%Y%m%d"), day.format("%Y-%m-%d"));
    json!({
        "recurringEventId": series,
        "id": format!("{series}_{id_day}T{hour:02}0000Z"),
        "originalStartTime": { "dateTime": format!("{day}T{hour:02}:00:00Z") },
        "start": { "dateTime": format!("{day}T{hour:02}:00:00Z") },
        "end": { "dateTime": format!("{day}T{hour:02}:30:00Z") },
        "attendees": [{ "email": ROOM, "self": true, "responseStatus": "accepted" }],
    })
}

/// The scopes of an Apply, in words: what is listed, and how much was seen of it unless one event.
pub(super) fn kinds(scopes: &[proto::Scope]) -> Vec<String> {
    let kind = |scope: &proto::Scope| match scope.scope.as_ref().unwrap() {
        Scope::EventId(id) if scope.occurrences.is_empty() => format!("no event {id}"),
        Scope::EventId(id) => format!("event {id}"),
        Scope::Series(series) => {
            format!("series {} {}", series.series_id, scope.occurrences.len())
        }
        Scope::Window(_) => format!("window {}", scope.occurrences.len()),
    };
    scopes.iter().map(kind).collect()
}

/// The first delivery of a message.
pub(super) fn delivery() -> Delivery {
    Delivery {
        message_id: uuid::Uuid::nil(),
        attempt: 1,
        first_seen: SystemClock.now(),
        redelivered: false,
    }
}

async fn serve(booking_command: BookingCommand) -> grpc::Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tonic::transport::Server::builder()
        .add_service(MirrorServiceServer::new(booking_command.clone()))
        .add_service(GoogleAccessServiceServer::new(booking_command))
        .serve_with_incoming(TcpListenerStream::new(listener));
    TaskTracker::new().spawn(serving);
    let client = grpc::ClientConfig::new(&format!("http://{address}"), "token").unwrap();
    grpc::connect(&client).unwrap()
}

fn config(google: &MockServer) -> Config {
    let base = google.uri();
    Config {
        process: ProcessConfig::default(),
        database: DatabaseConfig::new("postgres://nowhere/"),
        broker: BrokerConfig {
            // Nothing listens there: what is published is lost, and something must bring it again.
            publish_timeout: Duration::from_millis(20),
            ..BrokerConfig::new("amqp://127.0.0.1:1/")
        },
        google: GoogleConfig {
            calendar_url: format!("{base}/calendar/v3/").parse().unwrap(),
            directory_url: format!("{base}/").parse().unwrap(),
            ..GoogleConfig::default()
        },
        booking_command: grpc::ClientConfig::new("http://127.0.0.1:1", "token").unwrap(),
        channel_tokens: ChannelTokensConfig::default(),
        push: PushConfig {
            address: "https://hooks.example.com/google/calendar/push".to_owned(),
            ..PushConfig::default()
        },
        sync: SyncConfig {
            not_found_limit: 2,
            // A test that wants calendars to rest says so.
            pause: Duration::ZERO,
            ..SyncConfig::default()
        },
    }
}

/// Handles messages for a worker.
pub(super) fn consumer(worker: &Arc<Worker>) -> Consumer {
    let spawner = Spawner::new(TaskTracker::new(), Shutdown::new());
    Consumer::new(worker.clone(), spawner)
}
