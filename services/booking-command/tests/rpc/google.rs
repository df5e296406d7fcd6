//! A stand-in for the three Google endpoints that booking-command calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// What happens at an endpoint for a subject, instead of a good answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

struct State {
    answers: HashMap<(&'static str, String), Answer>,
    tokens: u64,
    resources: Vec<Value>,
    resources_per_page: usize,
    role: String,
    events: Vec<Vec<Value>>,
    calls: HashMap<&'static str, u64>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            answers: HashMap::new(),
            tokens: 0,
            resources: vec![
                json!({"resourceId": "1", "resourceEmail": "room@resource.example.com"}),
            ],
            resources_per_page: 500,
            role: "writer".to_owned(),
            events: Vec::new(),
            calls: HashMap::new(),
        }
    }
}

/// A stand-in for Google. Subjects get tokens and good answers unless told otherwise.
#[derive(Clone)]
pub(crate) struct Google {
    server: Arc<MockServer>,
    state: Arc<Mutex<State>>,
}

impl Google {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let state: Arc<Mutex<State>> = Arc::default();
        let answering = state.clone();
        Mock::given(any())
            .respond_with(move |request: &Request| answering.lock().unwrap().answer(request))
            .mount(&server)
            .await;
        Self {
            server: Arc::new(server),
            state,
        }
    }

    pub(crate) fn uri(&self) -> String {
        self.server.uri()
    }

    /// At `endpoint` (`token`, `settings` for a token of that scope, `directory`, `calendar`) this subject gets this answer.
    pub(crate) fn answers(&self, endpoint: &'static str, subject: &str, status: u16, body: &str) {
        let answer = Answer {
            status,
            body: body.to_owned(),
        };
        self.state
            .lock()
            .unwrap()
            .answers
            .insert((endpoint, subject.to_owned()), answer);
    }

    /// Everything is good again.
    pub(crate) fn recovers(&self) {
        self.state.lock().unwrap().answers.clear();
    }

    /// The organisation has these resources, so many on a page.
    pub(crate) fn has_resources(&self, resources: Vec<Value>, per_page: usize) {
        let mut state = self.state.lock().unwrap();
        (state.resources, state.resources_per_page) = (resources, per_page);
    }

    /// Every calendar holds these pages of events, and is seen in this role.
    pub(crate) fn has_events(&self, role: &str, events: Vec<Vec<Value>>) {
        let mut state = self.state.lock().unwrap();
        (state.role, state.events) = (role.to_owned(), events);
    }

    /// How many calls there were to an endpoint (`directory`, `calendar`, `revoke`).
    pub(crate) fn calls(&self, endpoint: &str) -> u64 {
        let state = self.state.lock().unwrap();
        state.calls.get(endpoint).copied().unwrap_or_default()
    }

    /// How many tokens were given.
    pub(crate) fn tokens(&self) -> u64 {
        self.state.lock().unwrap().tokens
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        if path == "/token" {
            return self.token(request);
        }
        if path == "/revoke" {
            *self.calls.entry("revoke").or_default() += 1;
            return ResponseTemplate::new(200);
        }
        let endpoint = if path.starts_with("/calendar/") {
            "calendar"
        } else {
            "directory"
        };
        let authorization = request.headers["authorization"].to_str().unwrap();
        let subject = authorization
            .trim_start_matches("Bearer ")
            .split('/')
            .next()
            .unwrap();
        if let Some(answer) = self.answers.get(&(endpoint, subject.to_owned())) {
            return ResponseTemplate::new(answer.status).set_body_string(&answer.body);
        }
        *self.calls.entry(endpoint).or_default() += 1;
        let query: HashMap<String, String> = request.url.query_pairs().into_owned().collect();
        let page: usize = query
            .get("pageToken")
            .map_or(0, |token| token.parse().unwrap());
        let body = match endpoint {
            "calendar" => {
                let items = self.events.get(page).cloned().unwrap_or_default();
                let next = (page + 1 < self.events.len()).then(|| (page + 1).to_string());
                json!({"items": items, "accessRole": self.role, "nextPageToken": next})
            }
            _ => self.directory(query.get("query").map(String::as_str), page),
        };
        ResponseTemplate::new(200).set_body_json(body)
    }

    fn directory(&self, query: Option<&str>, page: usize) -> Value {
        let wanted = |resource: &&Value| {
            query.is_none_or(|query| query.contains(resource["resourceEmail"].as_str().unwrap()))
        };
        let found: Vec<&Value> = self.resources.iter().filter(wanted).collect();
        let pages: Vec<_> = found.chunks(self.resources_per_page).collect();
        let items = pages.get(page).copied().unwrap_or_default();
        let next = (page + 1 < pages.len()).then(|| (page + 1).to_string());
        json!({"items": items, "nextPageToken": next})
    }

    fn token(&mut self, request: &Request) -> ResponseTemplate {
        let form = String::from_utf8(request.body.clone()).unwrap();
        let assertion = form
            .split('&')
            .find_map(|pair| pair.strip_prefix("assertion="))
            .unwrap();
        let claims = assertion.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let subject = claims["sub"].as_str().unwrap().to_owned();
        let settings = claims["scope"]
            .as_str()
            .unwrap()
            .contains("calendar.calendars.readonly");
        let endpoint = if settings { "settings" } else { "token" };
        if let Some(answer) = self.answers.get(&(endpoint, subject.clone())) {
            return ResponseTemplate::new(answer.status).set_body_string(&answer.body);
        }
        self.tokens += 1;
        let token = format!("{subject}/{}", self.tokens);
        ResponseTemplate::new(200).set_body_json(json!({"access_token": token, "expires_in": 3599}))
    }
}

/// A service account's key file. One key pair for all tests: making one takes a while.
pub(crate) fn key_file() -> Vec<u8> {
    static PEM: OnceLock<String> = OnceLock::new();
    let pem = PEM.get_or_init(|| {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = STANDARD.encode(AsDer::<Pkcs8V1Der>::as_der(&key).unwrap().as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n")
    });
    json!({
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "k1",
        "private_key": pem,
        "client_email": "sync@a-project.iam.gserviceaccount.com",
        "client_id": "1234",
    })
    .to_string()
    .into_bytes()
}
