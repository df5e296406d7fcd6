//! The status page's data.

use google_sim::{Answer, Fault, NewRoom, Operation};
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{ConnectionState, ConnectionWay, Link, LinkState},
};
use roomsync_testkit::{Cluster, NewBooking, Organisation, Service, app::instant};

use crate::{
    disconnect::wait_connection,
    scene::{Scene, tomorrow},
};

/// Covers R54, R55, R56, R57, R58, R59, D4, D12, B4.
#[tokio::test]
async fn the_status_says_how_a_tenant_is_connected_and_what_needs_looking_after() {
    let cluster = Cluster::builder("status")
        .offering_consent()
        .set(Service::BookingCommand, "bookings.undecided_after", "1s")
        .start()
        .await;
    let (app, operator) = (cluster.app(), cluster.operator());
    let organisation = Organisation::given(cluster.google(), "acme.example");
    app.given_tenant("acme").await;
    let never = app.connection_status("acme").await.expect("a status");
    assert_eq!(never.state(), ConnectionState::Disconnected);
    assert_eq!(
        (never.way(), never.connected_at),
        (ConnectionWay::Unspecified, None)
    );

    app.connect_by_consent("acme", organisation.admin.mail())
        .await
        .expect("connected");
    let status = wait_connection(app, ConnectionState::Active).await;
    assert_eq!(status.way(), ConnectionWay::Consent);
    assert_eq!(
        (status.domain.as_str(), status.books_as_users),
        ("acme.example", false)
    );
    assert!(instant(status.connected_at.as_ref()).is_some());
    assert_eq!((status.linked_objects, status.last_change_at), (0, None));
    operator.is_delegated_by(&organisation);
    let status = app.enable_delegation("acme").await.expect("delegated");
    assert!(status.books_as_users);

    let scene = Scene::with(cluster).await;
    let app = scene.cluster.app();
    // A room for which Google does not push, and an address that nobody has.
    let quiet = NewRoom::named("Quiet");
    let quiet = organisation.org.add_room(quiet).expect("a room");
    quiet.support_push(false).expect("no pushes");
    scene.link("quiet", quiet).await;
    app.given_object("acme", "typo").await;
    app.link_object("acme", "typo", "nobody@resource.calendar.google.com")
        .await;
    scene.given_meeting(9).await;
    let status = app
        .wait_for("counted", async || {
            let status = app.connection_status("acme").await?;
            let failed = status
                .not_verified_links
                .iter()
                .any(|it| it.reason == "NOT_IN_ORGANISATION");
            Ok((failed && status.links_without_channel == 1).then_some(status))
        })
        .await;
    assert_eq!((status.linked_objects, status.not_verified), (3, 1));
    let [typo] = status.not_verified_links.as_slice() else {
        panic!("one of them: {status:?}");
    };
    assert_eq!(
        (typo.object_id.as_str(), typo.resource_email.as_str()),
        ("typo", "nobody@resource.calendar.google.com")
    );
    assert_eq!(typo.state(), LinkState::Failed);
    assert!(instant(typo.last_attempt_at.as_ref()).is_some());
    assert_eq!(status.domain, "acme.example");
    // One that waits for Google is listed as well, as such.
    let away = Fault::answer(503, "backendError").on(Operation::ResourcesList);
    scene.cluster.google().add_fault(away.always());
    let late = NewRoom::named("Late");
    let late = organisation.org.add_room(late).expect("a room");
    app.given_object("acme", "late").await;
    let late = app.link_object("acme", "late", late.mail()).await;
    app.wait_for("the pending one is listed", async || {
        let status = app.connection_status("acme").await?;
        let mut listed = status.not_verified_links.iter();
        let is_late = |it: &&Link| it.link_id == late.link_id;
        let waits = listed.find(is_late).is_some_and(|it| {
            it.state() == LinkState::Pending && it.reason == "GOOGLE_UNAVAILABLE"
        });
        Ok((waits && status.not_verified == 2 && status.linked_objects == 4).then_some(()))
    })
    .await;
    scene.cluster.google().clear_faults();
    app.wait_imported("acme", &late.link_id).await;
    let acknowledged = app.acknowledge("acme", &late.link_id).await;
    acknowledged.expect("AcknowledgeReset");
    let status = app.connection_status("acme").await.expect("a status");
    assert_eq!((status.linked_objects, status.not_verified), (4, 1));
    assert!(status.last_change_at.is_some() && status.last_check_at.is_some());
    assert_eq!((status.undecided, status.declined_while_free), (0, 0));

    counts_what_nobody_answered(&scene).await;
    scene.cluster.finish().await;
}

/// A room that somebody answers for: nobody has, and then somebody does.
async fn counts_what_nobody_answered(scene: &Scene) {
    let app = scene.cluster.app();
    scene
        .room
        .room
        .auto_accept(false)
        .expect("somebody answers");
    let wish = NewBooking::by_user("aquarium", tomorrow(14), "u-ana");
    let wish = wish.waiting(std::time::Duration::from_secs(2));
    let asked = app.create_booking("acme", wish).await.expect("asked");
    let asked = asked.booking.expect("a booking");
    assert_ne!(asked.state(), BookingState::Confirmed);
    app.wait_for("undecided", async || {
        let status = app.connection_status("acme").await?;
        Ok((status.undecided == 1).then_some(()))
    })
    .await;
    let event = asked.booking_id.replace('-', "");
    let room = &scene.room.room;
    room.respond(&event, Answer::Accepted).expect("answered");
    scene
        .wait_booking("it is decided", tomorrow(14), BookingState::Confirmed)
        .await;
    let status = app.connection_status("acme").await.expect("a status");
    assert_eq!(status.undecided, 0);
}
