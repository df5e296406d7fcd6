//! Connecting by Google's consent screen, and adding the operator's service account.

use std::collections::BTreeMap;

use google_sim::{NewEvent, scopes};
use reqwest::Url;
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectionState, ConnectionWay, GetConnectOptionsRequest},
};
use roomsync_testkit::{
    Cluster, LinkedRoom, Organisation,
    consent::{BACK, consent},
};
use tonic::Code;

use crate::{
    connect_refused::refused,
    scene::{Watched as _, tomorrow},
};

/// A tenant, an organisation and nothing between them yet.
pub(crate) async fn unconnected(name: &str) -> (Cluster, Organisation) {
    let cluster = Cluster::builder(name).offering_consent().start().await;
    cluster.app().given_tenant("acme").await;
    let organisation = Organisation::given(cluster.google(), "acme.example");
    (cluster, organisation)
}

/// A room of the organisation, linked with an object of the tenant, and who follows it.
pub(crate) async fn linked(
    cluster: &Cluster,
    organisation: &Organisation,
    tenant: &str,
) -> LinkedRoom {
    let app = cluster.app();
    let room = organisation.given_room("Aquarium");
    app.given_object(tenant, "aquarium").await;
    let subscriber = app.subscribe(tenant).await;
    let link = app.link_object(tenant, "aquarium", room.mail()).await;
    let link = app.wait_imported(tenant, &link.link_id).await;
    let link = app.acknowledge(tenant, &link.link_id).await;
    LinkedRoom {
        tenant: tenant.to_owned(),
        object: "aquarium".to_owned(),
        link: link.expect("AcknowledgeReset"),
        room,
        organisation: organisation.clone(),
        subscriber,
    }
}

/// Covers R47, R49, R50, D3.
#[tokio::test]
async fn an_administrator_connects_on_googles_consent_screen_and_links_a_room() {
    let (cluster, organisation) = unconnected("consent").await;
    let (app, google) = (cluster.app(), cluster.google());
    let admin = organisation.admin.mail();
    let request = GetConnectOptionsRequest {
        tenant_id: "acme".to_owned(),
    };
    let options = app.connections().get_connect_options(request).await;
    let options = options.expect("GetConnectOptions").into_inner();
    assert!(options.consent && options.delegation);
    assert_eq!(
        options.delegation_client_id,
        cluster.operator().account.client_id
    );
    assert_eq!(options.delegation_scopes, [scopes::EVENTS_OWNED]);

    let begun = app
        .begin_connect("acme", admin)
        .await
        .expect("BeginConnect");
    let url: Url = begun.consent_url.parse().expect("an address");
    let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let optional = options.optional_scopes.iter().map(|it| it.scope.clone());
    let all: Vec<String> = options
        .required_scopes
        .iter()
        .cloned()
        .chain(optional)
        .collect();
    assert_eq!(
        asked["scope"],
        all.join(" "),
        "the screen lists what is asked for"
    );
    let exact = [
        ("response_type", "code"),
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("code_challenge_method", "S256"),
        ("redirect_uri", BACK),
        ("login_hint", admin),
        ("state", &begun.state),
    ];
    for (name, value) in exact {
        assert_eq!(asked[name], value, "{name}");
    }
    assert!(!asked.contains_key("include_granted_scopes"));

    let brought = consent(&begun.consent_url).await;
    let before = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(
        before.state(),
        ConnectionState::Disconnected,
        "agreeing alone is no connection"
    );
    let done = app.complete_connect("acme", &brought).await;
    let done = done.expect("CompleteConnect");
    let status = done.status.expect("a status");
    assert_eq!(status.state(), ConnectionState::Active);
    assert_eq!(status.way(), ConnectionWay::Consent);
    assert_eq!(status.domain, "acme.example");
    assert!(!status.books_as_users);
    let warned: Vec<&str> = done.warnings.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(warned, ["NO_ROOMS"]);

    let room = linked(&cluster, &organisation, "acme").await;
    let ana = organisation.given_user("ana");
    app.given_user("acme", "u-ana", ana.mail()).await;
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.room.mail());
    ana.insert_event(meeting).expect("Google takes it");
    room.wait_booking("the meeting", tomorrow(9), BookingState::Confirmed)
        .await;
    let subjects = google.ledger().into_iter().filter_map(|call| call.subject);
    assert!(
        subjects.into_iter().all(|subject| subject == admin),
        "nobody else is acted for"
    );
    cluster.finish().await;
}

/// Covers D3, D21.
#[tokio::test]
async fn rooms_that_cannot_be_written_or_read_are_told_before_any_link_is_made() {
    let (cluster, organisation) = unconnected("warnings").await;
    let (app, google) = (cluster.app(), cluster.google());
    let admin = organisation.admin.mail();
    let [reads, _hidden, writes] = ["A", "B", "C"].map(|name| organisation.given_room(name));
    google.configure(|settings| {
        settings.super_admins_own_rooms = false;
        settings.consent_granted = Some(
            [
                scopes::EVENTS,
                scopes::APP_CREATED,
                scopes::RESOURCES_READONLY,
                scopes::USERS_READONLY,
            ]
            .map(str::to_owned)
            .to_vec(),
        );
    });
    reads
        .share(admin, google_sim::Role::Reader)
        .expect("shared");
    writes
        .share(admin, google_sim::Role::Writer)
        .expect("shared");
    let done = app.connect_by_consent("acme", admin).await;
    let told: Vec<String> = done
        .expect("rights on rooms are a matter of each link")
        .warnings
        .iter()
        .map(|it| {
            format!(
                "{} {} {}/{}",
                it.reason, it.detail, it.rooms, it.rooms_probed
            )
        })
        .collect();
    let calendars = "https://www.googleapis.com/auth/calendar.calendars.readonly";
    assert_eq!(
        told,
        [
            "ROOMS_NOT_READABLE  1/3".to_owned(),
            "ROOMS_NOT_WRITABLE  1/3".to_owned(),
            format!("OPTIONAL_SCOPE_MISSING {calendars} 0/0"),
        ]
    );
    cluster.finish().await;
}

/// Covers R49, D3.
#[tokio::test]
async fn googles_keys_may_rotate_between_two_consents() {
    let (cluster, organisation) = unconnected("rotated keys").await;
    let (app, google) = (cluster.app(), cluster.google());
    let admin = organisation.admin.mail();
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    google.rotate_keys();
    google.rotate_keys();
    app.given_tenant("other").await;
    let done = app.connect_by_consent("other", admin).await;
    assert!(done.is_ok(), "{done:?}");
    cluster.finish().await;
}

/// Covers D21.
#[tokio::test]
async fn the_operators_service_account_is_added_when_the_organisation_delegated_it() {
    let (cluster, organisation) = unconnected("delegation").await;
    let app = cluster.app();
    let none = app.enable_delegation("acme").await;
    refused(none, Code::FailedPrecondition, "NOT_CONNECTED", &[]);
    let admin = organisation.admin.mail();
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");

    let not_yet = app.enable_delegation("acme").await;
    refused(
        not_yet,
        Code::FailedPrecondition,
        "NOT_DELEGATED",
        &[
            ("why", "scope_not_delegated"),
            ("scopes", scopes::EVENTS_OWNED),
        ],
    );
    cluster.operator().is_delegated_by(&organisation);
    let status = app.enable_delegation("acme").await.expect("delegated");
    assert!(status.books_as_users && status.state() == ConnectionState::Active);
    let again = app.enable_delegation("acme").await;
    assert!(again.expect("no fault").books_as_users);

    // A tenant with a key of its own has delegation already.
    let other = Organisation::given(cluster.google(), "other.example");
    app.given_tenant("other").await;
    app.connect("other", &other).await;
    let own = app.enable_delegation("other").await;
    refused(own, Code::FailedPrecondition, "CONSENT_MISSING", &[]);
    cluster.finish().await;
}
