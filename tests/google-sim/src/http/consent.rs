//! The authorize page, revocation and the keys of id tokens.
//!
//! A test has no browser: where it is known who signs in (`login_hint`, or
//! `Settings::signed_in_user`), the page answers at once as the switches say. Otherwise it lists the
//! users, for people who try something out.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Extension, Json,
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, LOCATION},
    },
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::json;
use url::Url;

use super::{envelope::Reason, gate::Parameters, token::refuse};
use crate::{
    sim::Core,
    world::{ConsentRequest, PkceChallenge, World},
};

/// Why there is an error page instead of a redirect.
struct Page(u16, &'static str);

/// What the page does.
enum Step {
    Redirect(Vec<(&'static str, String)>),
    AskWho,
}

pub(super) async fn authorize(
    State(core): State<Arc<Core>>,
    Extension(Parameters(parameters)): Extension<Parameters>,
) -> Response {
    let find = |name: &str| {
        parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let request = match core.read(|world| read(world, find)) {
        Ok(request) => request,
        Err(page) => return error_page(&page),
    };
    let redirect_uri = request.redirect_uri.clone();
    let step = core.act(|world| answer(world, request, find));
    match step {
        Step::Redirect(mut answer) => {
            answer.extend(find("state").map(|state| ("state", state.to_owned())));
            redirect(&redirect_uri, &answer)
        }
        Step::AskWho => {
            let mails = core.read(World::user_mails);
            Html(chooser(&core.urls.authorize_url, &parameters, &mails)).into_response()
        }
    }
}

fn read<'a>(world: &World, find: impl Fn(&str) -> Option<&'a str>) -> Result<ConsentRequest, Page> {
    let client = find("client_id")
        .and_then(|id| world.find_client(id))
        .ok_or(Page(401, "invalid_client"))?;
    let redirect_uri = find("redirect_uri").ok_or(Page(400, "invalid_request"))?;
    if !client
        .redirect_uris
        .iter()
        .any(|known| known == redirect_uri)
    {
        return Err(Page(400, "redirect_uri_mismatch"));
    }
    if find("response_type") != Some("code") {
        return Err(Page(400, "unsupported_response_type"));
    }
    let scopes: BTreeSet<String> = find("scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() {
        return Err(Page(400, "invalid_scope"));
    }
    let challenge = PkceChallenge::read(find("code_challenge"), find("code_challenge_method"))
        .map_err(|_| Page(400, "invalid_request"))?;
    let prompts = find("prompt").unwrap_or_default();
    Ok(ConsentRequest {
        client: client.client_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scopes,
        challenge,
        nonce: find("nonce").map(str::to_owned),
        offline: find("access_type") == Some("offline"),
        ask_again: prompts.split_whitespace().any(|prompt| prompt == "consent"),
        with_granted: find("include_granted_scopes") == Some("true"),
    })
}

fn answer<'a>(
    world: &mut World,
    request: ConsentRequest,
    find: impl Fn(&str) -> Option<&'a str>,
) -> Step {
    let error = |word: &str| Step::Redirect(vec![("error", word.to_owned())]);
    let silent = find("prompt") == Some("none");
    let hinted = find("login_hint").map(str::to_lowercase);
    let user = world
        .settings
        .signed_in_user
        .clone()
        .or(hinted)
        .filter(|mail| world.user(mail).is_some_and(|user| !user.suspended));
    if find("sim_answer") == Some("deny") {
        return error("access_denied");
    }
    let Some(user) = user else {
        return if silent {
            error("login_required")
        } else {
            Step::AskWho
        };
    };
    if let Some(word) = &world.settings.consent_refused_with {
        return error(word);
    }
    if silent && world.granted(&user, &request.client).is_empty() {
        return error("consent_required");
    }
    let (code, scopes) = world.consent(&user, request);
    let scopes: Vec<String> = scopes.into_iter().collect();
    let mut answer = vec![
        ("code", code),
        ("scope", scopes.join(" ")),
        ("authuser", "0".to_owned()),
        ("prompt", if silent { "none" } else { "consent" }.to_owned()),
    ];
    answer.extend(world.user(&user).map(|user| ("hd", user.org.clone())));
    Step::Redirect(answer)
}

fn redirect(to: &str, answer: &[(&'static str, String)]) -> Response {
    let location = Url::parse(to).ok().and_then(|mut url| {
        url.query_pairs_mut()
            .extend_pairs(answer.iter().map(|(name, value)| (*name, value.as_str())));
        HeaderValue::from_str(url.as_str()).ok()
    });
    let Some(location) = location else {
        return error_page(&Page(400, "invalid_request"));
    };
    let mut response = StatusCode::FOUND.into_response();
    response.headers_mut().insert(LOCATION, location);
    if let Some((_, word)) = answer.iter().find(|(name, _)| *name == "error") {
        response.extensions_mut().insert(Reason(word.clone()));
    }
    response
}

fn error_page(page: &Page) -> Response {
    let status = StatusCode::from_u16(page.0).unwrap_or(StatusCode::BAD_REQUEST);
    let html = format!(
        "<!DOCTYPE html><title>Error {0}: {1}</title><p>Access blocked: Error {0}: {1}</p>",
        page.0, page.1
    );
    let mut response = (status, Html(html)).into_response();
    response.extensions_mut().insert(Reason(page.1.to_owned()));
    response
}

/// A page to choose an account on, or to refuse.
fn chooser(authorize_url: &str, parameters: &[(String, String)], mails: &[String]) -> String {
    let link = |name: &str, value: &str, text: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .append_pair(name, value)
            .finish();
        let href = format!("{authorize_url}?{query}").replace('&', "&amp;");
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        format!("<li><a href=\"{href}\">{text}</a></li>")
    };
    let users: String = mails
        .iter()
        .map(|mail| link("login_hint", mail, mail))
        .collect();
    let deny = link("sim_answer", "deny", "Cancel");
    format!("<!DOCTYPE html><title>Choose an account</title><ul>{users}{deny}</ul>")
}

pub(super) async fn revoke(
    State(core): State<Arc<Core>>,
    Extension(Parameters(parameters)): Extension<Parameters>,
    body: Bytes,
) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let token = form
        .iter()
        .chain(&parameters)
        .find(|(name, _)| name == "token")
        .map(|(_, value)| value.clone());
    match token {
        None => refuse(400, "invalid_request", "Missing required parameter: token"),
        Some(token) if core.act(|world| world.revoke_token(&token)) => {
            Json(json!({})).into_response()
        }
        Some(_) => refuse(400, "invalid_token", "Token expired or revoked"),
    }
}

pub(super) async fn certs(State(core): State<Arc<Core>>) -> impl IntoResponse {
    let mut headers = HeaderMap::new();
    let cached = HeaderValue::from_static("public, max-age=20000, must-revalidate, no-transform");
    headers.insert(CACHE_CONTROL, cached);
    (headers, Json(core.read(World::certs)))
}
