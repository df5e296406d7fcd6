//! Watch channels: opened with the link, renewed before they end, stopped with it, and told about in
//! the coverage of each object.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use google_sim::{Call, Channel, Control, Operation, PushEffect, PushFault};
use roomsync_proto::integration::v1::{
    Coverage, Link, LinkState, ListLinksRequest, UnlinkObjectRequest,
};
use roomsync_testkit::{
    Cluster, ClusterBuilder, LinkedRoom, SOON, Service,
    app::{Organisation, instant},
};

use crate::scene::Scene;

/// Polls would hide a channel that does not work, and unreliable pushes one that does.
pub(crate) fn cluster(name: &str) -> ClusterBuilder {
    Cluster::builder(name).with_every_push("what comes through a channel is looked at")
}

pub(crate) fn calls_of(google: &Control, operation: Operation, room: &str) -> Vec<Call> {
    let mut calls = google.calls(operation);
    calls.retain(|call| call.calendar.as_deref() == Some(room));
    calls
}

pub(crate) fn coverage(link: &Link) -> Coverage {
    link.coverage.clone().expect("coverage")
}

async fn unlink(cluster: &Cluster, room: &LinkedRoom) {
    let request = UnlinkObjectRequest {
        tenant_id: room.tenant.clone(),
        link_id: room.link.link_id.clone(),
    };
    let unlinked = cluster.app().links().unlink_object(request).await;
    unlinked.expect("UnlinkObject");
    cluster
        .app()
        .wait_link("the link is removed", "acme", &room.link.link_id, |link| {
            link.state() == LinkState::Removed
        })
        .await;
}

/// A push as Google sends it through a channel, whatever has become of that.
async fn push_through(channel: &Channel, number: usize) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build();
    let post = client
        .expect("a client")
        .post(&channel.address)
        .header("X-Goog-Channel-ID", &channel.id)
        .header("X-Goog-Resource-ID", &channel.resource_id)
        .header("X-Goog-Resource-State", "exists")
        .header("X-Goog-Message-Number", number)
        .header(
            "X-Goog-Channel-Token",
            channel.token.as_deref().unwrap_or(""),
        )
        .header("Content-Length", "0");
    post.send().await.expect("an answer").status().as_u16()
}

/// Covers B4, R78.
#[tokio::test]
async fn a_channel_is_renewed_before_it_ends_and_there_is_never_none() {
    let cluster = cluster("renewal")
        // What was asked for is a week: what Google returned counts.
        .google(|google| google.channel_ttl_limit = Duration::from_secs(3))
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google();
    let room = scene.room.room.mail().to_owned();
    let seen = Mutex::new(BTreeSet::new());
    let looked = google.wait_for(SOON, |google| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let channels = google.channels();
        assert!(!channels.is_empty(), "a moment without a channel");
        seen.extend(channels.into_iter().map(|channel| channel.id));
        (seen.len() >= 3).then_some(())
    });
    // Only changes make the simulator look: there is one now and then.
    let busy = async {
        for hour in 9.. {
            scene.given_meeting(hour).await;
            if seen.lock().unwrap_or_else(PoisonError::into_inner).len() >= 3 {
                break;
            }
            scene
                .cluster
                .app()
                .wait_for("the next renewal", async || {
                    let watches = calls_of(google, Operation::Watch, &room).len();
                    Ok((watches > usize::try_from(hour - 8).unwrap_or(0)).then_some(()))
                })
                .await;
        }
    };
    let (looked, ()) = tokio::join!(looked, busy);
    looked.expect("three channels, one after the other");
    // Each is stopped only after the next one was answered, and nobody leaves any behind.
    let calls = google.ledger();
    let order: Vec<_> = calls
        .iter()
        .filter(|call| matches!(call.operation, Operation::Watch | Operation::Stop))
        .map(|call| call.operation)
        .collect();
    assert_eq!(
        order[..4],
        [
            Operation::Watch,
            Operation::Watch,
            Operation::Stop,
            Operation::Watch
        ],
        "opened, then stopped"
    );
    scene.cluster.finish().await;
}

/// Covers R4.
#[tokio::test]
async fn a_sync_message_before_the_watch_call_is_answered_is_no_stranger() {
    let cluster = cluster("the sync message first")
        .google(|google| {
            google.sync_message_first = true;
            google.expiration_as_number = true;
        })
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let pushes = scene.cluster.google().pushes();
    let sync = pushes
        .iter()
        .find(|push| push.state == "sync")
        .expect("one");
    assert_eq!(sync.answers, [Some(200)]);
    assert!(coverage(&scene.room.link).channel_expires_at.is_some());
    scene.given_meeting(9).await;
    scene.cluster.finish().await;
}

/// Covers B4.
#[tokio::test]
async fn a_room_that_google_refuses_to_watch_is_asked_again_later_and_polled_meanwhile() {
    let cluster = cluster("push refused")
        .set(Service::SyncWorker, "push.retry_refused", "10s")
        .set(Service::SyncWorker, "sync.poll_without_push", "500ms")
        .start()
        .await;
    let app = cluster.app();
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let room = organisation.given_room("Aquarium");
    room.support_push(false).expect("no push");
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;
    let link = app.link_object("acme", "aquarium", room.mail()).await;
    let link = app.wait_imported("acme", &link.link_id).await;
    assert_eq!(coverage(&link).channel_state, "refused");
    assert_eq!(coverage(&link).channel_expires_at, None);

    // Polls come and go; the refusal is remembered.
    let google = cluster.google();
    let polls = calls_of(google, Operation::List, room.mail()).len();
    app.wait_for("some polls", async || {
        let now = calls_of(google, Operation::List, room.mail()).len();
        Ok((now >= polls + 3).then_some(()))
    })
    .await;
    assert_eq!(calls_of(google, Operation::Watch, room.mail()).len(), 1);

    room.support_push(true).expect("Google has learned it");
    app.wait_link("the channel is open", "acme", &link.link_id, |link| {
        coverage(link).channel_state == "open"
    })
    .await;
    cluster.finish().await;
}

/// Covers R79, R80, B4.
#[tokio::test]
async fn an_unlinked_rooms_channel_is_stopped_by_who_opened_it_and_late_pushes_are_dropped() {
    let cluster = cluster("stopped with the link").start().await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google().clone();
    let (event, _) = scene.given_meeting(9).await;
    let room = scene.room.room.mail().to_owned();
    let channel = google.channels().pop().expect("a channel");
    // A last change is pushed, and that push is under way for long.
    let late = PushEffect::Delay {
        delay: Duration::from_secs(2),
    };
    google.add_push_fault(PushFault::next(1, late));
    scene.ana.retitle_event(&event, "Late").expect("retitled");

    unlink(&scene.cluster, &scene.room).await;

    assert!(google.channels().is_empty(), "{:?}", google.channels());
    let opened = calls_of(&google, Operation::Watch, &room);
    let stopped = google.calls(Operation::Stop);
    let subjects = |calls: &[Call]| -> Vec<_> { calls.iter().map(|c| c.subject.clone()).collect() };
    assert_eq!(subjects(&stopped), subjects(&opened));
    assert!(stopped.iter().all(|call| call.status == Some(204)));
    assert_eq!(scene.listed().await.len(), 0, "its bookings are removed");
    assert!(
        scene.ana.event(&event).expect("the event")["status"] != "cancelled",
        "nothing is changed in Google"
    );

    let listings = calls_of(&google, Operation::List, &room).len();
    for number in 100..105 {
        // Google is told that it is fine: an error would only make it try again.
        assert_eq!(push_through(&channel, number).await / 100, 2);
    }
    let arrived = |google: &Control| {
        let pushes = google.pushes();
        let all = pushes.iter().all(|push| !push.answers.is_empty());
        (all && pushes.len() >= 3).then_some(())
    };
    google.wait_for(SOON, arrived).await.expect("the late push");
    scene.cluster.finish().await;
    assert_eq!(
        calls_of(&google, Operation::List, &room).len(),
        listings,
        "nobody looks at a room that is no longer linked"
    );
}

/// Covers B4, R76, D12.
#[tokio::test]
async fn every_object_says_how_current_it_is() {
    let cluster = cluster("coverage").start().await;
    let scene = Scene::with(cluster).await;
    let app = scene.cluster.app();
    let quiet = scene.room.organisation.given_room("Basement");
    quiet.support_push(false).expect("no push");
    app.given_object("acme", "basement").await;
    let link = app.link_object("acme", "basement", quiet.mail()).await;
    app.wait_imported("acme", &link.link_id).await;
    let before = coverage(&scene.room.link);
    scene.given_meeting(9).await;
    app.wait_link(
        "the change is reported",
        "acme",
        &scene.room.link.link_id,
        |link| {
            let last = |it: &Coverage| instant(it.last_change_at.as_ref());
            last(&coverage(link)) > last(&before)
        },
    )
    .await;

    let request = ListLinksRequest {
        tenant_id: "acme".to_owned(),
        ..ListLinksRequest::default()
    };
    let links = app.links().list_links(request).await.expect("ListLinks");
    let links = links.into_inner().links;
    let of = |object: &str| {
        let link = links.iter().find(|link| link.object_id == object);
        coverage(link.expect("the object's link"))
    };
    let (watched, polled) = (of("aquarium"), of("basement"));
    assert_eq!(watched.channel_state, "open");
    assert_eq!(polled.channel_state, "refused");
    assert!(watched.channel_expires_at.is_some() && polled.channel_expires_at.is_none());
    assert_eq!(
        watched.poll_interval_seconds, 600,
        "healed within ten minutes"
    );
    assert_eq!(
        polled.poll_interval_seconds, 120,
        "within two without pushes"
    );
    for coverage in [&watched, &polled] {
        assert!(coverage.last_check_at.is_some());
        assert!(coverage.last_full_sync_at.is_some());
        assert!(
            coverage.last_reconcile_at.is_some(),
            "a full sync compares all"
        );
        assert!(coverage.cursor_since.is_some(), "the age of the token");
        assert_eq!((coverage.drift_found, coverage.drift_total), (0, 0));
    }
    assert!(watched.last_change_at.is_some());
    scene.cluster.finish().await;
}
