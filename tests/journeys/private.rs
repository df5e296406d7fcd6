//! Private events: everybody sees that the object is taken, the owner and administrators see by whom.

use google_sim::Role;
use roomsync_proto::{
    booking::v1::{
        AdministratorViewer, Booking, BookingState, GetBookingRequest, ListBookingsRequest, Viewer,
        viewer,
    },
    integration::v1::TenantSettings,
};
use roomsync_testkit::app::window;
use serde_json::json;

use crate::scene::{Scene, ids, tomorrow, whose};

fn user(id: &str) -> Viewer {
    Viewer {
        viewer: Some(viewer::Viewer::UserId(id.to_owned())),
    }
}

fn administrator() -> Viewer {
    Viewer {
        viewer: Some(viewer::Viewer::Administrator(AdministratorViewer {})),
    }
}

/// What somebody is shown of tomorrow: whose each booking is and its title, `None` where both are
/// kept from them. `GetBooking` says the same.
async fn shown(scene: &Scene, viewer: Option<Viewer>) -> Vec<Option<(String, String)>> {
    let app = scene.cluster.app();
    let request = ListBookingsRequest {
        tenant_id: "acme".to_owned(),
        object_ids: vec![scene.room.object.clone()],
        window: Some(window(tomorrow(0), tomorrow(24))),
        viewer: viewer.clone(),
        ..ListBookingsRequest::default()
    };
    let listed = app.bookings().list_bookings(request).await;
    let listed = listed.expect("ListBookings").into_inner().bookings;
    for booking in &listed {
        let request = GetBookingRequest {
            tenant_id: "acme".to_owned(),
            booking_id: booking.booking_id.clone(),
            viewer: viewer.clone(),
        };
        let got = app.bookings().get_booking(request).await;
        let got = got.expect("GetBooking").into_inner().booking;
        assert_eq!(got.as_ref(), Some(booking));
    }
    listed.iter().map(who_and_what).collect()
}

fn who_and_what(booking: &Booking) -> Option<(String, String)> {
    if booking.hidden {
        assert!(booking.private);
        assert_eq!(whose(booking), "anonymous");
        assert!(booking.title.is_empty());
        return None;
    }
    Some((whose(booking), booking.title.clone()))
}

/// Covers R14, D13.
#[tokio::test]
async fn who_and_what_of_a_private_event_are_for_the_owner_and_administrators() {
    let scene = Scene::new("a private event").await;
    let titles = TenantSettings {
        store_titles: Some(true),
        ..TenantSettings::default()
    };
    scene.cluster.app().put_tenant("acme", true, titles).await;
    scene.colleague("bob").await;
    let words = ["default", "private", "confidential", "public"];
    for (hour, visibility) in (9..).zip(words) {
        let event = scene
            .meeting(hour)
            .titled(visibility)
            .with("visibility", json!(visibility));
        scene.ana.insert_event(event).expect("Google takes it");
    }
    let hours: Vec<_> = (9..13).map(tomorrow).collect();
    let bookings = scene.wait_starts("four meetings", &hours).await;
    let private: Vec<_> = bookings.iter().map(|b| b.private).collect();
    assert_eq!(private, [false, true, true, false]);

    let all = words.map(|word| Some(("u-ana".to_owned(), word.to_owned())));
    for viewer in [Some(user("u-ana")), Some(administrator()), None] {
        assert_eq!(shown(&scene, viewer.clone()).await, all, "{viewer:?}");
    }
    let [public, _, _, open] = all;
    let of_bob = shown(&scene, Some(user("u-bob"))).await;
    assert_eq!(of_bob, [public, None, None, open]);

    // Asking for somebody's bookings must not tell which of the hidden ones are theirs.
    let request = ListBookingsRequest {
        tenant_id: "acme".to_owned(),
        user_id: "u-ana".to_owned(),
        viewer: Some(user("u-bob")),
        ..ListBookingsRequest::default()
    };
    let of_ana = scene.cluster.app().bookings().list_bookings(request).await;
    let of_ana = of_ana.expect("ListBookings").into_inner().bookings;
    let open: Vec<_> = [&bookings[0], &bookings[3]]
        .map(|b| b.booking_id.as_str())
        .into();
    assert_eq!(ids(&of_ana), open);
    scene.cluster.finish().await;
}

/// Covers D13.
#[tokio::test]
async fn an_event_made_private_is_hidden_from_then_on() {
    let scene = Scene::new("made private").await;
    let (event, before) = scene.given_meeting(9).await;
    let wait = |what: &'static str, private: bool| {
        scene.room.subscriber.wait_for(what, move |journal| {
            let booking = journal.bookings("aquarium").pop()?;
            (booking.private == private).then_some(booking)
        })
    };

    let change = |visibility: &str| {
        let changed = scene
            .ana
            .patch_event(&event, json!({"visibility": visibility}));
        changed.expect("changed");
    };
    change("private");
    let private = wait("private", true).await;
    assert_eq!(private.booking_id, before.booking_id);
    assert_eq!(shown(&scene, Some(user("u-bob"))).await, [None]);

    change("default");
    wait("not private", false).await;
    let open = Some(("u-ana".to_owned(), String::new()));
    assert_eq!(shown(&scene, Some(user("u-bob"))).await, [open]);
    scene.cluster.finish().await;
}

/// Covers D9, D13, B2.
#[tokio::test]
async fn a_private_event_of_which_google_shows_only_the_time_blocks_and_keeps_its_known_owner() {
    let scene = Scene::new("a shell of a private event").await;
    let private = |hour| {
        let event = scene.meeting(hour).with("visibility", json!("private"));
        scene.ana.insert_event(event).expect("Google takes it")
    };
    let event = private(9);
    let before = scene.wait_starts("a private one", &[tomorrow(9)]).await;

    // The rooms account may only read from now on: private events are shells.
    let google = scene.cluster.google();
    google.configure(|settings| settings.super_admins_own_rooms = false);
    let account = scene.room.organisation.admin.mail();
    scene
        .room
        .room
        .share(account, Role::Reader)
        .expect("reader only");
    private(11);
    let moved = scene
        .ana
        .move_event(&event, crate::scene::at(10), crate::scene::at(11));
    moved.expect("moved");
    scene.given_meeting(13).await;

    let hours = [10, 11, 13].map(tomorrow);
    let after = scene.wait_starts("all of them", &hours).await;
    assert_eq!(after[0].booking_id, before[0].booking_id);
    let owners: Vec<_> = after.iter().map(whose).collect();
    assert_eq!(owners, ["u-ana", "anonymous", "u-ana"]);
    let private: Vec<_> = after.iter().map(|b| b.private).collect();
    assert_eq!(private, [true, true, false]);
    assert!(after.iter().all(|b| b.state() == BookingState::Confirmed));
    scene.cluster.finish().await;
}
