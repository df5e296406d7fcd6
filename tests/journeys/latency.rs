//! How late changes are, as an operator sees it: from the receipt of a push to every way out, and the age of
//! the oldest change that is not here yet.

use google_sim::{Fault, Operation};
use roomsync_proto::{booking::v1::BookingState, notification::v1::CreateWebhookRequest};
use roomsync_testkit::{Cluster, SOON, Service, WebhookReceiver, eventually};

use crate::scene::{Scene, at, tomorrow};

/// From the receipt of a push: to its being applied, to the log, and to each way out.
const SINCE_RECEIPT: [(Service, &str, &str); 4] = [
    (
        Service::SyncWorker,
        "roomsync_sync_push_to_applied_seconds",
        "",
    ),
    (
        Service::Notification,
        "roomsync_notification_receipt_to_appended_seconds",
        "",
    ),
    (
        Service::Notification,
        "roomsync_notification_receipt_to_delivered_seconds",
        "way=\"stream\"",
    ),
    (
        Service::Notification,
        "roomsync_notification_receipt_to_delivered_seconds",
        "way=\"webhook\"",
    ),
];

/// How many were measured of each, and their sum in seconds.
async fn measured(scene: &Scene) -> [(f64, f64); 4] {
    let mut measured = [(0.0, 0.0); 4];
    for (measured, (service, name, label)) in measured.iter_mut().zip(SINCE_RECEIPT) {
        let of = async |part: &str| {
            let name = format!("{name}_{part}");
            scene.cluster.metric_of(service, 0, &name, label).await
        };
        *measured = (of("count").await, of("sum").await);
    }
    measured
}

/// Of the live lane.
async fn oldest_unreflected(scene: &Scene) -> f64 {
    let name = "roomsync_sync_oldest_unreflected_seconds";
    let lane = "lane=\"live\"";
    scene
        .cluster
        .metric_of(Service::SyncWorker, 0, name, lane)
        .await
}

async fn given_webhook(scene: &Scene, receiver: &WebhookReceiver) {
    let request = CreateWebhookRequest {
        tenant_id: scene.room.tenant.clone(),
        name: "Rooms".to_owned(),
        url: receiver.url(),
    };
    let mut rpcs = scene.cluster.app().subscriptions();
    let made = rpcs.create_webhook(request).await;
    receiver.trust(&made.expect("CreateWebhook").into_inner().secret);
}

/// Covers B5.
#[tokio::test]
async fn a_change_shows_in_every_histogram_and_ages_while_google_is_away() {
    let cluster = Cluster::builder("latency as a metric")
        .with_every_push("what no push told of is not timed")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let receiver = WebhookReceiver::start().await;
    given_webhook(&scene, &receiver).await;
    let (event, _) = scene.given_meeting(9).await;
    scene.cluster.calm().await;
    eventually(SOON, "nothing waits", async || {
        (oldest_unreflected(&scene).await == 0.0).then_some(())
    })
    .await;
    let before = measured(&scene).await;

    let google = scene.cluster.google();
    google.add_fault(
        Fault::answer(503, "backendError")
            .on(Operation::List)
            .always(),
    );
    scene.ana.move_event(&event, at(10), at(11)).expect("moved");
    let younger = eventually(SOON, "a change is late", async || {
        let age = oldest_unreflected(&scene).await;
        (age > 0.0).then_some(age)
    })
    .await;
    // The next push is younger: the oldest counts.
    scene.ana.move_event(&event, at(11), at(12)).expect("moved");
    let age = eventually(SOON, "it grows older", async || {
        let age = oldest_unreflected(&scene).await;
        (age > younger + 0.5).then_some(age)
    })
    .await;
    google.clear_faults();
    scene
        .wait_booking("moved", tomorrow(11), BookingState::Confirmed)
        .await;
    eventually(SOON, "nothing waits any more", async || {
        (oldest_unreflected(&scene).await == 0.0).then_some(())
    })
    .await;

    // The change was as late on every way out as it had been seen to be before it came.
    eventually(SOON, "it is timed everywhere", async || {
        let after = measured(&scene).await;
        let mut each = before.iter().zip(&after);
        each.all(|(before, after)| after.0 > before.0 && after.1 - before.1 >= age)
            .then_some(())
    })
    .await;
    scene.cluster.finish().await;
}
