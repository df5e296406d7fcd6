//! Consent: the authorize page, codes, refresh tokens, revocation and id tokens.

use std::{collections::BTreeMap, time::Duration};

use google_sim::{Fault, OAuthClient, Operation, Settings, scopes};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Acme, Reply};

const BACK: &str = "https://roomsync.test/google/callback";
/// The example of RFC 7636.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

struct App {
    acme: Acme,
    client: OAuthClient,
}

type Answer = BTreeMap<String, String>;

impl App {
    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let acme = Acme::with(|settings| {
            settings.signed_in_user = Some("admin@acme.test".to_owned());
            change(settings);
        })
        .await;
        let client = acme.control.oauth_client("roomsync", &[BACK]);
        Self { acme, client }
    }

    async fn page(&self, changes: &[(&str, &str)]) -> Reply {
        let scope = format!(
            "openid email {} {}",
            scopes::EVENTS,
            scopes::RESOURCES_READONLY
        );
        let mut query = BTreeMap::from([
            ("client_id", self.client.client_id.as_str()),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", scope.as_str()),
            ("state", "s&=1"),
            ("nonce", "n-1"),
            ("access_type", "offline"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        query.extend(changes.iter().copied());
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        self.acme
            .get_page(&format!("{}?{query}", self.acme.sim.urls.authorize_url))
            .await
    }

    /// What the browser brings back.
    async fn consent(&self, changes: &[(&str, &str)]) -> Answer {
        let page = self.page(changes).await;
        assert_eq!(page.status, 302, "{}", page.body);
        let location = page.headers["location"]
            .to_str()
            .expect("as Google writes it");
        let url = url::Url::parse(location).expect("as Google writes it");
        assert!(location.starts_with(BACK));
        url.query_pairs().into_owned().collect()
    }

    async fn token(&self, fields: &[(&str, &str)]) -> Reply {
        let mut form = BTreeMap::from([
            ("client_id", self.client.client_id.as_str()),
            ("client_secret", self.client.client_secret.as_str()),
        ]);
        form.extend(fields.iter().copied());
        self.acme
            .post_form(&self.acme.sim.urls.token_url, &form)
            .await
    }

    async fn redeem(&self, code: &str) -> Reply {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    async fn connected(&self) -> Reply {
        let answer = self.consent(&[]).await;
        let reply = self.redeem(&answer["code"]).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply
    }

    async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    async fn lists(&self, token: &str) -> u16 {
        let path = format!("calendars/{}/events", self.acme.room.mail());
        let reply = self
            .acme
            .call_with(token, Method::GET, &path, None, &[])
            .await;
        reply.status.as_u16()
    }

    async fn claims(&self, token: &str) -> Value {
        let certs = self.acme.get_page(&self.acme.sim.urls.certs_url).await;
        let id = jsonwebtoken::decode_header(token)
            .expect("as Google writes it")
            .kid
            .expect("as Google writes it");
        let keys = certs.body["keys"].as_array().expect("as Google writes it");
        let key = keys
            .iter()
            .find(|key| key["kid"] == id.as_str())
            .expect("as Google writes it");
        let (modulus, exponent) = (
            key["n"].as_str().expect("as Google writes it"),
            key["e"].as_str().expect("as Google writes it"),
        );
        let key = DecodingKey::from_rsa_components(modulus, exponent).expect("as Google writes it");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[&self.client.client_id]);
        let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation);
        decoded.expect("as Google writes it").claims
    }
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status.as_u16(), reply.text("error"))
}

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

#[tokio::test]
async fn consent_of_an_administrator_gives_tokens_with_the_administrators_rights() {
    let app = App::with(|_| {}).await;
    let answer = app.consent(&[]).await;
    assert_eq!(answer["state"], "s&=1");
    assert!(answer["scope"].contains(scopes::EVENTS));
    let reply = app.redeem(&answer["code"]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["expires_in"], 3599);
    assert!(reply.text("scope").contains("auth/userinfo.email"));
    let token = reply.text("access_token");
    assert_eq!(
        app.lists(&token).await,
        200,
        "a super administrator owns rooms"
    );
    assert_eq!(app.acme.directory(&token, "").await.status, 200);
    let calls = app.acme.control.calls(Operation::List);
    assert_eq!(
        calls[0].client.as_deref(),
        Some(app.client.client_id.as_str())
    );
    assert_eq!(calls[0].quota_user.as_deref(), Some("admin@acme.test"));
}

#[tokio::test]
async fn a_code_is_redeemed_once_in_time_with_its_verifier_address_and_client() {
    let app = App::with(|_| {}).await;
    let code = app.consent(&[]).await["code"].clone();
    let with = async |changes: &[(&str, &str)]| {
        let code = app.consent(&[]).await["code"].clone();
        let mut fields = BTreeMap::from([
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ]);
        fields.extend(changes.iter().copied());
        let fields: Vec<_> = fields.into_iter().collect();
        refusal(&app.token(&fields).await)
    };
    assert_eq!(with(&[("code_verifier", "wrong")]).await, invalid_grant());
    assert_eq!(
        with(&[("redirect_uri", "https://elsewhere.test")]).await,
        (400, "redirect_uri_mismatch".to_owned())
    );
    assert_eq!(
        with(&[("client_secret", "wrong")]).await,
        (401, "invalid_client".to_owned())
    );
    assert_eq!(app.redeem(&code).await.status, 200);
    assert_eq!(refusal(&app.redeem(&code).await), invalid_grant());
    app.acme
        .control
        .configure(|settings| settings.code_lifetime = Duration::ZERO);
    let late = app.consent(&[]).await["code"].clone();
    assert_eq!(refusal(&app.redeem(&late).await), invalid_grant());
}

#[tokio::test]
async fn the_id_token_is_signed_with_a_published_key_and_tells_who_signed_in() {
    let app = App::with(|_| {}).await;
    let claims = app.claims(&app.connected().await.text("id_token")).await;
    assert_eq!(claims["iss"], "https://accounts.google.com");
    assert_eq!(claims["email"], "admin@acme.test");
    assert_eq!(
        (&claims["hd"], &claims["nonce"]),
        (&"acme.test".into(), &"n-1".into())
    );
    app.acme.control.rotate_keys();
    let again = app.claims(&app.connected().await.text("id_token")).await;
    assert_eq!(again["sub"], claims["sub"], "it never changes");
    let certs = app.acme.get_page(&app.acme.sim.urls.certs_url).await;
    assert_eq!(certs.body["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn claims_of_the_id_token_can_be_wrong_or_missing() {
    let wrong = json!({"hd": null, "nonce": "another", "iss": "accounts.google.com"});
    let wrong = wrong.as_object().unwrap().clone();
    let app = App::with(|settings| settings.id_token_claims = wrong).await;
    let claims = app.claims(&app.connected().await.text("id_token")).await;
    assert!(claims.get("hd").is_none());
    assert_eq!(
        (&claims["nonce"], &claims["iss"]),
        (&"another".into(), &"accounts.google.com".into())
    );
}

#[tokio::test]
async fn a_refresh_token_comes_with_the_first_consent_or_when_asked_again() {
    let app = App::with(|_| {}).await;
    assert!(app.connected().await.body["refresh_token"].is_string());
    assert!(app.connected().await.body.get("refresh_token").is_none());
    let again = app.consent(&[("prompt", "consent")]).await;
    let again = app.redeem(&again["code"]).await;
    let refreshed = app.refresh(&again.text("refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert!(refreshed.body.get("refresh_token").is_none());
    assert_eq!(app.lists(&refreshed.text("access_token")).await, 200);
    let online = [("prompt", "consent"), ("access_type", "online")];
    let online = app.consent(&online).await;
    let online = app.redeem(&online["code"]).await;
    assert!(online.body.get("refresh_token").is_none());
}

#[tokio::test]
async fn the_user_can_tick_fewer_scopes() {
    let ticked = Some(vec![scopes::EVENTS.to_owned()]);
    let app = App::with(|settings| settings.consent_granted = ticked).await;
    let reply = app.connected().await;
    let granted = reply.text("scope");
    assert!(granted.contains(scopes::EVENTS) && granted.contains("openid"));
    assert!(!granted.contains(scopes::RESOURCES_READONLY));
    let listed = app.acme.directory(&reply.text("access_token"), "").await;
    assert_eq!(listed.reason(), "insufficientPermissions");
}

#[tokio::test]
async fn consent_can_be_refused_by_the_user_and_by_the_organisation() {
    let app = App::with(|_| {}).await;
    for word in ["access_denied", "admin_policy_enforced"] {
        app.acme
            .control
            .configure(|settings| settings.consent_refused_with = Some(word.to_owned()));
        let answer = app.consent(&[]).await;
        assert_eq!(
            (answer["error"].as_str(), answer["state"].as_str()),
            (word, "s&=1")
        );
        assert!(!answer.contains_key("code"));
    }
}

#[tokio::test]
async fn a_silent_request_is_answered_only_after_consent() {
    let app = App::with(|_| {}).await;
    let silent = [("prompt", "none")];
    assert_eq!(app.consent(&silent).await["error"], "consent_required");
    app.connected().await;
    assert!(app.consent(&silent).await.contains_key("code"));
    app.acme
        .control
        .configure(|settings| settings.signed_in_user = None);
    assert_eq!(app.consent(&silent).await["error"], "login_required");
}

#[tokio::test]
async fn the_page_asks_who_signs_in_if_nobody_has() {
    let app = App::with(|settings| settings.signed_in_user = None).await;
    let page = app.page(&[]).await;
    assert_eq!(page.status, 200);
    assert!(page.body.as_str().unwrap().contains("alice@acme.test"));
    let hinted = app.consent(&[("login_hint", "alice@acme.test")]).await;
    assert!(hinted.contains_key("code"));
    assert_eq!(
        app.consent(&[("sim_answer", "deny")]).await["error"],
        "access_denied"
    );
}

#[tokio::test]
async fn a_wrong_client_address_type_or_method_is_an_error_page_and_no_redirect() {
    let app = App::with(|_| {}).await;
    for (name, value, status) in [
        ("client_id", "nobody", 401),
        (
            "redirect_uri",
            "https://roomsync.test/google/callback/",
            400,
        ),
        ("response_type", "token", 400),
        ("code_challenge_method", "S512", 400),
        ("scope", "", 400),
    ] {
        let page = app.page(&[(name, value)]).await;
        assert_eq!(page.status, status, "{name}");
        assert!(!page.headers.contains_key("location"));
    }
}

#[tokio::test]
async fn a_refresh_token_dies_when_revoked_expired_crowded_out_or_its_user_is_suspended() {
    let app = App::with(|settings| settings.most_refresh_tokens = 2).await;
    let first = app.connected().await;
    let (refresh, access) = (first.text("refresh_token"), first.text("access_token"));
    let form = BTreeMap::from([("token", refresh.as_str())]);
    let revoke = &app.acme.sim.urls.revoke_url;
    assert_eq!(app.acme.post_form(revoke, &form).await.status, 200);
    assert_eq!(refusal(&app.refresh(&refresh).await), invalid_grant());
    assert_eq!(app.lists(&access).await, 401, "access tokens die with it");
    let again = app.acme.post_form(revoke, &form).await;
    assert_eq!(refusal(&again), (400, "invalid_token".to_owned()));

    let oldest = app.connected().await.text("refresh_token");
    let consents = app.acme.control.consents();
    assert_eq!((consents.len(), consents[0].refresh_tokens), (1, 1));
    for _ in 0..2 {
        let more = app.consent(&[("prompt", "consent")]).await;
        app.redeem(&more["code"]).await;
    }
    assert_eq!(refusal(&app.refresh(&oldest).await), invalid_grant());

    app.acme
        .control
        .revoke_consent("admin@acme.test", &app.client.client_id);
    assert!(app.acme.control.consents().is_empty());
    app.acme
        .control
        .configure(|settings| settings.refresh_token_lifetime_seconds = Some(0));
    let limited = app.connected().await;
    assert_eq!(limited.body["refresh_token_expires_in"], 0);
    let expired = app.refresh(&limited.text("refresh_token")).await;
    assert_eq!(refusal(&expired), invalid_grant());

    app.acme
        .control
        .configure(|settings| settings.refresh_token_lifetime_seconds = None);
    let alive = app.consent(&[("prompt", "consent")]).await;
    let alive = app.redeem(&alive["code"]).await.text("refresh_token");
    app.acme.org.user("admin").suspend(true).unwrap();
    assert_eq!(refusal(&app.refresh(&alive).await), invalid_grant());
    app.acme.org.user("admin").suspend(false).unwrap();
    assert_eq!(app.refresh(&alive).await.status, 200);
}

#[tokio::test]
async fn session_control_is_told_by_a_subtype_and_an_outage_is_no_invalid_grant() {
    let app = App::with(|_| {}).await;
    let refresh = app.connected().await.text("refresh_token");
    app.acme
        .control
        .configure(|settings| settings.session_control = true);
    let reply = app.refresh(&refresh).await;
    assert_eq!(refusal(&reply), invalid_grant());
    assert_eq!(reply.body["error_subtype"], "invalid_rapt");
    app.acme
        .control
        .configure(|settings| settings.session_control = false);
    app.acme
        .control
        .add_fault(Fault::answer(503, "temporarily_unavailable").on(Operation::Token));
    let reply = app.refresh(&refresh).await;
    assert_eq!(refusal(&reply), (503, "temporarily_unavailable".to_owned()));
    assert_eq!(app.refresh(&refresh).await.status, 200);
}
