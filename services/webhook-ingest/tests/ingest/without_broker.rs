use std::time::{Duration, Instant};

use reqwest::StatusCode;

use crate::harness::{Ingest, Queue, Vhost, status};

const NOWHERE: &str = "amqp://127.0.0.1:1/nowhere";

#[tokio::test]
async fn without_a_broker_google_is_told_to_come_again() {
    let quick = [("HTTP__CONFIRM_TIMEOUT", "300ms")];
    let ingest = Ingest::start(NOWHERE, &quick).await;
    let started = Instant::now();
    assert_eq!(
        status(ingest.push("exists")).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    let (ready, report) = ingest.readyz().await;
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
    assert!(report.contains("broker"), "{report}");
    ingest.running.kill().await;
}

#[tokio::test]
async fn a_broker_may_come_later() {
    let vhost = Vhost::named();
    let ingest = Ingest::start(&vhost.amqp_url(), &[("HTTP__CONFIRM_TIMEOUT", "300ms")]).await;
    assert_eq!(
        status(ingest.push("exists")).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    vhost.create().await;
    ingest.running.ready().await.unwrap();
    assert_eq!(status(ingest.push("exists")).await, StatusCode::OK);
    assert_eq!(Queue::of(&vhost).next().await.calendar, ingest.calendar);
    ingest.running.shutdown().await.unwrap();
    vhost.delete().await;
}

#[tokio::test]
async fn too_many_pushes_at_a_time_are_told_at_once_to_come_again() {
    let settings = [
        ("HTTP__MAX_IN_FLIGHT", "1"),
        ("HTTP__CONFIRM_TIMEOUT", "2s"),
    ];
    // A server that takes connections and says nothing: publishing waits.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://{}/x", silent.local_addr().unwrap());
    let ingest = Ingest::start(&url, &settings).await;
    let timed = async || {
        let started = Instant::now();
        assert_eq!(
            status(ingest.push("exists")).await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        started.elapsed()
    };
    let (one, other) = tokio::join!(timed(), timed());
    let (quick, slow) = (one.min(other), one.max(other));
    assert!(quick < Duration::from_secs(1), "{quick:?}");
    assert!(slow >= Duration::from_millis(1900), "{slow:?}");
    assert!(ingest.metrics().await.contains("outcome=\"overloaded\""));
    ingest.running.kill().await;
}
