//! A connection that is lost and found: bookings stay, with their ids, whoever connects again and however.

use google_sim::{Fault, NewEvent, Operation, RoomControl, UserControl, scopes};
use roomsync_proto::{
    booking::v1::{Booking, BookingState},
    integration::v1::{ConnectionState, ConnectionStatus, ConnectionWay, LinkState},
};
use roomsync_testkit::{Cluster, LinkedRoom, Organisation, SOON, eventually};
use tonic::{Code, Status};

use crate::{
    connect::{linked, unconnected},
    connect_refused::refused,
    scene::{Watched as _, tomorrow},
};

/// A consented tenant with a linked room, and a meeting in it.
struct Consented {
    cluster: Cluster,
    organisation: Organisation,
    room: LinkedRoom,
    lagoon: RoomControl,
    ana: UserControl,
    booking: Booking,
}

impl Consented {
    async fn new(name: &str) -> Self {
        let (cluster, organisation) = unconnected(name).await;
        let app = cluster.app();
        let admin = organisation.admin.mail();
        app.connect_by_consent("acme", admin)
            .await
            .expect("connected");
        let room = linked(&cluster, &organisation, "acme").await;
        let ana = organisation.given_user("ana");
        app.given_user("acme", "u-ana", ana.mail()).await;
        meet(&ana, &room, 9);
        let booking = room
            .wait_booking("the meeting", tomorrow(9), BookingState::Confirmed)
            .await;
        app.given_object("acme", "lagoon").await;
        let lagoon = organisation.given_room("Lagoon");
        Self {
            cluster,
            organisation,
            room,
            lagoon,
            ana,
            booking,
        }
    }

    /// Waits until the connection is lost: somebody asks, as the timer would.
    async fn wait_lost(&self) -> ConnectionStatus {
        let app = self.cluster.app();
        let asked = async || {
            let _ = self.ask().await;
            let status = app.connection_status("acme").await.ok()?;
            (status.state() == ConnectionState::Lost).then_some(status)
        };
        eventually(SOON, "the connection is lost", asked).await
    }

    /// Calls the Directory and the calendar of a room, because a person wants to link it.
    async fn ask(&self) -> Result<(), Status> {
        let (app, lagoon) = (self.cluster.app(), self.lagoon.mail());
        let preview = app.preview_link("acme", "lagoon", lagoon, 0).await;
        preview.map(drop)
    }

    /// The booking is the same one, the link says why nothing comes.
    async fn assert_kept(&self) {
        let listed = self.cluster.app().bookings_of("acme", "aquarium").await;
        let ids: Vec<&str> = listed.iter().map(|it| it.booking_id.as_str()).collect();
        assert_eq!(ids, [self.booking.booking_id.as_str()], "bookings stay");
        let link = self
            .cluster
            .app()
            .link("acme", &self.room.link.link_id)
            .await;
        assert_eq!(link.expect("GetLink").reason, "ACCESS_LOST");
    }

    /// Changes come again, and the old booking is the same one.
    async fn assert_back(&self) {
        let app = self.cluster.app();
        let back = |link: &roomsync_proto::integration::v1::Link| {
            link.state() == LinkState::Verified && link.reason.is_empty()
        };
        app.wait_link("the link is back", "acme", &self.room.link.link_id, back)
            .await;
        meet(&self.ana, &self.room, 11);
        self.room
            .wait_booking("the next meeting", tomorrow(11), BookingState::Confirmed)
            .await;
        let listed = app.bookings_of("acme", "aquarium").await;
        assert_eq!(listed[0].booking_id, self.booking.booking_id);
    }
}

fn meet(who: &UserControl, room: &LinkedRoom, hour: i64) {
    let meeting = NewEvent::timed(tomorrow(hour), tomorrow(hour + 1)).in_room(room.room.mail());
    who.insert_event(meeting).expect("Google takes it");
}

/// Covers D19, D23.
#[tokio::test]
async fn a_revoked_grant_is_lost_and_another_administrator_brings_it_back() {
    let it = Consented::new("revoked grant").await;
    let (app, google) = (it.cluster.app(), it.cluster.google());
    let client = it.cluster.operator().client.client_id;
    google.revoke_consent(it.organisation.admin.mail(), &client);
    let status = it.wait_lost().await;
    assert_eq!(status.reason, "WITHDRAWN");
    it.assert_kept().await;

    let boss = it.organisation.org.add_user("boss@acme.example", true);
    let boss = boss.expect("another administrator");
    let done = app.connect_by_consent("acme", boss.mail()).await;
    let status = done.expect("connected").status.expect("a status");
    assert_eq!(
        (status.state(), status.reason.as_str()),
        (ConnectionState::Active, "")
    );
    it.assert_back().await;
    it.cluster.finish().await;
}

/// Covers D19, D21, D23.
#[tokio::test]
async fn a_deleted_administrator_is_lost_and_a_key_brings_it_back() {
    let it = Consented::new("deleted administrator").await;
    let app = it.cluster.app();
    it.organisation.admin.suspend(true).expect("suspended");
    it.wait_lost().await;
    it.assert_kept().await;

    it.organisation.admin.suspend(false).expect("back");
    let status = app.connect("acme", &it.organisation).await;
    assert_eq!(status.way(), ConnectionWay::Key);
    it.assert_back().await;
    it.cluster.finish().await;
}

/// Covers D19.
#[tokio::test]
async fn a_scope_that_is_withdrawn_is_lost_and_a_fault_of_the_token_endpoint_is_not() {
    let it = Consented::new("withdrawn scope").await;
    let (app, google) = (it.cluster.app(), it.cluster.google());
    let client = it.cluster.operator().client.client_id;
    google.add_fault(
        Fault::answer(503, "backendError")
            .on(Operation::Token)
            .times(2),
    );
    google.expire_access_tokens();
    let back = async || it.ask().await.ok();
    eventually(SOON, "the token endpoint is back", back).await;
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(
        status.state(),
        ConnectionState::Active,
        "a fault proves nothing"
    );

    let admin = it.organisation.admin.mail();
    google.withdraw_scopes(admin, &client, &[scopes::RESOURCES_READONLY]);
    let status = it.wait_lost().await;
    assert_eq!(status.reason, "WITHDRAWN");
    it.assert_kept().await;
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    it.assert_back().await;
    it.cluster.finish().await;
}

/// Covers D21, D23.
#[tokio::test]
async fn another_organisation_cannot_take_the_place_of_one_that_has_links() {
    let it = Consented::new("another organisation").await;
    let app = it.cluster.app();
    let other = Organisation::given(it.cluster.google(), "other.example");
    let answer = app.connect_by_consent("acme", other.admin.mail()).await;
    let facts = [("domain", "acme.example")];
    refused(
        answer,
        Code::FailedPrecondition,
        "ANOTHER_ORGANISATION",
        &facts,
    );
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(
        (status.state(), status.domain.as_str()),
        (ConnectionState::Active, "acme.example")
    );
    let of_other = it.cluster.google().consents();
    assert!(
        of_other.iter().all(|it| it.user != other.admin.mail()),
        "{of_other:?}"
    );
    it.assert_back().await;
    it.cluster.finish().await;
}
