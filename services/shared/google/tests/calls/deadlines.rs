use std::time::{Duration, Instant};

use roomsync_google::{Google, GoogleConfig, GoogleError, ListQuery};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::{ROOM, access, config};

async fn error_of(config: &GoogleConfig) -> GoogleError {
    let google = Google::new(config).unwrap();
    google
        .list_events(&access(), ROOM, &ListQuery::default())
        .await
        .unwrap_err()
}

/// The error and its causes, as a log prints them.
fn chain(error: &GoogleError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn a_silent_google_is_given_up_and_nobody_is_named() {
    let server = MockServer::start().await;
    let silence = ResponseTemplate::new(200).set_delay(Duration::from_mins(1));
    Mock::given(any())
        .respond_with(silence)
        .mount(&server)
        .await;
    let timeout = Duration::from_millis(200);
    let started = Instant::now();
    let config = GoogleConfig {
        timeout,
        connect_timeout: timeout,
        ..config(&server)
    };
    let error = error_of(&config).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(matches!(error, GoogleError::Unreachable(_)));
    let text = chain(&error);
    assert!(
        !text.contains("c_188aga") && !text.contains("quotaUser"),
        "{text}"
    );
}

#[tokio::test]
async fn no_google_at_all_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let calendar_url = format!("http://{free}/").parse().unwrap();
    let error = error_of(&GoogleConfig {
        calendar_url,
        ..GoogleConfig::default()
    })
    .await;
    assert!(matches!(error, GoogleError::Unreachable(_)));
    assert!(!chain(&error).contains("c_188aga"));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let server = MockServer::start().await;
    let large = ResponseTemplate::new(200).set_body_string(" ".repeat(80 * 1024));
    Mock::given(any()).respond_with(large).mount(&server).await;
    let error = error_of(&GoogleConfig {
        max_answer_bytes: 64 * 1024,
        ..config(&server)
    })
    .await;
    assert!(matches!(error, GoogleError::Unreadable(_)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = MockServer::start().await;
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", elsewhere.uri());
    Mock::given(any())
        .respond_with(redirect)
        .mount(&server)
        .await;
    let error = error_of(&config(&server)).await;
    assert!(matches!(error, GoogleError::Refused { .. }));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}
