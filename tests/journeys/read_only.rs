//! Seeing without writing, for a tenant or an object (B9), and what a link can do then (B2).

use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{LinkCapability, Object, TenantSettings},
};
use roomsync_testkit::{FakeBookingApp, NewBooking, app::administrator};
use tonic::Status;

use crate::scene::{Scene, tomorrow};

/// What the link lacks, each with the reason.
async fn lacks(app: &FakeBookingApp, link: &str) -> Vec<(LinkCapability, String)> {
    let link = app.link("acme", link).await.expect("the link");
    let missing = link.missing_capabilities.iter();
    missing
        .map(|it| (it.capability(), it.reason.clone()))
        .collect()
}

fn told(refused: &Status) -> (Option<String>, Option<String>) {
    (grpc::reason(refused), grpc::metadata(refused, "of"))
}

fn object(read_only: bool) -> Object {
    Object {
        object_id: "aquarium".to_owned(),
        name: "Aquarium".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        capacity: 8,
        read_only,
        ..Object::default()
    }
}

/// Covers B2, B9.
#[tokio::test]
async fn a_read_only_tenant_or_object_sees_and_never_writes() {
    let scene = Scene::new("read only").await;
    let app = scene.cluster.app();
    let link = &scene.room.link.link_id;
    let settings = |read_only| TenantSettings {
        read_only: Some(read_only),
        decline_allowed: Some(true),
        ..TenantSettings::default()
    };
    let writing = [
        LinkCapability::Decline,
        LinkCapability::BookAsUser,
        LinkCapability::BookAsDevice,
    ];
    assert!(lacks(app, link).await.is_empty());

    for of in ["tenant", "object"] {
        app.put_tenant("acme", true, settings(of == "tenant")).await;
        app.upsert_objects("acme", vec![object(of == "object")])
            .await;
        let expected = writing.map(|it| (it, "READ_ONLY".to_owned()));
        assert_eq!(lacks(app, link).await, expected);

        let expected = (Some("READ_ONLY".to_owned()), Some(of.to_owned()));
        for wish in [
            NewBooking::by_user("aquarium", tomorrow(14), "u-ana"),
            NewBooking::by_device("aquarium", tomorrow(14), "door-1"),
        ] {
            let refused = app.create_booking("acme", wish).await;
            assert_eq!(told(&refused.expect_err("read-only")), expected);
        }
        // What happens at Google is seen all the same.
        let hour = if of == "tenant" { 9 } else { 11 };
        let (_, booking) = scene.given_meeting(hour).await;
        let refused = app
            .delete_booking("acme", &booking.booking_id, administrator(""), false)
            .await
            .expect_err("read-only");
        assert_eq!(told(&refused).0.as_deref(), Some("READ_ONLY"));
    }

    app.upsert_objects("acme", vec![object(false)]).await;
    assert!(lacks(app, link).await.is_empty());
    let wish = NewBooking::by_user("aquarium", tomorrow(14), "u-ana");
    let booked = app.book("acme", wish).await;
    assert_eq!(booked.state(), BookingState::Confirmed);
    scene.cluster.finish().await;
}
