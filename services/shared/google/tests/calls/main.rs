//! The calls over HTTP, against a server that plays Google with canned answers. What the simulator
//! does with them is tested by the journeys; here it is about addresses, headers and garbage.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may panic like the tests themselves"
)]

mod calendar;
mod consent;
mod deadlines;
mod directory;
mod grants;
mod instances;
mod listing;
mod organizer;
mod people;
mod watching;
mod writing;

use roomsync_google::{Access, Google, GoogleConfig};
use secrecy::SecretString;
use url::Url;
use wiremock::{
    Match, MockServer, Request, ResponseTemplate,
    matchers::{header, query_param},
};

const ROOM: &str = "c_188aga@resource.calendar.google.com";
const ROOM_PATH: &str =
    "/calendar/v3/calendars/c_188aga%40resource%2Ecalendar%2Egoogle%2Ecom/events";

fn config(server: &MockServer) -> GoogleConfig {
    let url = |path: &str| Url::parse(&format!("{}{path}", server.uri())).unwrap();
    GoogleConfig {
        calendar_url: url("/calendar/v3/"),
        directory_url: url("/"),
        token_url: url("/token"),
        ..GoogleConfig::default()
    }
}

fn google(server: &MockServer) -> Google {
    Google::new(&config(server)).unwrap()
}

fn access() -> Access {
    Access {
        token: SecretString::from("ya29.secret"),
        quota_user: "q0123456789abcdef".to_owned(),
    }
}

/// What every authorised call must carry.
fn authorised() -> impl Match {
    struct Authorised;
    impl Match for Authorised {
        fn matches(&self, request: &Request) -> bool {
            header("authorization", "Bearer ya29.secret").matches(request)
                && query_param("quotaUser", "q0123456789abcdef").matches(request)
        }
    }
    Authorised
}

fn html(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw("<html><title>Error</title></html>", "text/html")
}

/// The one request that the server got.
async fn only_request(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}
