//! Streams whose reader is too slow or comes back too late.

use roomsync_process::grpc;
use roomsync_proto::notification::v1::{
    SubscribeRequest, SubscribeResponse, subscribe_response::Message,
    subscription_service_client::SubscriptionServiceClient,
};
use roomsync_testkit::{Cluster, SOON, Service, eventually};
use tonic::{Code, Streaming, transport::Endpoint};

use crate::scene::{Scene, start, tomorrow};

/// A stream of our own, whose connection takes in almost nothing that nobody reads.
pub(crate) async fn slow_stream(scene: &Scene, cursor: &str) -> Streaming<SubscribeResponse> {
    let address = scene.cluster.address(Service::Notification, 0, "public");
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .expect("an address")
        .initial_stream_window_size(128)
        .connect_lazy();
    let mut request = tonic::Request::new(SubscribeRequest {
        tenant_id: scene.room.tenant.clone(),
        cursor: cursor.to_owned(),
        heartbeat_seconds: 60,
    });
    let bearer = format!("Bearer {}", scene.cluster.app_token());
    request
        .metadata_mut()
        .insert("authorization", bearer.parse().expect("a header"));
    let mut rpcs = SubscriptionServiceClient::new(channel);
    let stream = rpcs.subscribe(request).await;
    stream.expect("Subscribe").into_inner()
}

/// Covers B14.
#[tokio::test]
async fn a_stream_that_nobody_reads_is_cut_off_and_goes_on_with_its_cursor() {
    let cluster = Cluster::builder("a slow reader")
        .set(Service::Notification, "stream.buffer", 1)
        .set(Service::Notification, "stream.write_timeout", "300ms")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let mut slow = slow_stream(&scene, "").await;
    let greeting = slow.message().await.expect("a greeting").expect("open");
    let mut cursor = greeting.cursor;
    let mut bookings = Vec::new();
    for hour in 8..14 {
        bookings.push(scene.given_meeting(hour).await.1.booking_id);
    }
    eventually(SOON, "the stream is given up", async || {
        let metric = "roomsync_notification_streams_stuck_total";
        let stuck = scene.cluster.metric(Service::Notification, 0, metric).await;
        (stuck > 0.0).then_some(())
    })
    .await;

    let mut heard = Vec::new();
    let ended = loop {
        match slow.message().await {
            Ok(Some(message)) => {
                heard.extend(versions_of(&message));
                cursor = message.cursor;
            }
            Ok(None) => panic!("the stream ended without a reason"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    assert_eq!(grpc::reason(&ended).as_deref(), Some("NOT_READING"));
    let before = heard.len();

    let all = scene.room.subscriber.journal(|journal| {
        let heard = journal.heard.iter();
        heard
            .map(|heard| heard.change.version)
            .max()
            .unwrap_or_default()
    });
    let mut again = slow_stream(&scene, &cursor).await;
    while heard.last() != Some(&all) {
        let next = tokio::time::timeout(SOON, again.message()).await;
        let next = next.expect("in time").expect("a message").expect("open");
        heard.extend(versions_of(&next));
    }
    assert!(heard.len() > before, "something was left to hear");
    let expected: Vec<_> = (heard[0]..=all).collect();
    assert_eq!(heard, expected, "nothing is lost, nothing comes twice");
    scene.cluster.finish().await;
}

fn versions_of(response: &SubscribeResponse) -> Option<i64> {
    match response.message.as_ref()? {
        Message::Change(change) => Some(change.version),
        Message::Heartbeat(_) => None,
    }
}

/// Covers B14.
#[tokio::test]
async fn a_cursor_older_than_the_log_is_told_so_and_the_app_begins_anew() {
    let cluster = Cluster::builder("an expired cursor of a stream")
        .set(Service::Notification, "log.keep", "1s")
        .set(Service::Notification, "log.cleanup_every", "200ms")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let mut stream = slow_stream(&scene, "").await;
    let old = stream
        .message()
        .await
        .expect("a greeting")
        .expect("open")
        .cursor;
    drop(stream);
    scene.room.subscriber.pause();
    let app = scene.cluster.app();
    let meeting = scene.meeting(9);
    scene.ana.insert_event(meeting).expect("Google takes it");
    app.wait_for("the booking, seen by the API", async || {
        let (bookings, _) = app.list_bookings("acme", &["aquarium".to_owned()]).await?;
        Ok((bookings.len() == 1).then_some(()))
    })
    .await;

    let ended = eventually(SOON, "the cursor expires", async || {
        let request = SubscribeRequest {
            tenant_id: scene.room.tenant.clone(),
            cursor: old.clone(),
            heartbeat_seconds: 1,
        };
        let stream = app.subscriptions().subscribe(request).await;
        stream.err()
    })
    .await;
    assert_eq!(ended.code(), Code::OutOfRange);
    assert_eq!(grpc::reason(&ended).as_deref(), Some("CURSOR_EXPIRED"));

    // The app's own subscriber finds its cursor expired too, begins anew and misses nothing.
    scene.room.subscriber.resume();
    scene
        .room
        .subscriber
        .wait_for("the booking, by beginning anew", |journal| {
            let bookings = journal.bookings(&scene.room.object);
            (bookings.len() == 1 && start(&bookings[0]) == tomorrow(9)).then_some(())
        })
        .await;
    scene.cluster.finish().await;
}
