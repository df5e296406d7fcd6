//! Mails, from the change that calls for one to a real mail server on loopback.

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

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_lost_room_is_told_once(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.handle(id).await.unwrap();
    world.handle(id).await.unwrap();

    let [mail] = world.server.taken().try_into().unwrap();
    assert_eq!(
        (mail.to.as_str(), mail.from.as_str()),
        (ANA, "rooms@example.com")
    );
    assert_eq!(mail.header_to, [ANA]);
    assert_eq!(mail.message_id, format!("{id}.0@example.com"));
    assert_eq!(mail.auto_submitted, "auto-generated");
    assert_eq!(
        mail.subject,
        "Nicht mehr gebucht: Aquarium für Größe, So., 25.11.2096, 10:00–11:00 Uhr"
    );
    assert!(
        mail.body.contains("Objekt: Aquarium für Größe\n"),
        "{mail:?}"
    );
    assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_version_that_is_held_is_told_when_it_is_appended(pool: PgPool) {
    let world = World::new(&pool).await;
    let later = lost("a", 2);
    append(&world.database, &later).await;
    append(&world.database, &later).await;
    assert_eq!(world.due().await.len(), 0, "it waits for its predecessor");
    append(&world.database, &change("a", 1)).await;
    assert_eq!(world.due().await.len(), 1);
    append(&world.database, &later).await;
    assert_eq!(world.due().await.len(), 1, "a duplicate tells nothing");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_is_busy_gets_the_mail_later(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::Refuse(451));
    let why = world.fails(id).await;
    assert!(why.contains("451") && !why.contains('@'), "{why}");
    assert_eq!(world.outcome(id).await, None);

    world.server.answer(|_| Reply::Take);
    world.handle(id).await.unwrap();
    assert_eq!(world.server.taken().len(), 1);
    assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_mail_that_is_refused_for_good_is_done(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::Refuse(550));
    world.handle(id).await.unwrap();
    world.handle(id).await.unwrap();
    assert_eq!(world.server.everything().len(), 1);
    assert_eq!(world.outcome(id).await.as_deref(), Some("refused"));
}

/// What is wrong there is our password, not the mail.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_wants_a_login_refuses_no_mail(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::Refuse(530));
    let why = world.fails(id).await;
    assert!(why.contains("530"), "{why}");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_is_away_is_tried_until_patience_ends(pool: PgPool) {
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let world = World::with(&pool, |config| config.url = url).await;
    let id = world.given_mail().await;
    let why = world.fails(id).await;
    assert!(why.contains("did not answer"), "{why}");
    world.age(id, 23).await;
    world.handle(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("given_up"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_mail_that_was_taken_without_a_word_is_sent_again_under_its_id(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    world.server.answer(|_| Reply::TakeAndHangUp);
    world.fails(id).await;
    world.server.answer(|_| Reply::Take);
    world.handle(id).await.unwrap();
    let [first, second] = world.server.taken().try_into().unwrap();
    assert_eq!(first.message_id, second.message_id);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn nothing_is_sent_in_the_clear_where_encryption_is_demanded(pool: PgPool) {
    let world = World::with(&pool, |config| config.starttls = true).await;
    let id = world.given_mail().await;
    world.fails(id).await;
    assert_eq!(world.server.everything(), []);
}

fn encrypted(server: &MailServer) -> impl FnOnce(&mut MailConfig) + use<> {
    let (url, authority) = (server.url(), server.authority());
    move |config| {
        config.url = url;
        config.starttls = true;
        config.ca = authority;
        "flexopus".clone_into(&mut config.user);
        config.password = Some("s3cret".to_owned().into());
    }
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_that_encrypts_gets_the_mail_and_the_password(pool: PgPool) {
    for encryption in [Encryption::StartTls, Encryption::FromTheStart] {
        let server = MailServer::encrypting(encryption).await;
        let config = encrypted(&server);
        let world = World::telling(&pool, server, config).await;
        append(&world.database, &lost(&format!("{encryption:?}"), 1)).await;
        let id = world.due().await.pop().unwrap();
        world.handle(id).await.unwrap();
        let [mail] = world.server.taken().try_into().unwrap();
        assert!(mail.encrypted, "{encryption:?}");
        assert_eq!(mail.login, "flexopus:s3cret");
        assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
    }
}

/// Neither the mail nor the password is for whoever only says to be the server.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_server_whose_certificate_nobody_knows_gets_nothing(pool: PgPool) {
    for encryption in [Encryption::StartTls, Encryption::FromTheStart] {
        let server = MailServer::encrypting(encryption).await;
        let config = encrypted(&server);
        let other = MailServer::encrypting(encryption).await.authority();
        let world = World::telling(&pool, server, |set| {
            config(set);
            set.ca = other;
        });
        let world = world.await;
        append(&world.database, &lost(&format!("{encryption:?}"), 1)).await;
        let id = world.due().await.pop().unwrap();
        let why = world.fails(id).await;
        assert!(why.contains("did not answer"), "{why}");
        assert_eq!(world.server.everything(), []);
    }
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_a_person_loses_within_a_short_time_is_one_mail(pool: PgPool) {
    let world = World::new(&pool).await;
    for (version, person, days) in [(1, ANA, 7), (2, "bob@example.com", 1), (3, ANA, 0)] {
        world.given_lost("a", version, person, days).await;
    }
    world.given_lost("b", 1, ANA, 0).await;
    let [id, of_another_object] = world.due().await.try_into().unwrap();
    world.handle(id).await.unwrap();
    world.handle(id).await.unwrap();

    let [ana, bob] = world.server.taken().try_into().unwrap();
    assert_eq!((ana.to.as_str(), bob.to.as_str()), (ANA, "bob@example.com"));
    assert_eq!(
        ana.subject,
        "Nicht mehr gebucht: Aquarium für Größe, 2 Termine"
    );
    let dates = "- So., 25.11.2096, 10:00–11:00 Uhr\n- So., 02.12.2096, 10:00–11:00 Uhr\n";
    assert!(ana.body.contains(dates), "{ana:?}");
    assert!(
        bob.subject.ends_with("Mo., 26.11.2096, 10:00–11:00 Uhr"),
        "{bob:?}"
    );
    assert_ne!(ana.message_id, bob.message_id);
    assert_eq!(
        world.outcomes().await,
        [(Some("sent".to_owned()), 3), (None, 1)]
    );

    // What comes when the mail has been sent is another one.
    world.given_lost("a", 4, ANA, 8).await;
    let [_, _, next] = world.due().await.try_into().unwrap();
    world.handle(next).await.unwrap();
    world.handle(of_another_object).await.unwrap();
    assert_eq!(world.server.taken().len(), 4);
    assert_eq!(world.outcomes().await, [(Some("sent".to_owned()), 5)]);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn who_was_told_is_not_told_again_because_of_others(pool: PgPool) {
    let world = World::new(&pool).await;
    for (version, person) in [(1, ANA), (2, "bob@example.com"), (3, "zoe@example.com")] {
        world.given_lost("a", version, person, 0).await;
    }
    let [id] = world.due().await.try_into().unwrap();
    world.server.answer(|to| match to {
        "bob@example.com" => Reply::Refuse(452),
        _ => Reply::Take,
    });
    let why = world.fails(id).await;
    assert!(why.contains("452"), "{why}");
    world.server.answer(|_| Reply::Take);
    world.handle(id).await.unwrap();
    let told = world.server.taken();
    let told: Vec<_> = told.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!(told, [ANA, "zoe@example.com", "bob@example.com"]);

    // Whom no server takes a mail for is given up alone.
    for (version, person) in [(4, ANA), (5, "bob@example.com")] {
        world.given_lost("a", version, person, 0).await;
    }
    let id = world.due().await.pop().unwrap();
    world.server.answer(|to| match to {
        "bob@example.com" => Reply::Refuse(452),
        _ => Reply::Take,
    });
    world.age(id, 23).await;
    world.handle(id).await.unwrap();
    assert_eq!(
        world.outcomes().await,
        [
            (Some("given_up".to_owned()), 1),
            (Some("sent".to_owned()), 4)
        ]
    );
}

/// Mails may have waited for hours: nobody has use for what is over.
#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn nobody_is_told_of_a_booking_that_is_over(pool: PgPool) {
    let world = World::new(&pool).await;
    let century = -100 * 365;
    for (version, person, days) in [
        (1, ANA, century),
        (2, ANA, 0),
        (3, "bob@example.com", century),
    ] {
        world.given_lost("a", version, person, days).await;
    }
    let [id] = world.due().await.try_into().unwrap();
    world.handle(id).await.unwrap();
    let [mail] = world.server.taken().try_into().unwrap();
    assert!(
        mail.subject.ends_with("So., 25.11.2096, 10:00–11:00 Uhr"),
        "{mail:?}"
    );
    assert_eq!(
        world.outcomes().await,
        [
            (Some("outdated".to_owned()), 2),
            (Some("sent".to_owned()), 1)
        ]
    );

    // The first date of a series is over, the others may not be.
    world.given_lost("b", 1, ANA, century).await;
    sqlx::query("UPDATE notification.mails SET several = true WHERE object_id = 'b'")
        .execute(&pool)
        .await
        .unwrap();
    let id = world.due().await.pop().unwrap();
    world.handle(id).await.unwrap();
    assert_eq!(world.server.taken().len(), 2);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn a_booking_command_that_is_away_is_asked_again(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    *world.told.is_away.lock().unwrap() = true;
    world.fails(id).await;
    *world.told.is_away.lock().unwrap() = false;
    world.handle(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn nobody_is_told_where_there_is_nobody(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    let room = "c_188a@resource.calendar.google.com".to_owned();
    world
        .told
        .booking
        .lock()
        .unwrap()
        .as_mut()
        .unwrap()
        .booker_mail = room;
    world.handle(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("nobody"));

    append(&world.database, &lost("b", 1)).await;
    let gone = world.due().await[1];
    *world.told.booking.lock().unwrap() = None;
    world.handle(gone).await.unwrap();
    assert_eq!(world.outcome(gone).await.as_deref(), Some("nobody"));
    assert_eq!(world.server.everything(), []);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn without_a_mail_server_nothing_waits(pool: PgPool) {
    let world = World::new(&pool).await;
    let id = world.given_mail().await;
    let mails = Mails {
        post: None,
        ..world.consumer.mails.clone()
    };
    mails.send(id).await.unwrap();
    assert_eq!(world.outcome(id).await.as_deref(), Some("off"));
    assert_eq!(world.server.everything(), []);
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn administrators_are_told_when_it_is_lost_and_when_it_works_again(pool: PgPool) {
    let world = World::new(&pool).await;
    world.connection("active", 1).await;
    assert_eq!(world.due().await.len(), 0, "they connected it themselves");
    // One of them has left; the other is told all the same.
    world.server.answer(|to| match to {
        "old@example.com" => Reply::Refuse(550),
        _ => Reply::Take,
    });
    world.connection("lost", 2).await;
    let [lost] = world.due().await.try_into().unwrap();
    world.handle(lost).await.unwrap();
    assert_eq!(world.outcome(lost).await.as_deref(), Some("sent"));
    world.connection("lost", 3).await;
    // Older than what is known.
    world.connection("active", 2).await;
    assert_eq!(world.due().await.len(), 1);
    world.connection("active", 4).await;
    let [_, works] = world.due().await.try_into().unwrap();
    world.handle(works).await.unwrap();

    let taken = world.server.taken();
    let said: Vec<_> = taken
        .iter()
        .map(|mail| (mail.to.as_str(), mail.subject.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "it@example.com",
                "Google Calendar: the connection of example.com is lost"
            ),
            (
                "it@example.com",
                "Google Calendar: the connection of example.com works again"
            ),
        ]
    );
    assert!(taken[0].body.contains("consent was withdrawn"), "{taken:?}");
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn what_is_not_so_any_more_is_not_said(pool: PgPool) {
    let world = World::new(&pool).await;
    world.connection("lost", 1).await;
    world.connection("active", 2).await;
    let [lost, works] = world.due().await.try_into().unwrap();
    world.handle(lost).await.unwrap();
    world.handle(works).await.unwrap();
    assert_eq!(world.outcome(lost).await.as_deref(), Some("outdated"));
    assert_eq!(world.outcome(works).await.as_deref(), Some("sent"));
}

#[sqlx::test(migrator = "notification::MIGRATOR")]
async fn old_mails_are_forgotten(pool: PgPool) {
    let day = Duration::from_hours(24);
    let world = World::new(&pool).await;
    for version in 1..=4 {
        append(&world.database, &lost("a", version)).await;
    }
    for id in &world.due().await[..3] {
        world.age(*id, 7 * 24 + 1).await;
    }
    let config = LogConfig {
        keep: day,
        keep_inbox: day,
        keep_mails: 7 * day,
        cleanup_every: day,
        cleanup_batch: 2,
    };
    housekeeping::clean(&world.database, &config).await.unwrap();
    let left: Vec<Uuid> = sqlx::query_scalar("SELECT mail_id FROM notification.mails")
        .fetch_all(world.database.pool())
        .await
        .unwrap();
    assert_eq!(left, world.due().await[3..]);
}
