//! Watch channels that nobody knows of, and channels through which nothing comes any more.

use std::time::Duration;

use google_sim::{Channel, Control, Effect, Fault, Operation, PushEffect, PushFault};
use roomsync_testkit::{Cluster, LinkedRoom, SOON, Service, app::Organisation, eventually};

use crate::{
    channels::{calls_of, cluster, coverage},
    scene::{Scene, tomorrow},
};

/// The channels of a room that Google sends pushes through.
fn live(google: &Control, room: &str) -> Vec<Channel> {
    let mut channels = google.channels();
    channels.retain(|channel| channel.calendar.eq_ignore_ascii_case(room));
    channels
}

/// How many notifications about changes arrived through a channel, and were not refused.
fn taken(google: &Control, channel: &str) -> usize {
    let mut pushes = google.pushes();
    pushes.retain(|push| push.channel == channel && push.state == "exists");
    pushes
        .iter()
        .filter(|push| push.answers.last() == Some(&Some(200)))
        .count()
}

/// Covers B4, R79: the answer to the watch call is lost. Google has no list of channels (documented): one that
/// told of itself by its first push is stopped, one that did not ends by itself, and what comes through it is
/// dropped.
#[tokio::test]
async fn a_channel_whose_answer_was_lost_is_replaced_and_does_no_harm() {
    let cluster = cluster("lost answers to watch calls")
        .google(|google| google.channel_ttl_limit = Duration::from_secs(12))
        .set(Service::SyncWorker, "push.retry", "300ms")
        .start()
        .await;
    let (app, google) = (cluster.app(), cluster.google());
    let organisation = Organisation::given(google, "acme.example");
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    for (object, tells_of_itself) in [("aquarium", true), ("lagoon", false)] {
        let room = organisation.given_room(object);
        if !tells_of_itself {
            let lost = PushFault::next(1, PushEffect::Drop).of_calendar(room.mail());
            google.add_push_fault(lost);
        }
        let lost = Fault::next(Effect::CommitThenClose).on(Operation::Watch);
        google.add_fault(lost.of_calendar(room.mail()));
        app.given_object("acme", object).await;
        let link = app.link_object("acme", object, room.mail()).await;
        let open = app
            .wait_link("a channel is known", "acme", &link.link_id, |link| {
                let it = coverage(link);
                it.channel_state == "open" && it.channel_expires_at.is_some()
            })
            .await;
        assert!(open.coverage.is_some());
        app.wait_imported("acme", &link.link_id).await;
        let orphan = google
            .pushes()
            .into_iter()
            .find(|push| push.calendar.eq_ignore_ascii_case(room.mail()))
            .expect("the first push of the first channel")
            .channel;
        if tells_of_itself {
            let stops = async || (!google.calls(Operation::Stop).is_empty()).then_some(());
            eventually(SOON, "it is stopped", stops).await;
        } else {
            // It cannot be stopped: a change comes through both, and is heard once.
            let still = live(google, room.mail());
            assert!(still.iter().any(|it| it.id == orphan), "{still:?}");
            let start = tomorrow(9);
            let meeting = google_sim::NewEvent::timed(start, tomorrow(10)).in_room(room.mail());
            room.insert_event(organisation.admin.mail(), meeting)
                .expect("Google takes it");
            eventually(SOON, "the unknown channel's push is taken", async || {
                (taken(google, &orphan) > 0).then_some(())
            })
            .await;
        }
        eventually(SOON, "only channels that are known are left", async || {
            let live = live(google, room.mail());
            (!live.is_empty() && live.iter().all(|it| it.id != orphan)).then_some(())
        })
        .await;
    }
    cluster.finish().await;
}

async fn silent(cluster: &Cluster, room: &LinkedRoom) -> i64 {
    let link = cluster
        .app()
        .wait_link("the silence is told", "acme", &room.link.link_id, |link| {
            coverage(link).channel_state == "silent"
        });
    coverage(&link.await).poll_interval_seconds
}

/// Covers B4, B5.
#[tokio::test]
async fn a_channel_gone_silent_is_polled_for_and_told_of_until_a_push_comes_again() {
    let cluster = cluster("silence")
        .set(Service::SyncWorker, "sync.poll_with_push", "2s")
        .set(Service::SyncWorker, "sync.poll_without_push", "1s")
        .set(Service::SyncWorker, "push.silent_after", "300ms")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let google = scene.cluster.google();
    let room = scene.room.room.mail().to_owned();
    assert_eq!(coverage(&scene.room.link).poll_interval_seconds, 2);
    scene.given_meeting(9).await;
    let watches = calls_of(google, Operation::Watch, &room).len();

    google.add_push_fault(PushFault::always(PushEffect::Drop).of_calendar(&room));
    // A change that was made right before a poll says nothing: one of several is old enough.
    for hour in 10..14 {
        scene.given_meeting(hour).await;
    }
    assert_eq!(
        silent(&scene.cluster, &scene.room).await,
        1,
        "polled faster"
    );
    let metric = "roomsync_sync_silences_total";
    let counted = scene.cluster.metric(Service::SyncWorker, 0, metric).await;
    assert!(counted >= 1.0, "{counted}");
    // The changes after the first one that was untold; of several again.
    for hour in 15..18 {
        scene.given_meeting(hour).await;
    }
    eventually(SOON, "a new channel is opened", async || {
        (calls_of(google, Operation::Watch, &room).len() > watches).then_some(())
    })
    .await;

    google.clear_push_faults();
    scene.given_meeting(18).await;
    let link = &scene.room.link.link_id;
    let heard = scene
        .cluster
        .app()
        .wait_link("a push came", "acme", link, |link| {
            coverage(link).channel_state == "open"
        });
    assert_eq!(coverage(&heard.await).poll_interval_seconds, 2);
    scene.cluster.finish().await;
}
