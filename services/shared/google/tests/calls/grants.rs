use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use roomsync_google::{AccessLostWhy, AccessToken, GoogleError, ServiceAccountKey, scopes};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string_contains, header, method, path},
};

use crate::{google, html, only_request};

struct Account {
    key: ServiceAccountKey,
    public: DecodingKey,
}

/// A service account with a fresh key, whose file points somewhere else.
fn account(token_uri: Option<&str>) -> Account {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = STANDARD.encode(pair.as_der().unwrap().as_ref());
    let mut file = json!({
        "type": "service_account",
        "private_key_id": "k1",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n"),
        "client_email": "sync@a-project.iam.gserviceaccount.com",
    });
    if let Some(token_uri) = token_uri {
        file["token_uri"] = json!(token_uri);
    }
    Account {
        key: ServiceAccountKey::parse(&file.to_string()).unwrap(),
        public: DecodingKey::from_rsa_der(pair.public_key().as_ref()),
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

async fn ask(server: &MockServer, account: &Account) -> Result<AccessToken, GoogleError> {
    let scopes = [scopes::CALENDAR_EVENTS, scopes::DIRECTORY_RESOURCES];
    google(server)
        .service_account_token(&account.key, "admin@example.com", &scopes, now())
        .await
}

async fn serve(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/token"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string_contains(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer",
        ))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

fn granted(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// The claims that were sent, after their signature was verified with the public key.
async fn claims(server: &MockServer, account: &Account) -> Value {
    let request = only_request(server).await;
    let (_, assertion) = url::form_urlencoded::parse(&request.body)
        .find(|(name, _)| name == "assertion")
        .expect("an assertion");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    let token =
        jsonwebtoken::decode::<Value>(assertion.as_ref(), &account.public, &validation).unwrap();
    assert_eq!(token.header.kid.as_deref(), Some("k1"));
    token.claims
}

#[tokio::test]
async fn a_signed_statement_buys_a_token() {
    let server = serve(granted(json!({
        "access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer",
    })))
    .await;
    let account = account(Some("https://elsewhere.example.com/token"));
    let token = ask(&server, &account).await.unwrap();
    assert_eq!(token.token.expose_secret(), "ya29.x");
    assert_eq!(token.expires_at, now() + chrono::TimeDelta::seconds(3599));
    // The file's address is signed, but the request went to the configured server.
    let expected = json!({
        "iss": "sync@a-project.iam.gserviceaccount.com",
        "sub": "admin@example.com",
        "scope": "https://www.googleapis.com/auth/calendar.events \
                  https://www.googleapis.com/auth/admin.directory.resource.calendar.readonly",
        "aud": "https://elsewhere.example.com/token",
        "iat": now().timestamp(),
        "exp": now().timestamp() + 3600,
    });
    assert_eq!(claims(&server, &account).await, expected);
}

#[tokio::test]
async fn without_an_address_in_the_key_the_configured_one_is_signed() {
    let server = serve(granted(json!({"access_token": "ya29.x"}))).await;
    let account = account(None);
    let token = ask(&server, &account).await.unwrap();
    assert_eq!(token.expires_at, now() + chrono::TimeDelta::hours(1));
    assert_eq!(
        claims(&server, &account).await["aud"],
        format!("{}/token", server.uri())
    );
}

#[tokio::test]
async fn a_client_that_is_not_delegated_is_told_so() {
    let server = serve(ResponseTemplate::new(401).set_body_json(json!({
        "error": "unauthorized_client",
        "error_description": "Client is unauthorized to retrieve access tokens using this method",
    })))
    .await;
    let error = ask(&server, &account(None)).await.unwrap_err();
    let GoogleError::AccessLost { why } = error else {
        panic!("{error:?}")
    };
    assert_eq!(why, AccessLostWhy::NotDelegated);
}

#[rstest::rstest]
#[case::fault(html(503), "unavailable")]
#[case::no_token(granted(json!({"id_token": "x"})), "unreadable")]
#[case::no_json(ResponseTemplate::new(200).set_body_string("ok"), "unreadable")]
#[tokio::test]
async fn a_fault_of_the_token_endpoint_is_a_fault(
    #[case] answer: ResponseTemplate,
    #[case] kind: &str,
) {
    let error = ask(&serve(answer).await, &account(None)).await.unwrap_err();
    assert_eq!(error.kind(), kind);
}
