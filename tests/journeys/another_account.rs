//! What a connection keeps and what it does not when somebody else connects anew: the calendar "Flexopus" is the
//! account's that made it, and the delegation is the organisation's.

use std::time::Duration;

use google_sim::{Fault, Operation, UserControl};
use roomsync_proto::booking::v1::{Booking, BookingState};
use roomsync_testkit::{Cluster, NewBooking, Organisation, app::user};

use crate::{
    booking_user::event_of,
    connect::{linked, unconnected},
    scene::tomorrow,
};

/// Ana, in an organisation that consented; a room of it is linked.
async fn given_ana(name: &str) -> (Cluster, Organisation, UserControl) {
    let (cluster, organisation) = unconnected(name).await;
    let app = cluster.app();
    let admin = organisation.admin.mail();
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    linked(&cluster, &organisation, "acme").await;
    let ana = organisation.given_user("ana");
    app.given_user("acme", "u-ana", ana.mail()).await;
    (cluster, organisation, ana)
}

async fn booked(cluster: &Cluster, hour: i64) -> Booking {
    let new = NewBooking::by_user("aquarium", tomorrow(hour), "u-ana");
    cluster.app().book("acme", new).await
}

/// The calendar on which a booking's event was made.
fn calendar_of(ana: &UserControl, booking: &Booking) -> String {
    let event = ana.event(&event_of(booking)).expect("Ana's copy");
    let calendar = event["organizer"]["email"].as_str();
    calendar.expect("an organizer").to_owned()
}

/// Covers D22, D23.
#[tokio::test]
async fn another_administrator_books_in_a_calendar_of_the_own_account() {
    let (cluster, organisation, ana) = given_ana("another administrator").await;
    let first = booked(&cluster, 9).await;
    let boss = organisation.org.add_user("boss@acme.example", true);
    let boss = boss.expect("another administrator");
    let again = cluster.app().connect_by_consent("acme", boss.mail()).await;
    again.expect("connected");

    let second = booked(&cluster, 11).await;
    assert_ne!(calendar_of(&ana, &first), calendar_of(&ana, &second));
    cluster.finish().await;
}

/// Covers D22, B6.
#[tokio::test]
async fn a_shared_calendar_that_somebody_deleted_is_made_anew() {
    let (cluster, _organisation, ana) = given_ana("no shared calendar").await;
    let (app, google) = (cluster.app(), cluster.google());
    let gone = calendar_of(&ana, &booked(&cluster, 9).await);
    let fault = Fault::answer(404, "notFound")
        .on(Operation::Insert)
        .always();
    google.add_fault(fault.of_calendar(&gone));

    // Who met it waits a while; whoever asks anew does not.
    let new = NewBooking::by_user("aquarium", tomorrow(11), "u-ana");
    let new = new.waiting(Duration::from_secs(2));
    let answer = app.create_booking("acme", new).await.expect("no fault");
    let booking = answer.booking.expect("a booking");
    assert_eq!(booking.state(), BookingState::Requested);
    let withdrawn = app.delete_booking("acme", &booking.booking_id, user("u-ana"), false);
    withdrawn.await.expect("withdrawn");

    let anew = booked(&cluster, 11).await;
    assert_ne!(calendar_of(&ana, &anew), gone);
    cluster.finish().await;
}

/// Covers D21, D23.
#[tokio::test]
async fn a_delegation_holds_for_the_organisation_that_gave_it() {
    let (cluster, organisation) = unconnected("whose delegation").await;
    let app = cluster.app();
    let admin = organisation.admin.mail();
    app.connect_by_consent("acme", admin)
        .await
        .expect("connected");
    cluster.operator().is_delegated_by(&organisation);
    app.enable_delegation("acme").await.expect("delegated");

    let connect = async |administrator: &str| {
        let done = app.connect_by_consent("acme", administrator).await;
        let status = done.expect("connected").status;
        status.expect("a status").books_as_users
    };
    let boss = organisation.org.add_user("boss@acme.example", true);
    let boss = boss.expect("another administrator");
    assert!(connect(boss.mail()).await, "the same organisation");
    let other = Organisation::given(cluster.google(), "other.example");
    assert!(!connect(other.admin.mail()).await, "another one");
    cluster.finish().await;
}
