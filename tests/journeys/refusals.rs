//! Connecting and linking that cannot be: each with a clear reason, and nothing deleted.

use google_sim::scopes;
use roomsync_process::grpc;
use roomsync_proto::integration::v1::{ConnectWithKeyRequest, ConnectionState, TenantSettings};
use roomsync_testkit::{Cluster, app::Organisation};
use tonic::{Code, Status};

use crate::scene::Scene;

fn reason(status: &Status) -> String {
    grpc::reason(status).unwrap_or_default()
}

/// Covers R69, R72.
#[tokio::test]
async fn links_that_cannot_be_are_refused_with_a_reason_and_delete_nothing() {
    let scene = Scene::new("refused links").await;
    let app = scene.cluster.app();
    let (_, booking) = scene.given_meeting(9).await;
    app.given_object("acme", "lagoon").await;
    let link = async |object: &str, mail: &str| {
        app.try_link_object("acme", object, mail)
            .await
            .expect_err("refused")
    };

    let refused = link("lagoon", "not an address").await;
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "INVALID_FIELD")
    );
    assert_eq!(
        grpc::metadata(&refused, "field").as_deref(),
        Some("resource_email")
    );

    let taken = link("lagoon", &scene.room.room.mail().to_uppercase()).await;
    assert_eq!(taken.code(), Code::AlreadyExists);
    assert_eq!(reason(&taken), "RESOURCE_ALREADY_LINKED");
    assert_eq!(
        grpc::metadata(&taken, "object_id").as_deref(),
        Some("aquarium")
    );

    let other = scene.room.organisation.given_room("Lagoon");
    let linked = link("aquarium", other.mail()).await;
    assert_eq!(reason(&linked), "OBJECT_ALREADY_LINKED");

    let unknown = link("no-such-object", other.mail()).await;
    assert_eq!(
        (unknown.code(), reason(&unknown).as_str()),
        (Code::NotFound, "OBJECT_NOT_FOUND")
    );

    let listed = scene.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].booking_id, booking.booking_id);
    scene.cluster.finish().await;
}

/// Covers R69.
#[tokio::test]
async fn without_a_connection_or_the_module_nothing_is_linked() {
    let cluster = Cluster::start("no connection").await;
    let app = cluster.app();
    app.given_tenant("acme").await;
    app.given_object("acme", "aquarium").await;
    let mail = "c_room@resource.calendar.google.com";
    let refused = app
        .try_link_object("acme", "aquarium", mail)
        .await
        .expect_err("no connection");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "NOT_CONNECTED");

    app.put_tenant("acme", false, TenantSettings::default())
        .await;
    let refused = app
        .try_link_object("acme", "aquarium", mail)
        .await
        .expect_err("no module");
    assert_eq!(reason(&refused), "MODULE_MISSING");
    cluster.finish().await;
}

/// Covers R52.
#[tokio::test]
async fn a_connection_that_cannot_be_says_which_subject_and_why() {
    let cluster = Cluster::start("refused connections").await;
    let (app, google) = (cluster.app(), cluster.google());
    let organisation = Organisation::given(google, "acme.example");
    let ana = organisation.given_user("ana");
    app.given_tenant("acme").await;
    let connect = async |key: Vec<u8>, directory: &str, rooms: &str| {
        let request = ConnectWithKeyRequest {
            tenant_id: "acme".to_owned(),
            key_json: key,
            directory_subject: directory.to_owned(),
            rooms_subject: rooms.to_owned(),
        };
        app.connections()
            .connect_with_key(request)
            .await
            .map(tonic::Response::into_inner)
    };
    let admin = organisation.admin.mail();

    let refused = connect(b"not a key".to_vec(), admin, "")
        .await
        .expect_err("no key");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "KEY_INVALID")
    );

    let refused = connect(organisation.key_json(), ana.mail(), "")
        .await
        .expect_err("no admin");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "DIRECTORY_SUBJECT_REFUSED");
    assert_eq!(
        grpc::metadata(&refused, "why").as_deref(),
        Some("not_an_administrator")
    );

    let nobody = "nobody@acme.example";
    let refused = connect(organisation.key_json(), admin, nobody)
        .await
        .expect_err("nobody");
    assert_eq!(reason(&refused), "ROOMS_SUBJECT_REFUSED");
    assert_eq!(
        grpc::metadata(&refused, "why").as_deref(),
        Some("unknown_subject")
    );

    organisation
        .org
        .revoke_delegation(&organisation.account)
        .expect("revoked");
    organisation
        .org
        .delegate(&organisation.account, &[scopes::RESOURCES_READONLY])
        .expect("a part");
    let waits = connect(organisation.key_json(), admin, "").await;
    let status = waits.expect("a scope misses").status.expect("a status");
    assert_eq!(
        (status.state(), status.reason.as_str()),
        (ConnectionState::Connecting, "NOT_DELEGATED")
    );

    organisation
        .org
        .delegate(
            &organisation.account,
            &[scopes::EVENTS, scopes::RESOURCES_READONLY],
        )
        .expect("everything");
    let status = connect(organisation.key_json(), admin, "")
        .await
        .expect("connected");
    assert_eq!(
        status.status.expect("a status").state(),
        ConnectionState::Active
    );
    cluster.finish().await;
}
