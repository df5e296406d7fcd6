//! Bursts: many pushes for one room are few listings, whatever the number of workers.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use google_sim::{Call, Channel, Control, Operation, When};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{Cluster, Service, Upstream};

use crate::scene::{Scene, tomorrow};

/// How long a calendar rests after a pull: the default, which these journeys count by.
const PAUSE: Duration = Duration::from_millis(500);

async fn three_workers(name: &str) -> Scene {
    let cluster = Cluster::builder(name)
        .replicas(Service::SyncWorker, 3)
        .set(Service::SyncWorker, "sync.pause", "500ms")
        .with_every_push("listings are counted, and polls would add to them")
        .start()
        .await;
    Scene::with(cluster).await
}

/// Ana moves a meeting minute by minute; returns when it begins in the end.
fn move_about(scene: &Scene, event: &str, times: i64) -> chrono::DateTime<chrono::Utc> {
    for minute in 1..=times {
        let start = tomorrow(12) + TimeDelta::minutes(minute);
        let end = start + TimeDelta::hours(1);
        let moved = scene.ana.move_event(event, When::at(start), When::at(end));
        moved.expect("moved");
    }
    tomorrow(12) + TimeDelta::minutes(times)
}

fn listings_of(google: &Control, room: &str) -> usize {
    let of_room = |call: &Call| call.calendar.as_deref() == Some(room);
    let calls = google.calls(Operation::List);
    calls.into_iter().filter(of_room).count()
}

/// Posts so many pushes of a channel as Google would, eight at a time; returns how long it took.
async fn push(channel: &Channel, times: usize) -> Duration {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let began = Instant::now();
    #[expect(
        clippy::disallowed_methods,
        reason = "the test's own tasks, awaited below"
    )]
    let posting: Vec<_> = (0..8)
        .map(|worker| {
            let (client, channel) = (client.clone(), channel.clone());
            tokio::spawn(async move {
                for number in (worker..times).step_by(8) {
                    let post = client
                        .post(&channel.address)
                        .header("X-Goog-Channel-ID", &channel.id)
                        .header("X-Goog-Resource-ID", &channel.resource_id)
                        .header("X-Goog-Resource-State", "exists")
                        .header("X-Goog-Message-Number", 1000 + number)
                        .header(
                            "X-Goog-Channel-Token",
                            channel.token.as_deref().unwrap_or(""),
                        )
                        .header("Content-Length", "0");
                    let answer = post.send().await.expect("webhook-ingest answers");
                    assert!(answer.status().is_success(), "{}", answer.status());
                }
            })
        })
        .collect();
    for worker in posting {
        worker.await.expect("every push is answered");
    }
    began.elapsed()
}

/// Covers R53, R78.
#[tokio::test]
async fn a_thousand_pushes_within_a_second_cost_four_listings_at_most_with_three_workers() {
    let scene = three_workers("a thousand pushes").await;
    let google = scene.cluster.google().clone();
    let (event, booking) = scene.given_meeting(9).await;
    let room = scene.room.room.mail().to_owned();
    let channel = google.channels().pop().expect("a channel");
    scene.cluster.calm().await;
    let before = listings_of(&google, &room);

    let pushed = push(&channel, 970);
    let last = async { move_about(&scene, &event, 30) };
    let (took, last) = tokio::join!(pushed, last);

    let moved = scene
        .wait_booking("the last place", last, BookingState::Confirmed)
        .await;
    assert_eq!(moved.booking_id, booking.booking_id);
    // Nothing is dirty or under way any more afterwards.
    scene.cluster.finish().await;
    let listings = listings_of(&google, &room) - before;
    // One at once, one for each rest that began meanwhile, one for what came during the last: four
    // for a second. A slow machine takes longer to push so much.
    let rests = took.as_millis().div_ceil(PAUSE.as_millis()).max(2);
    let most = usize::try_from(rests).expect("it is small") + 2;
    eprintln!("1000 pushes within {took:?} took {listings} listings");
    assert!(
        listings <= most,
        "{listings} listings for pushes within {took:?}, at most {most} are expected"
    );
}

/// Covers R17.
#[tokio::test]
async fn a_change_during_a_rest_waits_no_longer_than_the_rest() {
    let scene = three_workers("a change during a rest").await;
    scene.given_meeting(9).await;
    for hour in 11..16 {
        // Each is likely to meet the rest of the one before; no poll and no sweep helps.
        scene.given_meeting(hour).await;
    }
    scene.cluster.finish().await;
}

/// Covers R78.
#[tokio::test]
async fn three_workers_and_a_burst_of_changes_miss_nothing() {
    let scene = three_workers("a burst").await;
    let (event, _) = scene.given_meeting(9).await;
    let last = move_about(&scene, &event, 30);
    scene
        .wait_booking("the last place", last, BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}

/// Covers R17, R78.
#[tokio::test]
async fn a_burst_while_webhook_ingest_cannot_be_reached_is_told_again() {
    let cluster = Cluster::builder("a burst at a closed door")
        .replicas(Service::SyncWorker, 3)
        .proxied(Upstream::WebhookIngest)
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (event, _) = scene.given_meeting(9).await;
    scene.cluster.proxy(Upstream::WebhookIngest).refuse();
    move_about(&scene, &event, 5);
    scene.cluster.proxy(Upstream::WebhookIngest).pass();
    // What was pushed at the closed door is lost: the next push tells all of it.
    scene.given_meeting(18).await;
    let last = tomorrow(12) + TimeDelta::minutes(5);
    scene
        .wait_booking("the last place", last, BookingState::Confirmed)
        .await;
    scene.cluster.finish().await;
}

/// Covers R17, D26.
#[tokio::test]
async fn what_comes_during_a_rest_is_taken_up_when_it_is_over_and_not_by_the_slow_sweep() {
    let cluster = Cluster::builder("woken after a rest")
        // Longer than any wait of this test: whoever is left to it comes too late.
        .set(Service::SyncWorker, "sync.sweep", "60s")
        .set(Service::SyncWorker, "sync.pause", "2s")
        .with_every_push("a lost one would have to wait for the slow sweep")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let (event, _) = scene.given_meeting(9).await;
    // Two bursts, the second one within the rest after the pull of the first.
    let mut last = tomorrow(9);
    for times in [3, 6] {
        last = move_about(&scene, &event, times);
        let began = Instant::now();
        scene
            .wait_booking("the last place", last, BookingState::Confirmed)
            .await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(10), "it took {took:?}");
    }
    assert_eq!(last, tomorrow(12) + TimeDelta::minutes(6));
    scene.cluster.finish().await;
}
