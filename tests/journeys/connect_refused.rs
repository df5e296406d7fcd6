//! Consents that do not connect: each with its reason, nothing stored, and what was granted given back.

use google_sim::{Control, Fault, NewUser, Operation, Settings, scopes};
use roomsync_process::grpc;
use roomsync_proto::integration::v1::{BeginConnectRequest, ConnectionState};
use roomsync_testkit::{
    Cluster, Organisation,
    consent::{BACK, Brought, consent},
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::connect::unconnected;

/// The refusal, which must be this one and tell this.
pub(crate) fn refused<T>(
    answer: Result<T, Status>,
    code: Code,
    reason: &str,
    facts: &[(&str, &str)],
) {
    let status = answer.err().expect("a refusal");
    let told = grpc::reason(&status).unwrap_or_default();
    assert_eq!((status.code(), told.as_str()), (code, reason), "{status}");
    for (name, fact) in facts {
        let told = grpc::metadata(&status, name);
        assert_eq!(told.as_deref(), Some(*fact), "{name} of {reason}");
    }
}

const REFUSED: Code = Code::FailedPrecondition;

async fn brought(cluster: &Cluster, tenant: &str, who: &str) -> Brought {
    let begun = cluster.app().begin_connect(tenant, who).await;
    consent(&begun.expect("BeginConnect").consent_url).await
}

/// Nothing is connected and Google holds no grant.
async fn nothing_is_left(cluster: &Cluster, what: &str) {
    let status = cluster.app().connection_status("acme").await;
    let state = status.expect("GetStatus").state();
    assert_eq!(state, ConnectionState::Disconnected, "{what}");
    let left = cluster.google().consents();
    assert!(left.is_empty(), "{what} leaves {left:?}");
}

fn ticked(settings: &mut Settings, only: &[&str]) {
    let only = only.iter().map(|&scope| scope.to_owned()).collect();
    settings.consent_granted = Some(only);
}

fn claims(google: &Control, claims: &Value) {
    let claims = claims.as_object().cloned().unwrap_or_default();
    google.configure(|settings| settings.id_token_claims = claims);
}

/// Covers R48, R49, R50, D3.
#[tokio::test]
async fn who_does_not_agree_to_everything_that_is_needed_is_not_connected() {
    let (cluster, organisation) = unconnected("refusing consent").await;
    let (app, google) = (cluster.app(), cluster.google());
    let admin = organisation.admin.mail();

    for word in ["access_denied", "admin_policy_enforced"] {
        google.configure(|settings| settings.consent_refused_with = Some(word.to_owned()));
        let denied = app.connect_by_consent("acme", admin).await;
        refused(denied, REFUSED, "CONSENT_DENIED", &[("error", word)]);
        nothing_is_left(&cluster, word).await;
    }
    google.configure(|settings| settings.consent_refused_with = None);

    google.configure(|settings| ticked(settings, &[scopes::EVENTS, scopes::USERS_READONLY]));
    let partly = app.connect_by_consent("acme", admin).await;
    let missing = format!("{} {}", scopes::APP_CREATED, scopes::RESOURCES_READONLY);
    refused(partly, REFUSED, "SCOPES_MISSING", &[("scopes", &missing)]);
    nothing_is_left(&cluster, "a part of the scopes").await;
    google.configure(|settings| settings.consent_granted = None);

    // With everything it goes.
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    cluster.finish().await;
}

/// Covers R48, D21.
#[tokio::test]
async fn who_is_no_administrator_of_an_organisation_cannot_connect() {
    let (cluster, organisation) = unconnected("no administrator").await;
    let (app, google) = (cluster.app(), cluster.google());
    let ana = organisation.given_user("ana");
    let told = app.connect_by_consent("acme", ana.mail()).await;
    refused(told, REFUSED, "NOT_AN_ADMINISTRATOR", &[]);
    nothing_is_left(&cluster, "an ordinary user").await;

    claims(google, &json!({"hd": null}));
    let consumer = app
        .connect_by_consent("acme", organisation.admin.mail())
        .await;
    refused(consumer, REFUSED, "CONSUMER_ACCOUNT", &[]);
    nothing_is_left(&cluster, "a consumer account").await;
    claims(google, &json!({}));

    // An administrator of resources alone is one.
    let desk = NewUser {
        delegated_admin: true,
        ..NewUser::new("desk@acme.example")
    };
    organisation.org.add(desk).expect("a user");
    let connected = app.connect_by_consent("acme", "desk@acme.example").await;
    connected.expect("connected");
    cluster.finish().await;
}

/// Covers R48.
#[tokio::test]
async fn an_id_token_that_is_not_to_be_believed_connects_nobody() {
    let (cluster, organisation) = unconnected("forged id tokens").await;
    let (app, google) = (cluster.app(), cluster.google());
    let admin = organisation.admin.mail();
    for (forged, why) in [
        (json!({"nonce": "another question's"}), "nonce"),
        (json!({"nonce": null}), "nonce"),
        (
            json!({"aud": "another-client.apps.googleusercontent.com"}),
            "audience",
        ),
        (json!({"iss": "https://accounts.example.com"}), "issuer"),
        (json!({"exp": 1_700_000_000}), "time"),
        (json!({"email_verified": false}), "mail"),
    ] {
        claims(google, &forged);
        let answer = app.connect_by_consent("acme", admin).await;
        refused(answer, REFUSED, "ID_TOKEN_INVALID", &[("why", why)]);
        nothing_is_left(&cluster, why).await;
    }
    cluster.finish().await;
}

/// Covers R50, D21.
#[tokio::test]
async fn a_state_is_good_once_for_its_own_tenant_and_for_ten_minutes() {
    let (cluster, organisation) = unconnected("states").await;
    let app = cluster.app();
    let admin = organisation.admin.mail();
    app.given_tenant("other").await;

    let foreign = brought(&cluster, "other", admin).await;
    let taken = app.complete_connect("acme", &foreign).await;
    refused(taken, REFUSED, "STATE_UNKNOWN", &[]);
    let made_up = Brought {
        state: "made up".to_owned(),
        ..foreign.clone()
    };
    let taken = app.complete_connect("acme", &made_up).await;
    refused(taken, REFUSED, "STATE_UNKNOWN", &[]);

    let late = brought(&cluster, "acme", admin).await;
    sqlx::query("UPDATE booking.consents SET expires_at = now() WHERE tenant_id = 'acme'")
        .execute(cluster.database().pool())
        .await
        .expect("ten minutes pass");
    let taken = app.complete_connect("acme", &late).await;
    refused(taken, REFUSED, "STATE_UNKNOWN", &[]);

    // A refusal uses a state up as well as a success does.
    let wrong = brought(&cluster, "acme", admin).await;
    let no_code = Brought {
        code: "4/0Anonsense".to_owned(),
        ..wrong.clone()
    };
    let taken = app.complete_connect("acme", &no_code).await;
    refused(taken, REFUSED, "CODE_REFUSED", &[]);
    let taken = app.complete_connect("acme", &wrong).await;
    refused(taken, REFUSED, "STATE_UNKNOWN", &[]);

    let good = brought(&cluster, "acme", admin).await;
    app.complete_connect("acme", &good)
        .await
        .expect("connected");
    let again = app.complete_connect("acme", &good).await;
    refused(again, REFUSED, "STATE_UNKNOWN", &[]);
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(status.state(), ConnectionState::Active);
    // Whom the other tenant's state was for it still serves.
    let own = app.complete_connect("other", &foreign).await;
    own.expect("connected");
    cluster.finish().await;
}

/// Covers R50.
#[tokio::test]
async fn a_fault_of_google_uses_nothing_up_whatever_step_it_meets() {
    let (cluster, organisation) = unconnected("faults while connecting").await;
    let (app, google) = (cluster.app(), cluster.google());
    let brought = brought(&cluster, "acme", organisation.admin.mail()).await;
    organisation.given_room("Aquarium");
    // The code is exchanged once, at the second try; the tries after it go on with what it brought.
    for operation in [Operation::Token, Operation::Certs, Operation::ResourcesList] {
        google.add_fault(Fault::answer(503, "backendError").on(operation));
        let answer = app.complete_connect("acme", &brought).await;
        refused(answer, Code::Unavailable, "GOOGLE_UNAVAILABLE", &[]);
        let status = app.connection_status("acme").await.expect("GetStatus");
        assert_eq!(
            status.state(),
            ConnectionState::Disconnected,
            "{operation:?}"
        );
    }
    let done = app.complete_connect("acme", &brought).await;
    done.expect("connected with the same code");
    cluster.finish().await;
}

/// Covers R49.
#[tokio::test]
async fn what_cannot_be_asked_is_refused_before_anybody_is_sent_to_google() {
    let (cluster, _organisation) = unconnected("wrong questions").await;
    let app = cluster.app();
    let begin = async |redirect_uri: &str, login_hint: &str| {
        let request = BeginConnectRequest {
            tenant_id: "acme".to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            login_hint: login_hint.to_owned(),
        };
        app.connections().begin_connect(request).await
    };
    for (redirect_uri, login_hint, field) in [
        ("https://evil.example/back", "", "redirect_uri"),
        ("", "", "redirect_uri"),
        (BACK, "nobody", "login_hint"),
    ] {
        let answer = begin(redirect_uri, login_hint).await;
        let facts = [("field", field)];
        refused(answer, Code::InvalidArgument, "INVALID_FIELD", &facts);
    }
    let nothing = app.complete_connect("acme", &Brought::default()).await;
    let facts = [("field", "code")];
    refused(nothing, Code::InvalidArgument, "INVALID_FIELD", &facts);
    cluster.finish().await;
}

/// Covers R50.
#[tokio::test]
async fn an_installation_without_an_oauth_client_offers_no_consent() {
    let cluster = Cluster::start("no consent").await;
    let app = cluster.app();
    app.given_tenant("acme").await;
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let begun = app.begin_connect("acme", organisation.admin.mail()).await;
    refused(begun, REFUSED, "CONSENT_NOT_OFFERED", &[]);
    cluster.finish().await;
}
