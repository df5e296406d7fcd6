//! What a link cannot do is refused before anything is stored, with the reason, and is not offered instead either.

use google_sim::{NewRoom, scopes};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::{BookingFlag, BookingState},
    integration::v1::{Link, LinkCapability},
};
use roomsync_testkit::{Cluster, FakeBookingApp, NewBooking, Organisation};
use tonic::Code;

use crate::{
    booking_input::{says, told},
    booking_user::event_of,
    connect::{linked, unconnected},
    scene::{Scene, Watched as _, tomorrow},
};

fn lacks(link: &Link) -> Vec<(LinkCapability, &str)> {
    let missing = link.missing_capabilities.iter();
    missing
        .map(|it| (it.capability(), it.reason.as_str()))
        .collect()
}

/// Asks, and asserts that this capability is said to be missing.
async fn refuses(app: &FakeBookingApp, new: NewBooking, capability: &str, why: &str) {
    let facts = [("capability", capability), ("why", why)];
    let expected = says(Code::FailedPrecondition, "CAPABILITY_MISSING", &facts);
    let answer = app.create_booking("acme", new).await;
    assert_eq!(told(answer, &["capability", "why"]), expected);
}

/// What is offered to whoever wants a slot that is taken.
async fn offered(app: &FakeBookingApp, new: NewBooking) -> String {
    let refused = app.create_booking("acme", new).await.expect_err("taken");
    assert_eq!(grpc::reason(&refused).as_deref(), Some("SLOT_TAKEN"));
    grpc::metadata(&refused, "alternatives").unwrap_or_default()
}

/// Covers R42, B2, D10.
#[tokio::test]
async fn a_room_that_somebody_answers_for_is_not_booked_by_devices_and_is_asked_for_by_users() {
    let cluster = Cluster::start("devices and approval").await;
    // Google tells how a room answers only where the optional scope was granted.
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let all = [
        scopes::EVENTS,
        scopes::EVENTS_OWNED,
        scopes::RESOURCES_READONLY,
        scopes::APP_CREATED,
        scopes::CALENDARS_READONLY,
    ];
    let delegated = organisation.org.delegate(&organisation.account, &all);
    delegated.expect("the optional scope, too");
    let scene = Scene::with(cluster).await;
    let app = scene.cluster.app();
    let board = NewRoom::named("Board").answered_by_humans();
    let board = organisation.org.add_room(board).expect("a room");
    let board = scene.link("board", board).await;
    let link = app
        .link("acme", &board.link.link_id)
        .await
        .expect("GetLink");
    let awaits = (LinkCapability::BookAsDevice, "AWAITS_APPROVAL");
    assert_eq!(lacks(&link), [awaits]);

    let by_device = |object: &str| NewBooking::by_device(object, tomorrow(9), "d-1");
    let by_ana = |object: &str| NewBooking::by_user(object, tomorrow(9), "u-ana");
    refuses(app, by_device("board"), "BOOK_AS_DEVICE", "AWAITS_APPROVAL").await;
    board.wait_count("nothing is stored", 0).await;
    let mut display = app.display("acme", "board").await.expect("WatchObject");
    let shown = display.next().await.expect("a state");
    assert!(shown.free && shown.book_now.is_empty(), "{shown:?}");
    assert_eq!(shown.book_now_reason, "CAPABILITY_MISSING");
    scene.given_meeting(9).await;
    assert_eq!(offered(app, by_device("aquarium")).await, "");
    assert_eq!(offered(app, by_ana("aquarium")).await, "board");

    let answer = app.create_booking("acme", by_ana("board")).await;
    let asked = answer.expect("CreateBooking").booking.expect("a booking");
    assert_eq!(asked.state(), BookingState::Pending);
    assert!(asked.flags().eq([BookingFlag::AwaitingApproval]));
    let approved = board
        .room
        .respond(&event_of(&asked), google_sim::Answer::Accepted);
    approved.expect("approved");
    board.wait_starts("approved", &[tomorrow(9)]).await;
    scene.cluster.finish().await;
}

/// Covers B2, B15, R42.
#[tokio::test]
async fn without_a_way_to_book_for_users_devices_still_book() {
    let (cluster, organisation) = unconnected("no way to book").await;
    let app = cluster.app();
    let connected = app.connect_by_consent("acme", organisation.admin.mail());
    connected.await.expect("connected");
    let room = linked(&cluster, &organisation, "acme").await;
    let ana = organisation.given_user("ana");
    app.given_user("acme", "u-ana", ana.mail()).await;
    let by_ana = || NewBooking::by_user("aquarium", tomorrow(9), "u-ana");
    // As of an administrator who agreed before calendars of our own were asked for.
    sqlx::query("UPDATE booking.connections SET granted_scopes = array_remove(granted_scopes, $1)")
        .bind(scopes::APP_CREATED)
        .execute(cluster.database().pool())
        .await
        .expect("changed");

    let link = app.link("acme", &room.link.link_id).await.expect("GetLink");
    let missing = (LinkCapability::BookAsUser, "NO_WAY_TO_BOOK");
    assert_eq!(lacks(&link), [missing]);
    refuses(app, by_ana(), "BOOK_AS_USER", "NO_WAY_TO_BOOK").await;
    room.wait_count("nothing is stored", 0).await;
    let at_the_door = NewBooking::by_device("aquarium", tomorrow(11), "d-1");
    app.book("acme", at_the_door).await;

    // Delegation is a way.
    cluster.operator().is_delegated_by(&organisation);
    app.enable_delegation("acme").await.expect("delegated");
    let booking = app.book("acme", by_ana()).await;
    let event = ana.event(&event_of(&booking)).expect("Ana's event");
    assert_eq!(event["organizer"]["email"], ana.mail());
    cluster.finish().await;
}
