//! Disconnect, between each two of its steps: in the end no channel, no grant, no booking and no secret, and
//! Google's calendars as they were.

use google_sim::{NewEvent, Operation};
use roomsync_proto::{booking::v1::BookingState, integration::v1::ConnectionState};
use roomsync_testkit::{Cluster, Organisation, SOON, Service, Subscriber, eventually};
use serde_json::Value;
use tokio::task::JoinSet;

use super::scene::{At, OBJECT, Stop, Successor, TENANT, tomorrow};

/// Nothing is stored yet.
const NOT_BEGUN: At = At::Statement(
    "UPDATE",
    "booking.connections",
    "NEW.state = 'disconnecting' AND OLD.state <> 'disconnecting'",
);
/// It has begun, nobody has taken it up.
const BEGUN: At = At::Statement(
    "UPDATE",
    "booking.connections",
    "NEW.disconnect_until IS NOT NULL",
);
/// The channels are stopped, the link is about to be removed.
const CLOSED: At = At::Statement(
    "UPDATE",
    "booking.links",
    "NEW.state = 'removed' AND OLD.state <> 'removed'",
);
/// The grant is revoked, nothing says so.
const REVOKED: At = At::Statement(
    "UPDATE",
    "booking.connections",
    "NEW.state = 'disconnected' AND OLD.state <> 'disconnected'",
);

struct Connected {
    cluster: Cluster,
    organisation: Organisation,
    subscriber: Subscriber,
    room: google_sim::RoomControl,
    before: Vec<Value>,
}

/// Connected by consent, a room linked, a meeting booked.
async fn connected(name: &str, successor: Successor) -> Connected {
    let replicas = usize::from(successor == Successor::Another) + 1;
    let cluster = Cluster::builder(name)
        .as_process(Service::BookingCommand)
        .replicas(Service::BookingCommand, replicas)
        .offering_consent()
        .set(Service::BookingCommand, "google.timeout", "5s")
        .set(Service::BookingCommand, "google.connect_timeout", "3s")
        .set(Service::BookingCommand, "disconnect.look_every", "200ms")
        .set(Service::BookingCommand, "disconnect.claim", "3s")
        .start()
        .await;
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let app = cluster.app();
    app.given_tenant(TENANT).await;
    let done = app
        .connect_by_consent(TENANT, organisation.admin.mail())
        .await;
    done.expect("connected");
    app.given_object(TENANT, OBJECT).await;
    let subscriber = app.subscribe(TENANT).await;
    let (room, ana) = (
        organisation.given_room("Aquarium"),
        organisation.given_user("ana"),
    );
    let link = app.link_object(TENANT, OBJECT, room.mail()).await;
    app.wait_imported(TENANT, &link.link_id).await;
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.mail());
    ana.insert_event(meeting).expect("Google takes it");
    let confirmed = |journal: &roomsync_testkit::Journal| {
        let booked = journal.bookings(OBJECT);
        (booked.len() == 1 && booked[0].state() == BookingState::Confirmed).then_some(())
    };
    subscriber.wait_for("the meeting", confirmed).await;
    let before = room.events().expect("a calendar");
    Connected {
        cluster,
        organisation,
        subscriber,
        room,
        before,
    }
}

impl Connected {
    async fn dies(&mut self, at: At, successor: Successor) {
        let mut stop = Stop::at(&self.cluster, at).await;
        // sync-worker goes on calling the first replica; the last one is asked.
        let last = usize::from(successor == Successor::Another);
        let app = self.cluster.app_at(last);
        let mut callers = JoinSet::new();
        callers.spawn(async move { drop(app.disconnect(TENANT).await) });
        stop.reached().await;
        match successor {
            Successor::Itself => self.cluster.kill(Service::BookingCommand).await,
            Successor::Another => {
                self.cluster
                    .kill_replica(Service::BookingCommand, last)
                    .await;
            }
        }
        stop.remove().await;
        if successor == Successor::Itself {
            self.cluster.restart(Service::BookingCommand).await;
        }
    }

    async fn nothing_is_left(self) {
        let (app, google) = (self.cluster.app(), self.cluster.google());
        // Repeating it is no fault.
        app.disconnect(TENANT).await.expect("disconnecting");
        eventually(SOON, "it is disconnected", async || {
            let status = app.connection_status(TENANT).await.ok()?;
            (status.state() == ConnectionState::Disconnected).then_some(())
        })
        .await;
        assert!(google.channels().is_empty(), "{:?}", google.channels());
        assert!(google.consents().is_empty(), "{:?}", google.consents());
        self.subscriber
            .wait_for("no booking", |journal| {
                journal.bookings(OBJECT).is_empty().then_some(())
            })
            .await;
        assert!(app.bookings_of(TENANT, OBJECT).await.is_empty());
        let secrets: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM booking.connections WHERE sealed_key IS NOT NULL)
                + (SELECT count(*) FROM booking.access_tokens)",
        )
        .fetch_one(self.cluster.database().pool())
        .await
        .expect("counted");
        assert_eq!(secrets, 0, "every secret is forgotten");
        let after = self.room.events().expect("a calendar");
        assert_eq!(after, self.before, "nothing is changed in Google");
        let links = app.list_links(TENANT).await.expect("links");
        assert_eq!(links.len(), 1, "the address is kept once: {links:?}");
        assert_eq!(links[0].resource_email, self.room.mail());
        drop(self.organisation);
        self.cluster.finish().await;
    }
}

async fn dies_and_disconnects(name: &str, at: At, successor: Successor) {
    let mut connected = connected(name, successor).await;
    connected.dies(at, successor).await;
    connected.nothing_is_left().await;
}

/// Covers R79, R80, D7.
#[tokio::test]
async fn killed_before_disconnecting_is_stored_it_is_connected_until_asked_again() {
    let mut connected = connected("disconnect not begun", Successor::Itself).await;
    connected.dies(NOT_BEGUN, Successor::Itself).await;
    let app = connected.cluster.app();
    let status = app.connection_status(TENANT).await.expect("a status");
    assert_eq!(status.state(), ConnectionState::Active, "{status:?}");
    connected.nothing_is_left().await;
}

/// Covers R79, R80, D7.
#[tokio::test]
async fn killed_after_disconnecting_is_stored_it_is_gone_through_with() {
    dies_and_disconnects("disconnect begun", BEGUN, Successor::Itself).await;
}

/// Covers R79, R80, D7.
#[tokio::test]
async fn killed_before_links_are_removed_they_are_removed() {
    dies_and_disconnects("disconnect closed", CLOSED, Successor::Itself).await;
}

/// Covers R79, R80, D7.
#[tokio::test]
async fn killed_while_the_grant_is_revoked_it_is_revoked() {
    let at = At::Call(Operation::Revoke);
    dies_and_disconnects("disconnect revoking", at, Successor::Itself).await;
}

/// Covers R79, R80, D7.
#[tokio::test]
async fn killed_after_the_grant_was_revoked_it_ends_all_the_same() {
    let at = At::Answer(Operation::Revoke);
    dies_and_disconnects("disconnect revoked", at, Successor::Itself).await;
}

/// Covers R79, R80, D7.
#[tokio::test]
async fn killed_before_the_end_it_ends_all_the_same() {
    dies_and_disconnects("disconnect end", REVOKED, Successor::Itself).await;
}

/// Covers R79, R80, D7.
#[tokio::test]
async fn killed_while_disconnecting_is_stored_another_replica_goes_through_with_it() {
    let at = At::Statement("UPDATE", "booking.links", "NEW.state = 'closing'");
    let mut connected = connected("disconnect other", Successor::Another).await;
    // The rpc's own transaction: nothing is stored, and the other replica is asked.
    connected.dies(at, Successor::Another).await;
    connected.nothing_is_left().await;
}
