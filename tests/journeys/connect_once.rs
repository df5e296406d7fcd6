//! Connecting leaves one of everything: one connection however often its answer is brought, one organisation, one
//! calendar of our own, and no grant that nobody needs.

use std::time::Duration;

use google_sim::Operation;
use roomsync_process::grpc;
use roomsync_proto::integration::v1::{
    CompleteConnectRequest, ConnectWithKeyRequest, ConnectionState,
};
use roomsync_testkit::{
    Cluster, NewBooking, Organisation, SOON, Service, consent::consent, eventually,
};
use tokio::task::JoinSet;
use tonic::{Code, Request};

use crate::{
    connect::unconnected,
    connect_refused::refused,
    disconnect::wait_connection,
    scene::{Scene, tomorrow},
};

/// Covers R49, D21.
#[tokio::test]
async fn an_answer_whose_caller_is_gone_connects_all_the_same() {
    let (cluster, organisation) = unconnected("connecting cut off").await;
    let (app, google) = (cluster.app(), cluster.google());
    organisation.given_room("Aquarium");
    let begun = app.begin_connect("acme", organisation.admin.mail()).await;
    let brought = consent(&begun.expect("offered").consent_url).await;
    let held = google.hold_any(Operation::ResourcesList);
    let mut request = Request::new(CompleteConnectRequest {
        tenant_id: "acme".to_owned(),
        state: brought.state.clone(),
        code: brought.code.clone(),
        error: String::new(),
    });
    request.set_timeout(Duration::from_secs(1));
    let cut_off = app.connections().complete_connect(request).await;
    cut_off.expect_err("it takes longer than that");
    tokio::time::timeout(SOON, held.wait_until_reached())
        .await
        .expect("it is being proved");

    let again = app.complete_connect("acme", &brought).await;
    refused(again, Code::Unavailable, "STATE_IN_USE", &[]);
    held.release();
    wait_connection(app, ConnectionState::Active).await;
    let again = app.complete_connect("acme", &brought).await;
    refused(again, Code::FailedPrecondition, "STATE_UNKNOWN", &[]);
    cluster.finish().await;
}

/// Covers D21, D23.
#[tokio::test]
async fn a_key_of_another_organisation_takes_no_linked_tenant_over() {
    let scene = Scene::new("key of another organisation").await;
    let app = scene.cluster.app();
    let other = Organisation::given(scene.cluster.google(), "other.example");
    let answer = app.try_connect("acme", &other).await;
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

    // An administrator of another domain of the same organisation is none of another organisation.
    let organisation = &scene.room.organisation;
    let boss = organisation.org.add_user("boss@second.example", true);
    let request = ConnectWithKeyRequest {
        tenant_id: "acme".to_owned(),
        key_json: organisation.key_json(),
        directory_subject: boss.expect("a second domain").mail().to_owned(),
        rooms_subject: String::new(),
    };
    let connected = app.connections().connect_with_key(request).await;
    let status = connected
        .expect("the same organisation")
        .into_inner()
        .status;
    assert_eq!(status.expect("a status").domain, "second.example");
    scene.given_meeting(9).await;
    scene.cluster.finish().await;
}

/// Covers D22, B7.
#[tokio::test]
async fn two_replicas_make_one_calendar_of_our_own() {
    let cluster = Cluster::builder("one calendar")
        .replicas(Service::BookingCommand, 2)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google();
    let strangers = [
        ("u-ghost", "ghost@acme.example"),
        ("u-elf", "elf@acme.example"),
    ];
    for (id, mail) in strangers {
        scene.cluster.app().given_user("acme", id, mail).await;
    }
    let held = google.hold_any(Operation::CalendarInsert);
    let mut calls = JoinSet::new();
    for (replica, (who, hour)) in [("u-ghost", 9), ("u-elf", 11)].into_iter().enumerate() {
        let app = scene.cluster.app_at(replica).clone();
        let new = NewBooking::by_user("aquarium", tomorrow(hour), who);
        calls.spawn(async move { app.book("acme", new).await });
    }
    tokio::time::timeout(SOON, held.wait_until_reached())
        .await
        .expect("one is being made");
    eventually(SOON, "Google knows neither of them", async || {
        let refused = google.calls(Operation::Token).into_iter();
        let refused = refused.filter(|call| call.status.is_some_and(|it| it != 200));
        (refused.count() >= 2).then_some(())
    })
    .await;
    held.release();
    while let Some(booked) = calls.join_next().await {
        booked.expect("booked");
    }
    assert_eq!(google.calls(Operation::CalendarInsert).len(), 1);
    scene.cluster.finish().await;
}

/// Covers D23, D21.
#[tokio::test]
async fn a_replaced_administrators_grant_is_given_back_when_no_tenant_needs_it() {
    let (cluster, organisation) = unconnected("replaced grant").await;
    let (app, google) = (cluster.app(), cluster.google());
    app.given_tenant("beta").await;
    let admin = organisation.admin.mail();
    let boss = organisation.org.add_user("boss@acme.example", true);
    let boss = boss.expect("another administrator");
    for (tenant, who) in [("acme", admin), ("beta", admin), ("acme", boss.mail())] {
        let done = app.connect_by_consent(tenant, who).await;
        done.expect("connected");
    }
    let granted = || {
        let mut users: Vec<String> = google.consents().into_iter().map(|it| it.user).collect();
        users.sort();
        users
    };
    assert_eq!(granted(), [admin, boss.mail()], "beta is connected by it");
    let done = app.connect_by_consent("beta", boss.mail()).await;
    done.expect("connected");
    assert_eq!(granted(), [boss.mail()]);
    // The same account again: its one grant is the new one's, too.
    let done = app.connect_by_consent("beta", boss.mail()).await;
    done.expect("connected");
    assert_eq!(granted(), [boss.mail()]);

    // A key takes the place of a grant as well.
    for tenant in ["acme", "beta"] {
        app.connect(tenant, &organisation).await;
    }
    assert!(granted().is_empty(), "{:?}", granted());
    let status = app.connection_status("acme").await;
    assert_eq!(status.expect("GetStatus").state(), ConnectionState::Active);
    let refused = grpc::reason(&app.enable_delegation("acme").await.expect_err("a key"));
    assert_eq!(refused.as_deref(), Some("CONSENT_MISSING"));
    cluster.finish().await;
}
