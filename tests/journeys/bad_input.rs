//! Pushes that are not ours, callers that may not, ids of others, values that make no sense.

use std::net::SocketAddr;

use reqwest::{Client, StatusCode};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{
        CheckAvailabilityRequest, GetBookingRequest, ListBookingsRequest,
        booking_service_client::BookingServiceClient,
    },
    integration::v1::{GetLinkRequest, Object, UpsertObjectsRequest, UpsertUsersRequest, User},
    internal::v1::{
        AcquireRequest, ListLinksRequest, google_access_service_client::GoogleAccessServiceClient,
        mirror_service_client::MirrorServiceClient,
    },
};
use roomsync_testkit::{Cluster, SOON, Service, Token, app::window, eventually};
use tonic::Code;

use crate::scene::{Scene, tomorrow};

/// A channel to a listener, with a token.
pub(crate) fn channel(address: SocketAddr, token: &str) -> grpc::Channel {
    let config = grpc::ClientConfig::new(&format!("http://{address}"), token.to_owned());
    grpc::connect(&config.expect("a config")).expect("a channel")
}

/// How often calendars were hinted at, once sync-worker has nothing to do any more.
async fn settled_hints(scene: &Scene) -> i64 {
    eventually(SOON, "no calendar is dirty", async || {
        let hints: Option<i64> = sqlx::query_scalar(
            "SELECT sum(generation_wanted)::bigint FROM sync.calendars
            HAVING bool_and(generation_done = generation_wanted)",
        )
        .fetch_optional(scene.cluster.database().pool())
        .await
        .expect("sync.calendars");
        hints
    })
    .await
}

/// Lets one more caller in.
pub(crate) fn add_caller(table: &mut toml::Table, key: toml::Table) {
    let keys = table["callers"]["keys"]
        .as_array_mut()
        .expect("callers.keys");
    keys.push(key.into());
}

fn client() -> Client {
    Client::builder()
        .timeout(std::time::Duration::from_secs(10))
        .build()
        .expect("a client")
}

/// Covers R17.
#[tokio::test]
async fn a_push_that_is_not_ours_is_refused_and_publishes_nothing() {
    let cluster = Cluster::builder("foreign pushes")
        .with_every_push("hints are counted, and every poll is one")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let address = scene.cluster.address(Service::WebhookIngest, 0, "public");
    let url = format!("http://{address}/google/calendar/push");
    let channel = scene.cluster.google().channels().remove(0);
    let token = channel.token.expect("a token");
    let hints = settled_hints(&scene).await;

    let push = |id: &str, token: &str| {
        client()
            .post(&url)
            .header("X-Goog-Channel-ID", id)
            .header("X-Goog-Channel-Token", token)
            .header("X-Goog-Resource-ID", &channel.resource_id)
            .header("X-Goog-Resource-State", "exists")
            .header("X-Goog-Message-Number", "7")
    };
    let other = uuid::Uuid::new_v4().to_string();
    let status =
        async |request: reqwest::RequestBuilder| request.send().await.expect("an answer").status();
    assert_eq!(
        status(push(&channel.id, "v1.k1.nonsense")).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        status(push(&other, &token)).await,
        StatusCode::NOT_FOUND,
        "another channel's token"
    );
    assert_eq!(status(client().post(&url)).await, StatusCode::BAD_REQUEST);
    let huge = push(&channel.id, &token).body(vec![b'x'; 1 << 20]);
    assert_eq!(status(huge).await, StatusCode::PAYLOAD_TOO_LARGE);
    let long = push(&channel.id, &"x".repeat(100_000));
    assert!(status(long).await.is_client_error());
    assert_eq!(
        status(client().get(&url)).await,
        StatusCode::METHOD_NOT_ALLOWED
    );

    let robots = client()
        .get(format!("http://{address}/robots.txt"))
        .send()
        .await;
    let robots = robots.expect("robots.txt").text().await.expect("text");
    assert!(
        !robots.contains("Disallow: /"),
        "Google asks robots.txt before it pushes: {robots}"
    );

    assert_eq!(
        settled_hints(&scene).await,
        hints,
        "no calendar was hinted at"
    );
    assert_eq!(
        status(push(&channel.id, &token)).await,
        StatusCode::OK,
        "the real one is taken"
    );
    scene.cluster.finish().await;
}

/// Covers R1.
#[tokio::test]
async fn nobody_calls_without_a_token_and_internal_rpcs_are_not_on_the_public_listener() {
    let token = Token::random("the-test", "app");
    let key = token.key();
    let cluster = Cluster::builder("callers")
        .config(Service::BookingCommand, move |table| {
            add_caller(table, key.clone());
        })
        .start()
        .await;
    let public = cluster.address(Service::BookingCommand, 0, "public");
    let internal = cluster.address(Service::BookingCommand, 0, "internal");
    let request = || GetBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: "x".to_owned(),
        viewer: None,
    };
    let refused = BookingServiceClient::new(channel(public, "wrong"))
        .get_booking(request())
        .await;
    let refused = refused.expect_err("a wrong token");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(
        grpc::reason(&refused).is_some(),
        "with ErrorInfo: {refused:?}"
    );

    let app = channel(public, &token.secret);
    let links = MirrorServiceClient::new(app.clone())
        .list_links(ListLinksRequest::default())
        .await;
    assert_eq!(links.expect_err("internal").code(), Code::Unimplemented);
    let lent = GoogleAccessServiceClient::new(app)
        .acquire(AcquireRequest::default())
        .await;
    assert_eq!(lent.expect_err("internal").code(), Code::Unimplemented);

    let inside = MirrorServiceClient::new(channel(internal, &token.secret))
        .list_links(ListLinksRequest::default())
        .await;
    assert_eq!(
        inside.expect_err("not a service").code(),
        Code::PermissionDenied
    );
    cluster.finish().await;
}

/// Covers R1.
#[tokio::test]
async fn ids_of_another_tenant_are_not_found() {
    let token = Token::random("the-other-app", "app");
    let mut key = token.key();
    key.insert("tenants".to_owned(), vec!["other"].into());
    let cluster = Cluster::builder("another tenant")
        .config(Service::BookingCommand, move |table| {
            add_caller(table, key.clone());
        })
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let app = scene.cluster.app();
    app.given_linked_room(scene.cluster.google(), "other", "Cellar")
        .await;
    let (_, booking) = scene.given_meeting(9).await;

    let request = GetBookingRequest {
        tenant_id: "other".to_owned(),
        booking_id: booking.booking_id.clone(),
        viewer: None,
    };
    let refused = app
        .bookings()
        .get_booking(request)
        .await
        .expect_err("another tenant's");
    assert_eq!(refused.code(), Code::NotFound);
    assert_eq!(grpc::reason(&refused).as_deref(), Some("BOOKING_NOT_FOUND"));

    let request = GetLinkRequest {
        tenant_id: "other".to_owned(),
        link_id: scene.room.link.link_id.clone(),
    };
    let refused = app
        .links()
        .get_link(request)
        .await
        .expect_err("another tenant's");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("LINK_NOT_FOUND"));

    let request = ListBookingsRequest {
        tenant_id: "other".to_owned(),
        object_ids: vec![scene.room.object.clone()],
        window: Some(window(tomorrow(0), tomorrow(24))),
        ..ListBookingsRequest::default()
    };
    let refused = app
        .bookings()
        .list_bookings(request)
        .await
        .expect_err("another tenant's");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("OBJECT_NOT_FOUND"));

    // A caller that may see one tenant only does not learn that the other exists.
    let public = scene.cluster.address(Service::BookingCommand, 0, "public");
    let narrow = channel(public, &token.secret);
    let request = GetBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: booking.booking_id,
        viewer: None,
    };
    let refused = BookingServiceClient::new(narrow).get_booking(request).await;
    let refused = refused.expect_err("not this caller's");
    assert_eq!(refused.code(), Code::NotFound);
    scene.cluster.finish().await;
}

/// Covers R33.
#[tokio::test]
async fn a_bad_value_is_answered_with_its_field_and_what_was_expected() {
    let cluster = Cluster::start("bad values").await;
    let app = cluster.app();
    app.given_tenant("acme").await;
    app.given_object("acme", "aquarium").await;
    let field = |status: tonic::Status| {
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert_eq!(grpc::reason(&status).as_deref(), Some("INVALID_FIELD"));
        let expected = grpc::metadata(&status, "expected");
        assert!(expected.is_some_and(|e| !e.is_empty()));
        grpc::metadata(&status, "field").expect("a field")
    };

    let backwards = CheckAvailabilityRequest {
        tenant_id: "acme".to_owned(),
        object_ids: vec!["aquarium".to_owned()],
        window: Some(window(tomorrow(10), tomorrow(9))),
    };
    let refused = app
        .bookings()
        .check_availability(backwards)
        .await
        .expect_err("backwards");
    assert!(field(refused).starts_with("window"));

    let object = |id: &str, zone: &str| Object {
        object_id: id.to_owned(),
        name: "A room".to_owned(),
        time_zone: zone.to_owned(),
        ..Object::default()
    };
    let request = UpsertObjectsRequest {
        tenant_id: "acme".to_owned(),
        objects: vec![object("a", "Europe/Berlin"), object("b", "Mars/Olympus")],
    };
    let refused = app
        .catalogue()
        .upsert_objects(request)
        .await
        .expect_err("a zone");
    assert_eq!(field(refused), "objects[1].time_zone");

    let user = |id: &str, mail: &str| User {
        user_id: id.to_owned(),
        mail: mail.to_owned(),
        ..User::default()
    };
    let request = UpsertUsersRequest {
        tenant_id: "acme".to_owned(),
        users: vec![user("u1", "no-address")],
    };
    let refused = app
        .people()
        .upsert_users(request)
        .await
        .expect_err("a mail");
    assert_eq!(field(refused), "users[0].mail");

    app.given_user("acme", "u1", "ana@acme.example").await;
    let request = UpsertUsersRequest {
        tenant_id: "acme".to_owned(),
        users: vec![user("u2", "ANA@acme.example")],
    };
    let refused = app.people().upsert_users(request).await.expect_err("taken");
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(grpc::reason(&refused).as_deref(), Some("MAIL_TAKEN"));
    cluster.finish().await;
}
