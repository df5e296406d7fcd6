//! Bookings that Google manages are marked so, are not edited here and need no check-in.

use std::time::Duration;

use google_sim::{Fault, Operation};
use roomsync_process::grpc;
use roomsync_proto::booking::v1::{
    Booking, BookingOrigin, BookingState, ListBookingsRequest, UpdateBookingRequest,
};
use roomsync_testkit::{NewBooking, app::window};
use tonic::Code;

use crate::scene::{Scene, tomorrow};

/// Covers R34, R39, D2.
#[tokio::test]
async fn an_edit_is_refused_whoever_made_the_booking() {
    let scene = Scene::new("edits refused").await;
    let (_, imported) = scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let made = app
        .book(
            "acme",
            NewBooking::by_user("aquarium", tomorrow(11), "u-ana"),
        )
        .await;
    for booking in [&imported, &made] {
        let request = UpdateBookingRequest {
            tenant_id: "acme".to_owned(),
            booking_id: booking.booking_id.clone(),
            window: Some(window(tomorrow(14), tomorrow(15))),
        };
        let refused = app.bookings().update_booking(request).await;
        let status = refused.expect_err("refused");
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(grpc::reason(&status).as_deref(), Some("MANAGED_IN_GOOGLE"));
        assert_eq!(
            grpc::metadata(&status, "provider").as_deref(),
            Some("google")
        );
    }
    let unknown = UpdateBookingRequest {
        tenant_id: "acme".to_owned(),
        booking_id: "00000000-0000-7000-8000-000000000000".to_owned(),
        window: None,
    };
    let unknown = app.bookings().update_booking(unknown).await;
    assert_eq!(unknown.expect_err("unknown").code(), Code::NotFound);
    scene.cluster.finish().await;
}

async fn listed(scene: &Scene, user: &str) -> Vec<Booking> {
    let request = ListBookingsRequest {
        tenant_id: "acme".to_owned(),
        user_id: user.to_owned(),
        window: Some(window(tomorrow(0), tomorrow(24))),
        include_ended: true,
        ..ListBookingsRequest::default()
    };
    let answer = scene.cluster.app().bookings().list_bookings(request).await;
    answer.expect("ListBookings").into_inner().bookings
}

fn marks(bookings: &[Booking]) -> Vec<(&str, bool, BookingOrigin)> {
    bookings
        .iter()
        .map(|b| {
            (
                b.external_provider.as_str(),
                b.check_in_disabled,
                b.origin(),
            )
        })
        .collect()
}

/// Covers R33, R37, R38, R40, D11.
#[tokio::test]
async fn what_google_took_carries_its_logo_and_needs_no_check_in_wherever_it_was_made() {
    let scene = Scene::new("the logo").await;
    scene.given_meeting(9).await;
    let app = scene.cluster.app();
    let new = |hour| NewBooking::by_user("aquarium", tomorrow(hour), "u-ana");
    app.book("acme", new(11)).await;
    // Google never takes this one.
    let refused = Fault::answer(403, "forbidden").on(Operation::Insert);
    scene.cluster.google().add_fault(refused);
    let patience = Duration::from_secs(10);
    let refused = app.create_booking("acme", new(13).waiting(patience)).await;
    let refused = refused.expect("CreateBooking").booking.expect("a booking");
    assert_eq!(refused.state(), BookingState::Rejected);

    let expected = [
        ("google", true, BookingOrigin::Google),
        ("google", true, BookingOrigin::Flexopus),
        ("", false, BookingOrigin::Flexopus),
    ];
    for user in ["", "u-ana"] {
        assert_eq!(marks(&listed(&scene, user).await), expected, "of {user:?}");
    }
    scene.cluster.finish().await;
}
