//! `CompleteConnect`, between each two of its steps: the tenant is connected once or not at all, nothing
//! half done is left, and what the administrator does next (the same again, or from the start) connects.

use google_sim::Operation;
use roomsync_process::grpc;
use roomsync_proto::integration::v1::{ConnectionState, ConnectionWay};
use roomsync_testkit::{
    Cluster, Organisation, Service,
    consent::{Brought, consent},
};
use tokio::task::JoinSet;

use super::scene::{At, Stop, TENANT};

/// The code is exchanged; what came for it is about to be kept.
const KEPT: At = At::Statement("UPDATE", "booking.consents", "NEW.sealed_grant IS NOT NULL");
/// Everything is proved, nothing is stored.
const STORED: At = At::Statement("INSERT", "booking.connections", "true");
/// It is stored; the shared calendar is made at Google, and not noted.
const CALENDAR: At = At::Statement(
    "UPDATE",
    "booking.connections",
    "NEW.shared_calendar IS NOT NULL",
);

/// How the dying left the state that the browser brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing was learned: the same works again.
    TheSameWorks,
    /// The code is used up at Google, and what it was worth is lost: from the start.
    FromTheStart,
    /// It was done.
    IsDone,
}

struct Connecting {
    cluster: Cluster,
    organisation: Organisation,
    brought: Brought,
}

async fn begun(name: &str) -> Connecting {
    let cluster = Cluster::builder(name)
        .as_process(Service::BookingCommand)
        .offering_consent()
        .start()
        .await;
    let organisation = Organisation::given(cluster.google(), "acme.example");
    organisation.given_room("Aquarium");
    let app = cluster.app();
    app.given_tenant(TENANT).await;
    let begun = app.begin_connect(TENANT, organisation.admin.mail()).await;
    let brought = consent(&begun.expect("consent is offered").consent_url).await;
    Connecting {
        cluster,
        organisation,
        brought,
    }
}

async fn dies_and_connects(name: &str, at: At, then: Then) {
    let mut connecting = begun(name).await;
    connecting.dies(at).await;
    let Connecting {
        cluster,
        organisation,
        brought,
    } = connecting;
    let app = cluster.app();
    // The claim of the dead is over.
    sqlx::query("UPDATE booking.consents SET claimed_until = now() - interval '1 second'")
        .execute(cluster.database().pool())
        .await
        .expect("booking.consents");
    let status = app.connection_status(TENANT).await.expect("a status");
    let connected = status.state() == ConnectionState::Active;
    assert_eq!(connected, then == Then::IsDone, "{status:?}");

    let again = app.complete_connect(TENANT, &brought).await;
    match then {
        Then::TheSameWorks => {
            again.expect("the state may be used again");
        }
        Then::FromTheStart | Then::IsDone => {
            let refused = again.expect_err("it is used up");
            let reason = grpc::reason(&refused);
            let expected = if then == Then::IsDone {
                "STATE_UNKNOWN"
            } else {
                "CODE_REFUSED"
            };
            assert_eq!(reason.as_deref(), Some(expected), "{refused:?}");
        }
    }
    if then == Then::FromTheStart {
        let admin = organisation.admin.mail();
        let connected = app.connect_by_consent(TENANT, admin).await;
        connected.expect("from the start it works");
    }
    let status = app.connection_status(TENANT).await.expect("a status");
    assert_eq!(status.state(), ConnectionState::Active);
    assert_eq!(status.way(), ConnectionWay::Consent);
    assert_eq!(status.domain, "acme.example");
    let kept: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM booking.consents WHERE used_at IS NOT NULL AND sealed_grant IS NOT NULL",
    )
    .fetch_one(cluster.database().pool())
    .await
    .expect("booking.consents");
    assert_eq!(kept, 0, "a grant is kept no longer than it is needed");
    // The connection works: a room can be linked, a meeting is seen.
    let room = organisation.given_room("Terrarium");
    app.given_object(TENANT, "terrarium").await;
    let link = app.link_object(TENANT, "terrarium", room.mail()).await;
    app.wait_imported(TENANT, &link.link_id).await;
    cluster.finish().await;
}

impl Connecting {
    async fn dies(&mut self, at: At) {
        let mut stop = Stop::at(&self.cluster, at).await;
        let (app, brought) = (self.cluster.app().clone(), self.brought.clone());
        let mut callers = JoinSet::new();
        callers.spawn(async move { drop(app.complete_connect(TENANT, &brought).await) });
        stop.reached().await;
        self.cluster.kill(Service::BookingCommand).await;
        stop.remove().await;
        self.cluster.restart(Service::BookingCommand).await;
    }
}

/// Covers R49, D21.
#[tokio::test]
async fn killed_before_the_code_is_exchanged_the_same_answer_connects() {
    let at = At::Call(Operation::Token);
    dies_and_connects("connect calling", at, Then::TheSameWorks).await;
}

/// Covers R49, D21.
#[tokio::test]
async fn killed_after_the_code_is_exchanged_the_administrator_begins_anew() {
    let at = At::Answer(Operation::Token);
    dies_and_connects("connect exchanged", at, Then::FromTheStart).await;
}

/// Covers R49, D21.
#[tokio::test]
async fn killed_before_the_grant_is_kept_the_administrator_begins_anew() {
    dies_and_connects("connect kept", KEPT, Then::FromTheStart).await;
}

/// Covers R49, D21.
#[tokio::test]
async fn killed_while_the_administrator_is_proved_the_same_answer_connects() {
    let at = At::Call(Operation::ResourcesList);
    dies_and_connects("connect proving", at, Then::TheSameWorks).await;
}

/// Covers R49, D21.
#[tokio::test]
async fn killed_before_the_connection_is_stored_the_same_answer_connects() {
    dies_and_connects("connect stored", STORED, Then::TheSameWorks).await;
}

/// Covers R49, D21.
#[tokio::test]
async fn killed_after_the_connection_is_stored_it_is_connected_once() {
    let at = At::Call(Operation::CalendarInsert);
    dies_and_connects("connect done", at, Then::IsDone).await;
}

/// Covers R49, D21.
#[tokio::test]
async fn killed_before_the_shared_calendar_is_noted_it_is_connected_once() {
    dies_and_connects("connect calendar", CALENDAR, Then::IsDone).await;
}
