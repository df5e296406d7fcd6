//! Mails, from the change that calls for one to a real mail server on loopback.

mod server;
mod told;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use notification::{
    config::LogConfig,
    consumers::{connection_changed::ConnectionChangedConsumer, mail_due::MailDueConsumer},
    housekeeping,
    mail::{
        config::MailConfig,
        deliver::{Mails, Post},
        facts::Facts,
        send::Mailer,
    },
    metrics::Metrics,
};
use roomsync_broker::{Delivery, Failure, Handler as _};
use roomsync_domain::{Booker, BookingState};
use roomsync_messages::{BookingSnapshot, ChangedItem, ConnectionChanged, MailDue};
use roomsync_postgres::Database;
use roomsync_process::{TaskTracker, grpc};
use roomsync_proto::internal::v1::{
    GetBookingNoticeRequest, GetBookingNoticeResponse, GetConnectionNoticeRequest,
    GetConnectionNoticeResponse,
    notice_service_server::{NoticeService, NoticeServiceServer},
};
use roomsync_testkit::{
    MailServer,
    smtp::{Encryption, Reply},
};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, async_trait, transport::Server};
use uuid::Uuid;

use crate::support::{TENANT, WAITS, append, append_waiting, change, database};

const ANA: &str = "ana@example.com";

/// A booking-command that knows one booking and one connection, and some bookings by their ids.
#[derive(Clone, Default)]
struct Told {
    booking: Arc<Mutex<Option<GetBookingNoticeResponse>>>,
    bookings: Arc<Mutex<HashMap<String, GetBookingNoticeResponse>>>,
    connection: Arc<Mutex<Option<GetConnectionNoticeResponse>>>,
    is_away: Arc<Mutex<bool>>,
}

impl Told {
    fn answer<T: Clone>(&self, known: &Mutex<Option<T>>) -> Result<Response<T>, Status> {
        if *self.is_away.lock().unwrap() {
            return Err(Status::unavailable("later"));
        }
        let known = known.lock().unwrap().clone();
        let not_found = || grpc::problem(Code::NotFound, "BOOKING_NOT_FOUND", "no", &[]);
        known.map(Response::new).ok_or_else(not_found)
    }
}

#[async_trait]
impl NoticeService for Told {
    async fn get_booking_notice(
        &self,
        request: Request<GetBookingNoticeRequest>,
    ) -> Result<Response<GetBookingNoticeResponse>, Status> {
        let known = self.bookings.lock().unwrap();
        if let Some(known) = known.get(&request.get_ref().booking_id) {
            return Ok(Response::new(known.clone()));
        }
        self.answer(&self.booking)
    }

    async fn get_connection_notice(
        &self,
        _: Request<GetConnectionNoticeRequest>,
    ) -> Result<Response<GetConnectionNoticeResponse>, Status> {
        self.answer(&self.connection)
    }
}

struct World {
    database: Database,
    server: MailServer,
    told: Told,
    consumer: MailDueConsumer,
}

fn mail_config(url: String) -> MailConfig {
    MailConfig {
        url,
        starttls: false,
        ca: None,
        user: String::new(),
        password: None,
        from: "Flexopus <rooms@example.com>".to_owned(),
        timeout: Duration::from_secs(5),
        gather: Duration::ZERO,
        patience: Duration::from_hours(22),
        booking_command: None,
    }
}

impl World {
    async fn new(pool: &PgPool) -> Self {
        Self::with(pool, |_| {}).await
    }

    async fn with(pool: &PgPool, change: impl FnOnce(&mut MailConfig)) -> Self {
        Self::telling(pool, MailServer::start().await, change).await
    }

    async fn telling(
        pool: &PgPool,
        server: MailServer,
        change: impl FnOnce(&mut MailConfig),
    ) -> Self {
        let (database, told) = (database(pool), Told::default());
        *told.booking.lock().unwrap() = Some(GetBookingNoticeResponse {
            booker_mail: ANA.to_owned(),
            organizer_mail: ANA.to_owned(),
            locale: "de".to_owned(),
            object_name: "Aquarium für Größe".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            starts_at: Some(prost_types::Timestamp {
                seconds: 4_004_672_400,
                nanos: 0,
            }),
            ends_at: Some(prost_types::Timestamp {
                seconds: 4_004_676_000,
                nanos: 0,
            }),
            ..GetBookingNoticeResponse::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = Server::builder()
            .add_service(NoticeServiceServer::new(told.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        TaskTracker::new().spawn(serving);
        let internal = grpc::connect(&grpc::ClientConfig::new(&url, "token").unwrap()).unwrap();
        let mut config = mail_config(server.url());
        change(&mut config);
        let mails = Mails {
            database: database.clone(),
            post: Some(Post {
                facts: Facts::new(internal),
                mailer: Mailer::new(&config).unwrap(),
            }),
            patience: config.patience,
            metrics: Metrics::new(),
        };
        Self {
            database,
            server,
            told,
            consumer: MailDueConsumer { mails },
        }
    }

    /// The room declines; answers the mail's id.
    async fn given_mail(&self) -> Uuid {
        append(&self.database, &lost("a", 1)).await;
        let [id] = self.due().await.try_into().unwrap();
        id
    }

    /// The room declines a booking of this person's, so many days later than the first; others may be told
    /// with it.
    async fn given_lost(&self, object: &str, version: i64, person: &str, days: i64) {
        let lost = lost(object, version);
        let [ChangedItem::Booking { booking }] = lost.body.items.as_slice() else {
            panic!("one booking");
        };
        let mut told = self.told.booking.lock().unwrap().clone().unwrap();
        person.clone_into(&mut told.booker_mail);
        for at in [&mut told.starts_at, &mut told.ends_at] {
            at.as_mut().unwrap().seconds += days * 24 * 3600;
        }
        let id = booking.id.to_string();
        self.told.bookings.lock().unwrap().insert(id, told);
        let waits = notification::log::append::Waits {
            mails: Duration::from_mins(1),
            ..WAITS
        };
        append_waiting(&self.database, &lost, waits).await;
    }

    /// What became of every mail, by how many.
    async fn outcomes(&self) -> Vec<(Option<String>, i64)> {
        sqlx::query_as(
            "SELECT outcome, count(*) FROM notification.mails GROUP BY outcome ORDER BY outcome",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap()
    }

    /// The mails whose messages are in the outbox, in order.
    async fn due(&self) -> Vec<Uuid> {
        let bodies: Vec<String> = sqlx::query_scalar(
            "SELECT body ->> 'id' FROM notification.outbox WHERE message_type = 'mail.due' ORDER BY position",
        )
        .fetch_all(self.database.pool())
        .await
        .unwrap();
        bodies.iter().map(|id| id.parse().unwrap()).collect()
    }

    async fn handle(&self, id: Uuid) -> Result<(), Failure> {
        self.consumer.handle(MailDue { id }, &delivery()).await
    }

    /// Why the message is tried again.
    async fn fails(&self, id: Uuid) -> String {
        match self.handle(id).await {
            Err(Failure::Retry { cause, after: None }) => format!("{cause:#}"),
            other => panic!("expected another try, got {other:?}"),
        }
    }

    async fn outcome(&self, id: Uuid) -> Option<String> {
        sqlx::query_scalar("SELECT outcome FROM notification.mails WHERE mail_id = $1")
            .bind(id)
            .fetch_one(self.database.pool())
            .await
            .unwrap()
    }

    async fn age(&self, id: Uuid, hours: i32) {
        sqlx::query(
            "UPDATE notification.mails SET created_at = now() - make_interval(hours => $2) WHERE mail_id = $1",
        )
        .bind(id)
        .bind(hours)
        .execute(self.database.pool())
        .await
        .unwrap();
    }

    /// The connection changes its state; told as often as it arrives.
    async fn connection(&self, state: &str, second: u32) {
        let consumer = ConnectionChangedConsumer {
            database: self.database.clone(),
        };
        let message = ConnectionChanged {
            tenant: TENANT.parse().unwrap(),
            state: state.to_owned(),
            reason: None,
            changed_at: format!("2026-03-01T09:00:{second:02}Z").parse().unwrap(),
        };
        let delivery = delivery();
        for _ in 0..2 {
            consumer.handle(message.clone(), &delivery).await.unwrap();
        }
        *self.told.connection.lock().unwrap() = Some(GetConnectionNoticeResponse {
            administrator_mails: vec!["it@example.com".to_owned(), "old@example.com".to_owned()],
            locale: "en".to_owned(),
            domain: "example.com".to_owned(),
            state: state.to_owned(),
            reason: "withdrawn".to_owned(),
        });
    }
}

fn delivery() -> Delivery {
    Delivery {
        message_id: Uuid::new_v4(),
        attempt: 1,
        first_seen: "2026-03-01T09:00:00Z".parse().unwrap(),
        redelivered: false,
    }
}

/// A change in which a room declined what was booked.
fn lost(object: &str, version: i64) -> notification::log::append::Change {
    let mut change = change(object, version);
    let at = |text: &str| text.parse().unwrap();
    let booking = BookingSnapshot {
        id: roomsync_domain::BookingId(Uuid::new_v4()),
        state: BookingState::Removed,
        starts_at: at("2026-11-25T09:00:00Z"),
        ends_at: at("2026-11-25T10:00:00Z"),
        all_day: false,
        booker: Booker::Anonymous,
        private: false,
        flags: Vec::new(),
        cause: Some("room_declined".to_owned()),
        series: None,
        from_flexopus: false,
        not_at_google: false,
        event_kept: false,
        created_at: at("2026-03-01T08:00:00Z"),
        updated_at: at("2026-03-01T09:00:00Z"),
    };
    change.body.items = vec![ChangedItem::Booking { booking }];
    change
}
