//! One administrator who connected several tenants by consent: to Google that is one grant, and taking it back for
//! one tenant would end it for all.

use google_sim::{NewEvent, Operation};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{Cluster, LinkedRoom, Organisation};
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    connect::{linked, unconnected},
    connect_refused::refused,
    scene::{Watched as _, tomorrow},
};

/// The tenant with a linked room, connected by the organisation's administrator.
async fn connected(cluster: &Cluster, organisation: &Organisation) -> LinkedRoom {
    let admin = organisation.admin.mail();
    let done = cluster.app().connect_by_consent("acme", admin).await;
    done.expect("connected");
    linked(cluster, organisation, "acme").await
}

/// Whether what happens at Google still comes: with a token that nobody had before.
async fn assert_serves(cluster: &Cluster, room: &LinkedRoom) {
    cluster.google().expire_access_tokens();
    let ana = room.organisation.given_user("ana");
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.room.mail());
    ana.insert_event(meeting).expect("Google takes it");
    room.wait_booking("a meeting", tomorrow(9), BookingState::Confirmed)
        .await;
}

/// Covers R48, D21.
#[tokio::test]
async fn a_consent_that_is_refused_is_not_given_back_while_it_serves_another_tenant() {
    let (cluster, organisation) = unconnected("a grant in use").await;
    let (app, google) = (cluster.app(), cluster.google());
    let room = connected(&cluster, &organisation).await;
    app.given_tenant("other").await;
    let claims = |claims: Value| {
        let claims = claims.as_object().cloned().unwrap_or_default();
        google.configure(|settings| settings.id_token_claims = claims);
    };

    claims(json!({"nonce": "another question's"}));
    let admin = organisation.admin.mail();
    let answer = app.connect_by_consent("other", admin).await;
    let facts = [("why", "nonce")];
    refused(answer, Code::FailedPrecondition, "ID_TOKEN_INVALID", &facts);
    claims(json!({}));

    assert!(google.calls(Operation::Revoke).is_empty());
    assert_serves(&cluster, &room).await;
    cluster.finish().await;
}
