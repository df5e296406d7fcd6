//! Deadlines, trace context, health, and a server that is away.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tonic::Code;
use tonic_health::{ServingStatus, pb};
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

#[tokio::test]
async fn a_call_carries_the_default_deadline_unless_it_has_its_own() {
    let served = Served::start(None).await;
    for (headers, expected) in [(vec![], "10000m"), (vec![("grpc-timeout", "7S")], "7S")] {
        call(served.channel("service"), "/test.Echo/Call", &headers).await;
        let (_, seen) = served.seen.lock().unwrap().take().unwrap();
        assert_eq!(seen["grpc-timeout"], expected);
    }
    served.stop().await;
}

#[tokio::test]
async fn a_call_that_gets_no_answer_ends_at_its_deadline() {
    let served = Served::start(None).await;
    let headers = [("grpc-timeout", "50m")];
    let status = call(served.channel("service"), "/test.Echo/Never", &headers).await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    served.stop().await;
}

#[tokio::test]
async fn the_server_says_that_the_deadline_is_over_and_not_that_somebody_cancelled() {
    let served = Served::start(None).await;
    // One that goes on waiting: of our own channel's clock and the server's either may be first.
    let patient = reqwest::Client::builder().http2_prior_knowledge();
    let answer = patient
        .build()
        .unwrap()
        .post(format!("http://{}/test.Echo/Never", served.address))
        .bearer_auth("service")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "50m")
        .send()
        .await
        .unwrap();
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    served.stop().await;
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_and_found_again() {
    let served = Served::start(None).await;
    let (channel, address) = (served.channel("service"), served.address);
    served.stop().await;
    let status = call(channel.clone(), "/test.Echo/Call", &[]).await;
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");

    let listen = ListenConfig {
        listen: address,
        tls: None,
    };
    let listener = Listener::bind(&listen).await.unwrap();
    let (shutdown, tasks) = (Shutdown::new(), TaskTracker::new());
    let access = Access::internal(callers());
    let served = listener.serve(routes(Seen::default()), &[], access, shutdown.clone());
    Spawner::new(tasks.clone(), shutdown.clone()).spawn_critical("listener", served);
    let status = call(channel, "/test.Echo/Call", &[]).await;
    assert_eq!(status.code(), Code::Ok, "{status:?}");
    shutdown.trigger();
}

#[tokio::test]
async fn the_trace_goes_on_on_the_other_side() {
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let served = Served::start(None).await;

    let span = tracing::info_span!("cause");
    let cause = span.in_scope(crate::trace::inject).unwrap();
    call(served.channel("service"), "/test.Echo/Call", &[])
        .instrument(span)
        .await;
    let (_, seen) = served.seen.lock().unwrap().take().unwrap();
    let (trace_id, seen) = (&cause[3..35], seen["traceparent"].to_str().unwrap());
    assert_eq!(&seen[3..35], trace_id);
    assert_ne!(seen, cause, "the call has a span of its own");
    served.stop().await;
}

#[tokio::test]
async fn health_says_serving_until_the_soft_stage() {
    let served = Served::start(None).await;
    let mut client = pb::health_client::HealthClient::new(served.channel("no token needed"));
    let request = pb::HealthCheckRequest {
        service: String::new(),
    };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    let serving = |status: ServingStatus| pb::health_check_response::ServingStatus::from(status);
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), serving(ServingStatus::Serving));

    served.shutdown.trigger();
    let then = watch.message().await.unwrap().unwrap();
    assert_eq!(then.status(), serving(ServingStatus::NotServing));
    drop((watch, client));
    served.stop().await;
}

#[tokio::test]
async fn whoever_watches_health_does_not_hold_up_the_shutdown() {
    let served = Served::start(None).await;
    let mut client = pb::health_client::HealthClient::new(served.channel("no token needed"));
    let request = pb::HealthCheckRequest {
        service: String::new(),
    };
    let watch = client.watch(request).await.unwrap().into_inner();
    let stopped = tokio::time::timeout(Duration::from_secs(10), served.stop()).await;
    stopped.expect("the listener ends while the watch is held");
    drop(watch);
}

#[tokio::test]
async fn calls_are_measured_by_service_method_and_code() {
    let served = Served::start(None).await;
    call(
        served.channel("service"),
        "/grpc.health.v1.Health/Check",
        &[],
    )
    .await;
    call(served.channel("service"), "/stranger.Wish/Anything", &[]).await;
    let metrics = crate::telemetry::render().unwrap();
    let counts: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("rpc_server_duration_seconds_count"))
        .collect();
    assert!(
        counts
            .iter()
            .any(|line| line.contains("grpc.health.v1.Health")),
        "{metrics}"
    );
    assert!(
        counts.iter().any(|line| line.contains("\"unknown\"")),
        "{metrics}"
    );
    assert!(
        !counts.iter().any(|line| line.contains("stranger")),
        "{metrics}"
    );
    served.stop().await;
}
