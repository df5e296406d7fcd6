//! When the main app is told to delete its own bookings of an object: once, when the object is linked.

use chrono::{DateTime, Utc};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::{booking::v1::BookingState, integration::v1::LinkState};
use roomsync_testkit::{
    LinkedRoom, NewBooking,
    app::{administrator, instant},
};

use crate::scene::{Scene, Watched as _, tomorrow};

fn resets(room: &LinkedRoom) -> Vec<DateTime<Utc>> {
    let subscriber = &room.subscriber;
    subscriber.journal(|journal| journal.resets(&room.object))
}

/// Covers R51, R73, D5, D6.
#[tokio::test]
async fn an_object_is_reset_once_when_it_is_linked_and_only_what_is_still_to_come() {
    let scene = Scene::new("reset once").await;
    let app = scene.cluster.app();
    let lagoon = scene.another_room("Lagoon").await;
    app.given_object("acme", "desk").await;
    let nowhere = "c_nowhere@resource.calendar.google.com";
    let failing = app.link_object("acme", "desk", nowhere).await;
    let failed = |link: &roomsync_proto::integration::v1::Link| link.state() == LinkState::Failed;
    app.wait_link("it fails", "acme", &failing.link_id, failed)
        .await;

    for room in [&scene.room, &lagoon] {
        let told = resets(room);
        assert_eq!(told.len(), 1, "{}: {told:?}", room.object);
        // What has begun when the object is linked is none of the future: it stays until its end.
        let asked = instant(room.link.requested_at.as_ref()).expect("requested");
        let imported = instant(room.link.imported_at.as_ref()).expect("imported");
        assert!(asked <= told[0] && told[0] <= imported, "{told:?}");
        assert!(imported <= SystemClock.now());
    }

    // Nothing that happens to a link later deletes anything again.
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    app.book("acme", new).await;
    app.sync_now("acme", "").await.expect("SyncNow");
    let link = &scene.room.link.link_id;
    app.recheck("acme", link).await.expect("RecheckLink");
    app.acknowledge("acme", link).await.expect("again");
    app.connect("acme", &scene.room.organisation).await;
    scene.room.room.expire_sync_tokens().expect("expired");
    scene.given_meeting(11).await;
    let device = NewBooking::by_device("aquarium", tomorrow(13), "d-1");
    let device = app.book("acme", device).await;
    app.delete_booking("acme", &device.booking_id, administrator(""), false)
        .await
        .expect("ended");
    scene
        .wait_starts("two are left", &[tomorrow(9), tomorrow(11)])
        .await;
    scene.cluster.calm().await;
    for room in [&scene.room, &lagoon] {
        assert_eq!(resets(room).len(), 1, "{}", room.object);
    }
    let desk = scene.room.subscriber.journal(|it| it.resets("desk"));
    assert!(desk.is_empty(), "a link that fails deletes nothing");

    // Linked anew, it is reset anew.
    app.unlink("acme", link).await.expect("closing");
    scene.wait_count("unlinked", 0).await;
    let again = scene.link("aquarium", scene.room.room.clone()).await;
    again
        .wait_booking("imported", tomorrow(11), BookingState::Confirmed)
        .await;
    assert_eq!(resets(&again).len(), 2);
    assert_eq!(resets(&lagoon).len(), 1);
    scene.cluster.finish().await;
}
