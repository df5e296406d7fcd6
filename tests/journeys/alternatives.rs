//! What is offered when a slot is refused (B15).

use roomsync_process::grpc;
use roomsync_proto::integration::v1::Object;
use roomsync_testkit::{NewBooking, app::window};

use crate::scene::{Scene, Watched as _, tomorrow};

fn object(id: &str, location: &str, capacity: i32) -> Object {
    Object {
        object_id: id.to_owned(),
        name: id.to_owned(),
        location: location.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        capacity,
        ..Object::default()
    }
}

/// Covers B15, R26.
#[tokio::test]
async fn the_nearest_free_objects_are_offered_first_and_five_at_most() {
    let scene = Scene::new("the nearest alternatives").await;
    let app = scene.cluster.app();
    for name in ["Lagoon", "Spree", "Harbour", "Isar", "Elbe", "Main"] {
        scene.another_room(name).await;
    }
    // None of these can be had, each for another reason.
    let taken = scene.another_room("Taken").await;
    for name in ["Blocked", "Readonly"] {
        scene.another_room(name).await;
    }
    app.given_object("acme", "unlinked").await;
    let (nine, ten) = (tomorrow(9), tomorrow(10));
    let meeting = google_sim::NewEvent::timed(nine, ten).in_room(taken.room.mail());
    scene.ana.insert_event(meeting).expect("Google takes it");
    taken.wait_starts("it is taken", &[nine]).await;
    let blocked = Object {
        blocked: vec![window(nine, ten)],
        ..object("blocked", "HQ", 8)
    };
    let read_only = Object {
        read_only: true,
        ..object("readonly", "HQ", 8)
    };
    let objects = vec![
        object("aquarium", "HQ", 8),
        object("lagoon", "HQ", 40),
        object("spree", "HQ", 9),
        object("harbour", "HQ", 4),
        object("isar", "Branch", 8),
        object("elbe", "Branch", 10),
        object("main", "Branch", 30),
        blocked,
        read_only,
    ];
    app.upsert_objects("acme", objects).await;
    scene.given_meeting(9).await;

    for new in [
        NewBooking::by_user("aquarium", nine, "u-ana"),
        NewBooking::by_device("aquarium", nine, "d-1"),
    ] {
        let refused = app.create_booking("acme", new).await.expect_err("taken");
        assert_eq!(grpc::reason(&refused).as_deref(), Some("SLOT_TAKEN"));
        let offered = grpc::metadata(&refused, "alternatives");
        let expected = "spree,harbour,lagoon,isar,elbe";
        assert_eq!(offered.as_deref(), Some(expected));
    }
    scene.cluster.finish().await;
}
