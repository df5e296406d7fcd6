//! Bookers whom Google does not let us act as, each for another reason (D22): booked in the other place, and
//! nothing is wrong with the connection.

use google_sim::{Operation, scopes};
use roomsync_proto::{booking::v1::BookingState, integration::v1::ConnectionState};
use roomsync_testkit::{Cluster, NewBooking, Organisation, SOON, Service, eventually};

use crate::{
    booking_user::{event_of, live},
    disconnect::count,
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

/// Covers D22, R29.
#[tokio::test]
async fn whom_google_knows_again_is_booked_for_in_the_own_calendar_after_the_day() {
    let cluster = Cluster::builder("known again")
        .set(Service::BookingCommand, "bookings.unknown_for", "8s")
        .set(Service::BookingCommand, "cleanup.every", "200ms")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let app = scene.cluster.app();
    let by_ana = |hour| NewBooking::by_user("aquarium", tomorrow(hour), "u-ana");
    let organizer = |booking| {
        let event = scene.room.room.event(&event_of(booking)).expect("a copy");
        event["organizer"]["email"].as_str().map(str::to_owned)
    };
    scene.ana.suspend(true).expect("suspended");
    let suspended = app.book("acme", by_ana(9)).await;
    scene.ana.suspend(false).expect("back");
    let meanwhile = app.book("acme", by_ana(11)).await;
    for booking in [&suspended, &meanwhile] {
        let organizer = organizer(booking).expect("an organizer");
        let on_ours = organizer.ends_with("@group.calendar.google.com");
        assert!(
            on_ours,
            "for a day the first place is not tried: {organizer}"
        );
    }

    // The day of this test ends, and nothing is kept of it.
    let kept = "SELECT count(*) FROM booking.unknown_bookers";
    eventually(SOON, "it is forgotten", async || {
        (count(&scene.cluster, kept).await == 0).then_some(())
    })
    .await;
    let known = app.book("acme", by_ana(13)).await;
    assert_eq!(organizer(&known).as_deref(), Some(scene.ana.mail()));
    scene.cluster.finish().await;
}

/// Covers D22, D1.
#[tokio::test]
async fn where_no_calendar_of_ours_may_be_made_there_is_no_way_for_whom_google_does_not_know() {
    let cluster = Cluster::start("no other place").await;
    // Everything but the calendar of our own.
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let most = [
        scopes::EVENTS,
        scopes::EVENTS_OWNED,
        scopes::RESOURCES_READONLY,
    ];
    let delegated = organisation.org.delegate(&organisation.account, &most);
    delegated.expect("delegated");
    let scene = Scene::with(cluster).await;
    let (app, google) = (scene.cluster.app(), scene.cluster.google());
    let zoe = scene.colleague("zoe").await;
    zoe.suspend(true).expect("suspended");
    let bob = scene.colleague("bob").await;
    bob.calendar_off(true).expect("switched off");
    app.given_user("acme", "u-ghost", "ghost@acme.example")
        .await;
    let partner = google.add_org("partner.example");
    let eve = partner.add_user("eve@partner.example", false).expect("Eve");
    app.given_user("acme", "u-eve", eve.mail()).await;

    // All of them want the same slot: each finds it free. Once more: by what is remembered.
    for who in ["u-zoe", "u-bob", "u-ghost", "u-eve"].repeat(2) {
        let new = NewBooking::by_user("aquarium", tomorrow(9), who);
        let answer = app.create_booking("acme", new).await;
        let booking = answer.expect("CreateBooking").booking.expect("a booking");
        let told = (booking.state(), booking.cause.as_str());
        assert_eq!(told, (BookingState::Rejected, "BOOKER_UNKNOWN"), "{who}");
        assert_eq!((whose(&booking).as_str(), booking.event_kept), (who, false));
        assert_eq!(booking.external_provider, "", "{who}");
    }
    let events = scene.room.room.events().expect("a calendar");
    assert!(live(&events).is_empty(), "{events:?}");
    assert!(google.calls(Operation::CalendarInsert).is_empty());
    let status = app.connection_status("acme").await.expect("GetStatus");
    assert_eq!(
        (status.state(), status.reason.as_str()),
        (ConnectionState::Active, "")
    );
    // Whom Google knows has the slot, and who is known again after all would have it, too.
    let new = NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    app.book("acme", new).await;
    scene.cluster.finish().await;
}
