//! Linking an object with a resource calendar: the tick, the import, and what is not verified.

use google_sim::{Answer, NewEvent};
use roomsync_proto::{
    booking::v1::BookingState,
    integration::v1::{GetStatusRequest, LinkState, ListLinksRequest},
};
use roomsync_testkit::{
    Cluster,
    app::{Organisation, instant},
};

use crate::scene::{start, tomorrow, whose};

/// Covers R46, R52, R69, R70, R71, R74.
#[tokio::test]
async fn linking_an_object_verifies_it_and_imports_its_meetings_by_itself() {
    let cluster = Cluster::start("linking imports").await;
    let (app, google) = (cluster.app(), cluster.google());
    let organisation = Organisation::given(google, "acme.example");
    let room = organisation.given_room("Aquarium");
    let ana = organisation.given_user("ana");
    for hour in [9, 11, 13] {
        let meeting = NewEvent::timed(tomorrow(hour), tomorrow(hour + 1)).in_room(room.mail());
        let event = ana.insert_event(meeting).expect("Google takes it");
        let answer = room
            .wait_answered(&event, std::time::Duration::from_secs(10))
            .await;
        assert_eq!(answer.expect("an answer"), Answer::Accepted);
    }
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;
    app.given_user("acme", "u-ana", ana.mail()).await;
    let subscriber = app.subscribe("acme").await;

    // The address as the Admin console shows it, in other letters: Google does not mind.
    let link = app
        .link_object("acme", "aquarium", &room.mail().to_uppercase())
        .await;
    assert_eq!(
        link.state(),
        LinkState::Pending,
        "the answer does not wait for Google"
    );

    let link = app.wait_imported("acme", &link.link_id).await;
    let asked = instant(link.requested_at.as_ref()).expect("requested");
    let verified = instant(link.verified_at.as_ref()).expect("verified");
    assert!(
        (verified - asked).num_seconds() < 20,
        "the outcome is there within 20 seconds"
    );
    let listed = app.bookings_of("acme", "aquarium").await;
    assert_eq!(
        listed.iter().map(start).collect::<Vec<_>>(),
        [9, 11, 13].map(tomorrow)
    );
    assert!(
        listed
            .iter()
            .all(|b| whose(b) == "u-ana" && b.state() == BookingState::Confirmed)
    );

    let resets = subscriber
        .wait_for("the import", |j| {
            (j.bookings("aquarium").len() == 3).then(|| j.resets("aquarium"))
        })
        .await;
    assert_eq!(
        resets.len(),
        1,
        "the app was told once to delete its own future bookings"
    );
    cluster.finish().await;
}

/// Covers R72.
#[tokio::test]
async fn an_address_the_organisation_does_not_have_is_not_verified_counted_and_listed() {
    let cluster = Cluster::start("an unknown address").await;
    let app = cluster.app();
    let organisation = Organisation::given(cluster.google(), "acme.example");
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;
    let nowhere = "c_nowhere@resource.calendar.google.com";
    let link = app.link_object("acme", "aquarium", nowhere).await;

    let failed = |l: &roomsync_proto::integration::v1::Link| l.state() == LinkState::Failed;
    let link = app
        .wait_link("the link failed", "acme", &link.link_id, failed)
        .await;

    assert_eq!(link.reason, "NOT_IN_ORGANISATION");
    assert!(link.verified_at.is_none() && link.last_attempt_at.is_some());
    let request = GetStatusRequest {
        tenant_id: "acme".to_owned(),
    };
    let status = app
        .connections()
        .get_status(request)
        .await
        .expect("GetStatus")
        .into_inner();
    let status = status.status.expect("a status");
    assert_eq!((status.linked_objects, status.not_verified), (1, 1));
    assert_eq!(status.not_verified_links[0].resource_email, nowhere);
    assert_eq!(status.not_verified_links[0].reason, "NOT_IN_ORGANISATION");

    // It appears in the organisation later, and linking again tries again.
    let room = google_sim::NewRoom::named("Aquarium").with_mail(nowhere);
    organisation.org.add_room(room).expect("a room");
    app.link_object("acme", "aquarium", nowhere).await;
    app.wait_verified("acme", &link.link_id).await;
    cluster.finish().await;
}

/// Covers R72.
#[tokio::test]
async fn a_room_whose_calendar_cannot_be_read_says_so() {
    let cluster = Cluster::start("an unreadable room").await;
    let app = cluster.app();
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let room = organisation.given_room("Aquarium");
    // Under some administrators' settings not even they see into rooms that nobody shared.
    cluster
        .google()
        .configure(|settings| settings.super_admins_own_rooms = false);
    app.given_tenant("acme").await;
    app.connect("acme", &organisation).await;
    app.given_object("acme", "aquarium").await;
    let link = app.link_object("acme", "aquarium", room.mail()).await;
    let failed = |l: &roomsync_proto::integration::v1::Link| l.state() == LinkState::Failed;
    let link = app
        .wait_link("the link failed", "acme", &link.link_id, failed)
        .await;
    assert_eq!(link.reason, "NO_CALENDAR_ACCESS");
    cluster.finish().await;
}

/// Covers R69.
#[tokio::test]
async fn links_are_listed_with_what_they_can_do_and_how_current_they_are() {
    let cluster = Cluster::start("listed links").await;
    let app = cluster.app();
    app.given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    app.given_linked_room(cluster.google(), "acme", "Lagoon")
        .await;
    let page = |page_token| ListLinksRequest {
        tenant_id: "acme".to_owned(),
        page_size: 1,
        page_token,
    };
    let first = app
        .links()
        .list_links(page(String::new()))
        .await
        .expect("a page")
        .into_inner();
    let second = app.links().list_links(page(first.next_page_token)).await;
    let second = second.expect("a page").into_inner();
    assert!(second.next_page_token.is_empty());
    for link in first.links.iter().chain(&second.links) {
        assert_eq!(link.state(), LinkState::Verified);
        assert_eq!(link.capabilities.len(), 4, "it can do everything: {link:?}");
        let coverage = link.coverage.as_ref().expect("coverage");
        assert_eq!(coverage.channel_state, "open");
        assert!(coverage.channel_expires_at.is_some() && coverage.last_check_at.is_some());
        assert!(coverage.poll_interval_seconds > 0);
    }
    cluster.finish().await;
}

/// Covers R46.
#[tokio::test]
async fn deleting_a_linked_object_ends_its_bookings_and_its_channels() {
    let cluster = Cluster::start("a deleted object").await;
    let app = cluster.app();
    let room = app
        .given_linked_room(cluster.google(), "acme", "Aquarium")
        .await;
    let ana = room.organisation.given_user("ana");
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(room.room.mail());
    ana.insert_event(meeting).expect("Google takes it");
    let one =
        |j: &roomsync_testkit::app::Journal| (j.bookings("aquarium").len() == 1).then_some(());
    room.subscriber.wait_for("the booking", one).await;
    assert_eq!(cluster.google().channels().len(), 1);

    app.delete_object("acme", "aquarium").await;

    let none = |j: &roomsync_testkit::app::Journal| j.bookings("aquarium").is_empty().then_some(());
    room.subscriber.wait_for("no booking", none).await;
    cluster
        .google()
        .wait_for(std::time::Duration::from_secs(10), |google| {
            google.channels().is_empty().then_some(())
        })
        .await
        .expect("channels are stopped");
    cluster.finish().await;
}
