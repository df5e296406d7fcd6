//! Connecting with a key whose delegation Google does not honour yet: the key waits, and nobody has to come back.

use google_sim::{Operation, scopes};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectWithKeyRequest, ConnectionState, ConnectionStatus, LinkState},
};
use roomsync_testkit::{Cluster, FakeBookingApp, Organisation, Service};
use tonic::Code;

use crate::{
    connect::linked,
    connect_refused::refused,
    disconnect::{count, kept, wait_connection},
    scene::{Scene, Watched as _, tomorrow},
};

const SECRETS: &str = "SELECT count(*) FROM booking.connections WHERE sealed_key IS NOT NULL";

fn delegate(organisation: &Organisation) {
    let scopes = [
        scopes::EVENTS,
        scopes::RESOURCES_READONLY,
        scopes::EVENTS_OWNED,
        scopes::APP_CREATED,
    ];
    let delegated = organisation.org.delegate(&organisation.account, &scopes);
    delegated.expect("delegated");
}

fn withdraw(organisation: &Organisation) {
    let withdrawn = organisation.org.revoke_delegation(&organisation.account);
    withdrawn.expect("withdrawn");
}

/// A tenant and an organisation that has not delegated anything, where keys are proved again often.
async fn undelegated(name: &str, give_up_after: &str) -> (Cluster, Organisation) {
    let cluster = Cluster::builder(name)
        .set(Service::BookingCommand, "connect.retry_every", "50ms")
        .set(
            Service::BookingCommand,
            "connect.give_up_after",
            give_up_after,
        )
        .start()
        .await;
    cluster.app().given_tenant("acme").await;
    let organisation = Organisation::given(cluster.google(), "acme.example");
    withdraw(&organisation);
    (cluster, organisation)
}

fn waits(status: &ConnectionStatus) {
    assert_eq!(
        (status.state(), status.reason.as_str()),
        (ConnectionState::Connecting, "NOT_DELEGATED")
    );
}

/// Waits until the key was proved in vain so many more times.
async fn tried_again(cluster: &Cluster, times: usize) {
    let in_vain = |cluster: &Cluster| {
        let tokens = cluster.google().calls(Operation::Token);
        let refused = tokens.iter().filter(|call| call.status == Some(401));
        refused.count()
    };
    let before = in_vain(cluster);
    cluster
        .app()
        .wait_for("the key is tried again", async || {
            Ok((in_vain(cluster) >= before + times).then_some(()))
        })
        .await;
}

async fn connect_rooms_as(
    app: &FakeBookingApp,
    organisation: &Organisation,
    rooms_subject: &str,
) -> ConnectionStatus {
    let request = ConnectWithKeyRequest {
        tenant_id: "acme".to_owned(),
        key_json: organisation.key_json(),
        directory_subject: organisation.admin.mail().to_owned(),
        rooms_subject: rooms_subject.to_owned(),
    };
    let answer = app.connections().connect_with_key(request).await;
    let answer = answer.expect("ConnectWithKey").into_inner();
    answer.status.unwrap_or_default()
}

/// Covers R47, R52, D21.
#[tokio::test]
async fn a_key_that_is_delegated_later_connects_by_itself_and_rooms_can_be_linked() {
    let (cluster, organisation) = undelegated("delegated later", "24h").await;
    let app = cluster.app();
    let status = app.connect("acme", &organisation).await;
    waits(&status);
    assert_eq!(
        (status.domain.as_str(), status.connected_at),
        ("acme.example", None)
    );
    app.given_object("acme", "lagoon").await;
    let room = organisation.given_room("Lagoon");
    let early = app.try_link_object("acme", "lagoon", room.mail()).await;
    let state = [("state", "CONNECTING")];
    refused(early, Code::FailedPrecondition, "NOT_CONNECTED", &state);
    tried_again(&cluster, 3).await;
    waits(&app.connection_status("acme").await.expect("GetStatus"));

    delegate(&organisation);
    let status = wait_connection(app, ConnectionState::Active).await;
    assert!(status.reason.is_empty() && status.connected_at.is_some());
    let room = linked(&cluster, &organisation, "acme").await;
    let ana = organisation.given_user("ana");
    app.given_user("acme", "u-ana", ana.mail()).await;
    let meeting = google_sim::NewEvent::timed(tomorrow(9), tomorrow(10));
    ana.insert_event(meeting.in_room(room.room.mail()))
        .expect("Google takes it");
    room.wait_booking("the meeting", tomorrow(9), BookingState::Confirmed)
        .await;
    cluster.finish().await;
}

/// Covers D21, D23.
#[tokio::test]
async fn addresses_that_were_kept_are_verified_when_a_waiting_key_connects() {
    let cluster = Cluster::builder("kept and delegated later")
        .set(Service::BookingCommand, "connect.retry_every", "50ms")
        .replicas(Service::BookingCommand, 2)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (app, organisation) = (scene.cluster.app(), &scene.room.organisation);
    scene.given_meeting(9).await;
    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    scene.wait_count("no booking", 0).await;
    let link = kept(app).await;

    withdraw(organisation);
    waits(&app.connect("acme", organisation).await);
    tried_again(&scene.cluster, 2).await;
    kept(app).await;
    delegate(organisation);
    wait_connection(app, ConnectionState::Active).await;
    let imported = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(
        (imported.state(), imported.reason.as_str()),
        (LinkState::Verified, "")
    );
    app.now_linked(&imported);
    scene.wait_count("imported again", 1).await;
    scene.cluster.finish().await;
}

/// Covers D21.
#[tokio::test]
async fn a_key_that_is_never_delegated_is_forgotten_and_says_why() {
    let (cluster, organisation) = undelegated("never delegated", "1s").await;
    let app = cluster.app();
    waits(&app.connect("acme", &organisation).await);
    assert_eq!(count(&cluster, SECRETS).await, 1);
    let given_up = wait_connection(app, ConnectionState::Disconnected).await;
    assert_eq!(
        (given_up.reason.as_str(), given_up.domain.as_str()),
        ("NOT_DELEGATED", "")
    );
    assert_eq!(count(&cluster, SECRETS).await, 0, "the key is forgotten");

    delegate(&organisation);
    let status = app.connect("acme", &organisation).await;
    assert_eq!(
        (status.state(), status.reason.as_str()),
        (ConnectionState::Active, "")
    );
    cluster.finish().await;
}

/// Covers R52, D21.
#[tokio::test]
async fn a_waiting_key_that_lacks_more_than_delegation_is_given_up_at_once() {
    let (cluster, organisation) = undelegated("more than delegation", "24h").await;
    let app = cluster.app();
    let nobody = "nobody@acme.example";
    waits(&connect_rooms_as(app, &organisation, nobody).await);
    delegate(&organisation);
    let given_up = wait_connection(app, ConnectionState::Disconnected).await;
    assert_eq!(given_up.reason, "ROOMS_SUBJECT_REFUSED");

    // An administrator may end the waiting, or begin it anew with another key.
    withdraw(&organisation);
    waits(&connect_rooms_as(app, &organisation, nobody).await);
    waits(&app.connect("acme", &organisation).await);
    app.disconnect("acme").await.expect("Disconnect");
    let ended = wait_connection(app, ConnectionState::Disconnected).await;
    assert!(ended.reason.is_empty(), "{ended:?}");
    assert_eq!(count(&cluster, SECRETS).await, 0);
    cluster.finish().await;
}

/// Covers D21, D23.
#[tokio::test]
async fn a_connection_that_works_is_not_replaced_by_a_key_that_is_not_delegated_yet() {
    let scene = Scene::new("not replaced").await;
    let app = scene.cluster.app();
    let before = app.connection_status("acme").await.expect("GetStatus");
    let other = Organisation {
        account: scene.cluster.google().service_account("another-key"),
        ..scene.room.organisation.clone()
    };
    let answer = app.try_connect("acme", &other).await;
    let answer = answer.expect_err("not delegated");
    assert_eq!(
        (
            grpc::reason(&answer).as_deref(),
            grpc::metadata(&answer, "why").as_deref()
        ),
        (
            Some("DIRECTORY_SUBJECT_REFUSED"),
            Some("scope_not_delegated")
        )
    );
    let after = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(
        (after.state(), after.connected_at),
        (ConnectionState::Active, before.connected_at)
    );
    scene.given_meeting(9).await;
    scene.cluster.finish().await;
}
