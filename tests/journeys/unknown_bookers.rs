//! Bookers whom Google does not let us act as, each for another reason (D22): booked in the other place, and
//! nothing is wrong with the connection.

use google_sim::Operation;
use roomsync_proto::integration::v1::ConnectionState;
use roomsync_testkit::NewBooking;

use crate::{
    booking_user::event_of,
    scene::{Scene, tomorrow, whose},
};

/// Covers D22, R29.
#[tokio::test]
async fn whoever_google_does_not_know_is_booked_for_all_the_same() {
    let scene = Scene::new("unknown bookers").await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let zoe = scene.colleague("zoe").await;
    zoe.suspend(true).expect("suspended");
    app.given_user("acme", "u-ghost", "ghost@acme.example")
        .await;

    for (hour, who) in [(9, "u-zoe"), (11, "u-ghost")] {
        let new = |hour| NewBooking::by_user("aquarium", tomorrow(hour), who);
        let booking = app.book("acme", new(hour)).await;
        assert_eq!(whose(&booking), who);
        let copy = scene.room.room.event(&event_of(&booking));
        let copy = copy.expect("the room's copy");
        let organizer = copy["organizer"]["email"].as_str().expect("an organizer");
        assert!(
            organizer.ends_with("@group.calendar.google.com"),
            "{who}: {organizer}"
        );
        // For a day nobody tries the first place again.
        google.clear_ledger();
        app.book("acme", new(hour + 6)).await;
        let tokens = google.calls(Operation::Token);
        let refused = tokens
            .iter()
            .filter(|call| call.status.is_some_and(|it| it != 200));
        assert_eq!(refused.count(), 0, "{who}: {tokens:?}");
        assert_eq!(google.calls(Operation::Insert).len(), 1, "{who}");
    }
    // Who is known is booked for in the own calendar as ever.
    let new = NewBooking::by_user("aquarium", tomorrow(13), "u-ana");
    let booking = app.book("acme", new).await;
    let event = scene.ana.event(&event_of(&booking)).expect("Ana's event");
    assert_eq!(event["organizer"]["email"], scene.ana.mail());
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(status.state(), ConnectionState::Active);
    scene.cluster.finish().await;
}
