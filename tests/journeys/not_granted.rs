//! Meetings that their room has not taken: they stand in the way, and are no occupancy that anybody keeps.

use chrono::{DateTime, TimeDelta, Utc};
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectionState, PreviewDisconnectRequest},
};
use roomsync_testkit::app::instant;

use crate::{
    disconnect::{count, wait_connection},
    scene::{Scene, Watched as _},
};

fn within(minutes: i64) -> DateTime<Utc> {
    use chrono::DurationRound as _;
    let now = SystemClock.now().duration_trunc(TimeDelta::seconds(1));
    now.expect("a second") + TimeDelta::minutes(minutes)
}

/// Covers B1, D7.
#[tokio::test]
async fn of_running_meetings_only_what_was_granted_and_is_over_is_kept() {
    let scene = Scene::new("a running meeting").await;
    let other = scene.another_room("Lagoon").await;
    other.room.auto_accept(false).expect("somebody answers");
    let (from, to) = (within(-60), within(60));
    for (room, state) in [
        (&scene.room, BookingState::Confirmed),
        (&other, BookingState::Pending),
    ] {
        let meeting = NewEvent::timed(from, to).in_room(room.room.mail());
        scene.ana.insert_event(meeting).expect("Google takes it");
        room.wait_booking("the meeting", from, state).await;
    }
    let app = scene.cluster.app();
    let preview = async || {
        let request = PreviewDisconnectRequest {
            tenant_id: "acme".to_owned(),
        };
        let answer = app.connections().preview_disconnect(request).await;
        answer.expect("PreviewDisconnect").into_inner()
    };
    let before = preview().await;
    assert_eq!(before.links, 2);
    assert_eq!((before.running_bookings, before.occupancy_facts), (2, 1));

    app.disconnect("acme").await.expect("Disconnect");
    wait_connection(app, ConnectionState::Disconnected).await;
    // Addresses are kept, and are no links that could be taken down again.
    assert_eq!(preview().await.links, 0);
    let facts = "SELECT count(*) FROM booking.occupancy_facts";
    assert_eq!(count(&scene.cluster, facts).await, 1, "as was said before");
    let ahead = "SELECT count(*) FROM booking.occupancy_facts WHERE ends_at > now()";
    assert_eq!(count(&scene.cluster, ahead).await, 0, "it did not happen");
    scene.cluster.finish().await;
}

/// Covers R44.
#[tokio::test]
async fn a_display_is_not_free_when_a_room_is_asked_for() {
    let scene = Scene::new("asked for at the door").await;
    scene
        .room
        .room
        .auto_accept(false)
        .expect("somebody answers");
    let app = scene.cluster.app();
    let mut display = app.display("acme", "aquarium").await.expect("WatchObject");
    let from = within(37);
    let meeting = NewEvent::timed(from, within(97)).in_room(scene.room.room.mail());
    scene.ana.insert_event(meeting).expect("Google takes it");
    let state = display
        .wait_for("the meeting", |it| {
            let next = it.next.as_ref();
            next.is_some_and(|it| it.state() == BookingState::Pending)
        })
        .await;
    assert_eq!(instant(state.free_until.as_ref()), Some(from));
    let offered: Vec<_> = state.book_now.iter().map(|it| it.minutes).collect();
    assert!(!offered.contains(&45), "{offered:?}");
    scene.cluster.finish().await;
}
