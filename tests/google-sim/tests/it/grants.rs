//! The JWT-bearer grant.

use google_sim::{ServiceAccount, scopes};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Acme, Reply};

const GOOGLES_AUDIENCE: &str = "https://oauth2.googleapis.com/token";

fn sign(account: &ServiceAccount, claims: &Value) -> String {
    let pem = account.key_file["private_key"]
        .as_str()
        .expect("the key file holds a key");
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("the key is RSA in PEM");
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &key).expect("the key signs")
}

fn claims(account: &ServiceAccount, subject: Option<&str>, scope: &str) -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    let mut claims = json!({
        "iss": account.client_email,
        "scope": scope,
        "aud": GOOGLES_AUDIENCE,
        "iat": now,
        "exp": now + 3600,
    });
    if let Some(subject) = subject {
        claims["sub"] = json!(subject);
    }
    claims
}

async fn delegated() -> (Acme, ServiceAccount) {
    let acme = Acme::start().await;
    let account = acme.control.service_account("roomsync");
    acme.org
        .delegate(&account, &[scopes::EVENTS, scopes::RESOURCES_READONLY])
        .expect("the organisation exists");
    (acme, account)
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.text("error"))
}

#[tokio::test]
async fn a_signed_assertion_gets_a_token_of_its_subject() {
    let (acme, account) = delegated().await;
    for audience in [GOOGLES_AUDIENCE, acme.sim.urls.token_url.as_str()] {
        let mut claims = claims(&account, Some("rooms@acme.test"), scopes::EVENTS);
        claims["aud"] = json!(audience);
        let reply = acme.grant(&sign(&account, &claims)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["token_type"], "Bearer");
        assert_eq!(reply.body["expires_in"], 3599);
        let path = format!("calendars/{}/events", acme.room.mail());
        let token = reply.text("access_token");
        let listed = acme.call_with(&token, Method::GET, &path, None, &[]).await;
        assert_eq!(listed.body["accessRole"], "writer");
    }
}

#[tokio::test]
async fn an_unknown_subject_an_alias_and_a_room_are_invalid() {
    let (acme, account) = delegated().await;
    acme.org
        .add(google_sim::NewUser {
            aliases: vec!["dora@acme.test".to_owned()],
            ..google_sim::NewUser::new("dorothea@acme.test")
        })
        .unwrap();
    for subject in ["nobody@acme.test", "dora@acme.test", acme.room.mail()] {
        let assertion = sign(&account, &claims(&account, Some(subject), scopes::EVENTS));
        let reply = acme.grant(&assertion).await;
        assert_eq!(
            refusal(&reply),
            (400, "invalid_grant".to_owned()),
            "{subject}"
        );
    }
}

#[tokio::test]
async fn one_scope_that_is_not_delegated_fails_the_whole_grant() {
    let (acme, account) = delegated().await;
    let both = format!("{} {}", scopes::EVENTS, scopes::CALENDAR);
    let assertion = sign(&account, &claims(&account, Some("rooms@acme.test"), &both));
    let reply = acme.grant(&assertion).await;
    assert_eq!(refusal(&reply), (401, "unauthorized_client".to_owned()));
    let stranger = acme.control.service_account("stranger");
    let assertion = sign(
        &stranger,
        &claims(&stranger, Some("rooms@acme.test"), scopes::EVENTS),
    );
    let reply = acme.grant(&assertion).await;
    assert_eq!(refusal(&reply), (401, "unauthorized_client".to_owned()));
}

#[tokio::test]
async fn a_delegation_can_be_revoked() {
    let (acme, account) = delegated().await;
    acme.org.revoke_delegation(&account).unwrap();
    let assertion = sign(
        &account,
        &claims(&account, Some("rooms@acme.test"), scopes::EVENTS),
    );
    let reply = acme.grant(&assertion).await;
    assert_eq!(refusal(&reply), (401, "unauthorized_client".to_owned()));
}

#[tokio::test]
async fn a_suspended_subject_is_invalid_and_its_tokens_are_dead() {
    let (acme, account) = delegated().await;
    let token = acme.token("alice@acme.test");
    acme.alice.suspend(true).unwrap();
    let assertion = sign(
        &account,
        &claims(&account, Some("alice@acme.test"), scopes::EVENTS),
    );
    assert_eq!(
        refusal(&acme.grant(&assertion).await),
        (400, "invalid_grant".to_owned())
    );
    let primary = "calendars/primary/events";
    assert_eq!(
        acme.call_with(&token, Method::GET, primary, None, &[])
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_foreign_key_a_wrong_audience_and_a_wrong_clock_are_refused() {
    let (acme, account) = delegated().await;
    let good = claims(&account, Some("rooms@acme.test"), scopes::EVENTS);
    let stranger = acme.control.service_account("stranger");
    let changed = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        sign(&account, &claims)
    };
    let now = jsonwebtoken::get_current_timestamp();
    let bad = [
        sign(&stranger, &good),
        changed("aud", json!("https://example.test/token")),
        changed("exp", json!(now - 600)),
        changed("exp", json!(now + 7200)),
        changed("iss", json!("nobody@google-sim.iam.gserviceaccount.com")),
        "nonsense".to_owned(),
    ];
    for assertion in bad {
        assert_eq!(
            refusal(&acme.grant(&assertion).await),
            (400, "invalid_grant".to_owned())
        );
    }
}

#[tokio::test]
async fn a_service_account_without_a_subject_cannot_invite() {
    let (acme, account) = delegated().await;
    let reply = acme
        .grant(&sign(&account, &claims(&account, None, scopes::EVENTS)))
        .await;
    let token = reply.text("access_token");
    acme.room
        .share(&account.client_email, google_sim::Role::Writer)
        .unwrap();
    let mut body = crate::support::body(9, 10);
    body["attendees"] = json!([{"email": "bob@acme.test"}]);
    let path = format!("calendars/{}/events", acme.room.mail());
    let reply = acme
        .call_with(&token, Method::POST, &path, Some(body), &[])
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "forbiddenForServiceAccounts")
    );
}

#[tokio::test]
async fn delegated_calls_count_on_the_service_account_unless_they_name_a_quota_user() {
    let (acme, account) = delegated().await;
    acme.control
        .configure(|settings| settings.quota_per_user_per_minute = Some(2));
    let path = format!("calendars/{}/events", acme.room.mail());
    let mut statuses = Vec::new();
    for subject in ["rooms@acme.test", "bob@acme.test", "rooms@acme.test"] {
        let assertion = sign(&account, &claims(&account, Some(subject), scopes::EVENTS));
        let token = acme.grant(&assertion).await.text("access_token");
        let list = async |path: &str| {
            let reply = acme.call_with(&token, Method::GET, path, None, &[]).await;
            reply.status.as_u16()
        };
        statuses.push(list(&path).await);
        let of_subject = format!("{path}?quotaUser={}", &subject[..3]);
        statuses.push(list(&of_subject).await);
    }
    let refused: Vec<bool> = statuses.iter().map(|status| *status == 403).collect();
    assert_eq!(refused, [false, false, false, false, true, false]);
}
