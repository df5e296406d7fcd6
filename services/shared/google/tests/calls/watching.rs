use std::time::Duration;

use roomsync_domain::ChannelId;
use roomsync_google::{GoogleError, WatchRequest};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::{ROOM, ROOM_PATH, access, authorised, google, only_request};

fn request(channel: ChannelId) -> WatchRequest {
    WatchRequest {
        channel,
        address: "https://hooks.example.com/google/calendar/push"
            .parse()
            .unwrap(),
        token: "v1.k1.x.y".to_owned(),
        ttl: Duration::from_hours(7 * 24),
    }
}

async fn serve(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(authorised())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[rstest::rstest]
#[case::text(json!("1796000000000"), Some(1_796_000_000_000))]
#[case::number(json!(1_796_000_000_000_i64), Some(1_796_000_000_000))]
#[case::garbage(json!("soon"), None)]
#[case::nothing(Value::Null, None)]
#[tokio::test]
async fn a_channel_says_when_it_ends(#[case] expiration: Value, #[case] expected: Option<i64>) {
    let channel = ChannelId::new();
    let server = serve(ResponseTemplate::new(200).set_body_json(json!({
        "kind": "api#channel", "id": channel, "resourceId": "R6UY",
        "resourceUri": "https://www.googleapis.com/x?alt=json", "expiration": expiration,
    })))
    .await;
    let watched = google(&server)
        .watch_events(&access(), ROOM, &request(channel))
        .await
        .unwrap();
    assert_eq!(watched.channel, channel);
    assert_eq!(watched.resource_id, "R6UY");
    assert_eq!(watched.expiration.map(|at| at.timestamp_millis()), expected);

    let sent = only_request(&server).await;
    assert_eq!(sent.url.path(), format!("{ROOM_PATH}/watch"));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let expected = json!({
        "id": channel.to_string(), "type": "web_hook", "token": "v1.k1.x.y",
        "address": "https://hooks.example.com/google/calendar/push", "params": {"ttl": "604800"},
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_calendar_may_refuse_to_be_watched() {
    let server = serve(ResponseTemplate::new(400).set_body_json(json!({"error": {
        "errors": [{"domain": "calendar", "reason": "pushNotSupportedForRequestedResource"}],
        "code": 400,
    }})))
    .await;
    let channel = request(ChannelId::new());
    let error = google(&server)
        .watch_events(&access(), ROOM, &channel)
        .await
        .unwrap_err();
    assert!(matches!(error, GoogleError::PushRefused));
}

#[tokio::test]
async fn a_channel_without_resource_is_unreadable() {
    let server = serve(ResponseTemplate::new(200).set_body_json(json!({"id": "x"}))).await;
    let channel = request(ChannelId::new());
    let error = google(&server)
        .watch_events(&access(), ROOM, &channel)
        .await
        .unwrap_err();
    assert!(matches!(error, GoogleError::Unreadable(_)));
}

#[tokio::test]
async fn a_channel_is_stopped_by_both_its_ids() {
    let server = MockServer::start().await;
    Mock::given(path("/calendar/v3/channels/stop"))
        .and(authorised())
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let channel = ChannelId::new();
    google(&server)
        .stop_channel(&access(), channel, "R6UY")
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&only_request(&server).await.body).unwrap();
    assert_eq!(
        body,
        json!({"id": channel.to_string(), "resourceId": "R6UY"})
    );
}

#[tokio::test]
async fn an_unknown_channel_is_not_found() {
    let server = serve(ResponseTemplate::new(404)).await;
    let stopped = google(&server)
        .stop_channel(&access(), ChannelId::new(), "R6UY")
        .await;
    assert!(matches!(stopped, Err(GoogleError::NotFound)));
}
