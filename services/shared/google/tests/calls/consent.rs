//! Consent: the address of the screen, codes, refresh tokens, revocation and id tokens.

use std::collections::BTreeMap;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, jwk::Jwk};
use roomsync_google::{
    AccessLostWhy, ConsentQuestion, Google, GoogleConfig, GoogleError, IdTokenError, IdTokenWhy,
    OAuthClient, SignedIn,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::{config, html, only_request};

fn client() -> OAuthClient {
    OAuthClient {
        id: "1-a.apps.googleusercontent.com".to_owned(),
        secret: "s3cret".into(),
    }
}

fn now() -> DateTime<Utc> {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn google(server: &MockServer) -> Google {
    let url = |path: &str| Url::parse(&format!("{}{path}", server.uri())).unwrap();
    let config = GoogleConfig {
        revoke_url: url("/revoke"),
        certs_url: url("/certs"),
        ..config(server)
    };
    Google::new(&config).unwrap()
}

async fn serve(verb: &str, at: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method(verb))
        .and(path(at))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

async fn form(server: &MockServer) -> BTreeMap<String, String> {
    let request = only_request(server).await;
    url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[tokio::test]
async fn the_consent_screen_is_asked_exactly_this() {
    let question = ConsentQuestion {
        redirect_uri: "https://app.example/back?x=1",
        scopes: &["openid", "email"],
        state: "st",
        nonce: "no",
        // The example of RFC 7636.
        verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        login_hint: Some("admin@example.com"),
    };
    let google = Google::new(&GoogleConfig::default()).unwrap();
    let url = google.consent_url(&client(), &question);
    assert!(
        url.as_str()
            .starts_with("https://accounts.google.com/o/oauth2/v2/auth?")
    );
    let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let expected = pairs(&[
        ("response_type", "code"),
        ("client_id", "1-a.apps.googleusercontent.com"),
        ("redirect_uri", "https://app.example/back?x=1"),
        ("scope", "openid email"),
        ("state", "st"),
        ("nonce", "no"),
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
        ("prompt", "consent"),
        ("login_hint", "admin@example.com"),
    ]);
    assert_eq!(asked, expected);
    assert!(
        !format!("{question:?}").contains("dBjf"),
        "the verifier is secret"
    );
}

#[tokio::test]
async fn a_code_is_exchanged_with_its_proof() {
    let answer = ResponseTemplate::new(200).set_body_json(json!({
        "access_token": "ya29.a", "expires_in": 3599, "refresh_token": "1//r",
        "id_token": "a.b.c", "scope": "openid https://x.example/y", "token_type": "Bearer",
    }));
    let server = serve("POST", "/token", answer).await;
    let granted = google(&server)
        .exchange_code(
            &client(),
            "https://app.example/back",
            "4/0A",
            "proof",
            now(),
        )
        .await
        .unwrap();
    assert_eq!(granted.access.token.expose_secret(), "ya29.a");
    assert_eq!(granted.refresh_token.unwrap().expose_secret(), "1//r");
    assert_eq!(granted.id_token.unwrap().expose_secret(), "a.b.c");
    assert_eq!(granted.scopes, ["openid", "https://x.example/y"]);
    let expected = pairs(&[
        ("grant_type", "authorization_code"),
        ("client_id", "1-a.apps.googleusercontent.com"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/back"),
        ("code", "4/0A"),
        ("code_verifier", "proof"),
    ]);
    assert_eq!(form(&server).await, expected);
}

#[tokio::test]
async fn a_refresh_token_gives_a_new_access_token_and_none_of_its_kind() {
    let answer = ResponseTemplate::new(200)
        .set_body_json(json!({"access_token": "ya29.b", "expires_in": 60, "scope": "openid"}));
    let server = serve("POST", "/token", answer).await;
    let token = SecretString::from("1//r");
    let granted = google(&server)
        .refresh(&client(), &token, now())
        .await
        .unwrap();
    assert_eq!(
        granted.access.expires_at,
        now() + chrono::TimeDelta::seconds(60)
    );
    assert!(granted.refresh_token.is_none());
    assert_eq!(form(&server).await["refresh_token"], "1//r");
}

#[rstest::rstest]
#[case(json!({"error": "invalid_grant"}), AccessLostWhy::Withdrawn)]
#[case(json!({"error": "invalid_grant", "error_subtype": "invalid_rapt"}), AccessLostWhy::Policy)]
#[case(json!({"error": "invalid_client"}), AccessLostWhy::ClientRefused)]
#[tokio::test]
async fn a_refresh_that_is_refused_says_why(#[case] body: Value, #[case] expected: AccessLostWhy) {
    let answer = ResponseTemplate::new(400).set_body_json(body);
    let server = serve("POST", "/token", answer).await;
    let refused = google(&server)
        .refresh(&client(), &"1//r".into(), now())
        .await;
    let Err(GoogleError::AccessLost { why }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(why, expected);
}

#[tokio::test]
async fn a_token_is_given_back_in_a_form() {
    let server = serve("POST", "/revoke", ResponseTemplate::new(200)).await;
    google(&server).revoke(&"1//r".into()).await.unwrap();
    assert_eq!(form(&server).await, pairs(&[("token", "1//r")]));
    let gone = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_token"}));
    let server = serve("POST", "/revoke", gone).await;
    let error = google(&server).revoke(&"1//r".into()).await.unwrap_err();
    assert!(matches!(error, GoogleError::Refused { reason, .. } if reason == "invalid_token"));
}

/// A key of Google's, as it signs and as it is published.
struct Key {
    signs: EncodingKey,
    published: Value,
    id: String,
}

fn key(id: &str) -> Key {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = DecodingKey::from_rsa_der(pair.public_key().as_ref());
    let mut jwk = Jwk::from_decoding_key(&public, Some(Algorithm::RS256)).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let der = STANDARD.encode(pkcs8.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    Key {
        signs: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        published: serde_json::to_value(jwk).unwrap(),
        id: id.to_owned(),
    }
}

fn id_token(key: &Key, kid: &str) -> SecretString {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(kid.to_owned());
    let claims = json!({
        "iss": "https://accounts.google.com", "aud": client().id, "sub": "1077", "nonce": "n1",
        "email": "admin@example.com", "email_verified": true, "hd": "example.com",
        "iat": now().timestamp(), "exp": now().timestamp() + 3600,
    });
    jsonwebtoken::encode(&header, &claims, &key.signs)
        .unwrap()
        .into()
}

async fn certs(server: &MockServer, keys: &[&Key]) {
    server.reset().await;
    let keys: Vec<&Value> = keys.iter().map(|key| &key.published).collect();
    Mock::given(method("GET"))
        .and(path("/certs"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys })))
        .mount(server)
        .await;
}

async fn verify(google: &Google, token: &SecretString) -> Result<SignedIn, IdTokenError> {
    google
        .verify_id_token(token, &client().id, "n1", now())
        .await
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_one_that_is_not_known() {
    let (first, second) = (key("k1"), key("k2"));
    let server = MockServer::start().await;
    certs(&server, &[&first]).await;
    let google = google(&server);
    for _ in 0..3 {
        let who = verify(&google, &id_token(&first, &first.id)).await.unwrap();
        assert_eq!(who.domain, "example.com");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    certs(&server, &[&first, &second]).await;
    verify(&google, &id_token(&second, &second.id))
        .await
        .unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_signature_that_is_not_googles_is_not_believed() {
    let (published, own) = (key("k1"), key("k1"));
    let server = MockServer::start().await;
    certs(&server, &[&published]).await;
    let google = google(&server);
    let by_symmetric_key = jsonwebtoken::encode(
        &Header {
            kid: Some("k1".to_owned()),
            ..Header::new(Algorithm::HS256)
        },
        &json!({"sub": "1077"}),
        &EncodingKey::from_secret(published.published["n"].as_str().unwrap().as_bytes()),
    );
    for (token, why) in [
        (id_token(&own, "k1"), IdTokenWhy::Signature),
        (id_token(&own, "k9"), IdTokenWhy::Signature),
        (by_symmetric_key.unwrap().into(), IdTokenWhy::Signature),
        ("no.token".into(), IdTokenWhy::Unreadable),
        ("".into(), IdTokenWhy::Unreadable),
    ] {
        let error = verify(&google, &token).await.unwrap_err();
        assert!(
            matches!(error, IdTokenError::Invalid(it) if it == why),
            "{error}"
        );
    }
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_prove_nothing() {
    let server = serve("GET", "/certs", html(503)).await;
    let token = id_token(&key("k1"), "k1");
    let error = verify(&google(&server), &token).await.unwrap_err();
    assert!(
        matches!(error, IdTokenError::Keys(GoogleError::Unavailable { .. })),
        "{error:?}"
    );
}
