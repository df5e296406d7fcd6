use reqwest::{Method, StatusCode};

use crate::harness::{Ingest, Queue, Vhost, client, status};

#[tokio::test]
async fn a_push_is_on_the_queue_when_it_is_answered() {
    let vhost = Vhost::created().await;
    let ingest = Ingest::start(&vhost.amqp_url(), &[]).await;
    ingest.running.ready().await.unwrap();
    assert_eq!(status(ingest.push("exists")).await, StatusCode::OK);

    let message = Queue::of(&vhost).next().await;
    assert_eq!(
        (message.calendar, message.channel),
        (ingest.calendar, ingest.channel)
    );
    assert_eq!((message.resource.as_str(), message.sync), ("R6UY", false));
    ingest.running.shutdown().await.unwrap();
    vhost.delete().await;
}

#[tokio::test]
async fn the_first_push_of_a_channel_is_passed_on_as_such() {
    let vhost = Vhost::created().await;
    let ingest = Ingest::start(&vhost.amqp_url(), &[]).await;
    ingest.running.ready().await.unwrap();
    assert_eq!(status(ingest.push("sync")).await, StatusCode::OK);
    assert!(Queue::of(&vhost).next().await.sync);
    ingest.running.shutdown().await.unwrap();
    vhost.delete().await;
}

#[tokio::test]
async fn what_is_no_push_of_ours_is_refused_and_nothing_is_published() {
    let vhost = Vhost::created().await;
    let ingest = Ingest::start(&vhost.amqp_url(), &[]).await;
    ingest.running.ready().await.unwrap();
    let other = Ingest::start(&vhost.amqp_url(), &[]).await;
    let bare = || client().post(ingest.url("/google/calendar/push"));

    let foreign_token = other.tokens.sign(other.channel, ingest.calendar);
    let foreign = bare()
        .header("x-goog-channel-id", ingest.channel.to_string())
        .header("x-goog-channel-token", foreign_token)
        .header("x-goog-resource-id", "R6UY")
        .header("x-goog-resource-state", "exists");
    let no_token = bare().header("x-goog-channel-id", ingest.channel.to_string());
    let large_body = ingest.push("exists").body(vec![0_u8; 5000]);
    let large_header = ingest.push("exists").header("x-more", "x".repeat(20_000));
    let two_resources = ingest.push("exists").header("x-goog-resource-id", "other");
    for (request, expected) in [
        (foreign, StatusCode::NOT_FOUND),
        (no_token, StatusCode::NOT_FOUND),
        (bare(), StatusCode::BAD_REQUEST),
        (two_resources, StatusCode::BAD_REQUEST),
        (large_body, StatusCode::PAYLOAD_TOO_LARGE),
        (large_header, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (
            client().post(ingest.url("/google/drive/push")),
            StatusCode::NOT_FOUND,
        ),
    ] {
        assert_eq!(status(request).await, expected);
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = client().request(method, ingest.url("/google/calendar/push"));
        assert_eq!(status(request).await, StatusCode::METHOD_NOT_ALLOWED);
    }

    // The queue keeps its order, so the first message on it proves that there was none before.
    assert_eq!(status(ingest.push("not_exists")).await, StatusCode::OK);
    assert_eq!(Queue::of(&vhost).next().await.calendar, ingest.calendar);
    let metrics = ingest.metrics().await;
    for outcome in ["accepted", "foreign", "malformed", "oversized"] {
        assert!(
            metrics.contains(&format!("outcome=\"{outcome}\"")),
            "{outcome}: {metrics}"
        );
    }
    other.running.shutdown().await.unwrap();
    ingest.running.shutdown().await.unwrap();
    vhost.delete().await;
}

#[tokio::test]
async fn robots_may_come() {
    let ingest = Ingest::start("amqp://127.0.0.1:1/nowhere", &[]).await;
    let answer = client()
        .get(ingest.url("/robots.txt"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.text().await.unwrap(), "User-agent: *\nAllow: /\n");
    ingest.running.kill().await;
}
