//! Events whose organizer is not somebody at a desk: gone, another one now, or the room itself; and
//! rooms whose answer is a human's.

use google_sim::{Answer, NewEvent, NewRoom, UserControl, scopes};
use roomsync_proto::booking::v1::{BookingFlag, BookingState};
use roomsync_testkit::{Cluster, Organisation, SOON};

use crate::scene::{Scene, Watched as _, ids, tomorrow, whose};

/// Covers R11, R19, D9.
#[tokio::test]
async fn an_event_whose_organizer_is_gone_blocks_until_it_is_deleted_from_the_room() {
    let scene = Scene::new("an orphaned event").await;
    let (event, before) = scene.given_meeting(9).await;
    let bob = scene.colleague("bob").await;

    scene.ana.delete_account().expect("the account is deleted");
    let meeting = NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(scene.room.room.mail());
    let refused = bob.insert_event(meeting).expect("Google takes it");
    let answer = scene.room.room.wait_answered(&refused, SOON).await;
    assert_eq!(answer.expect("an answer"), Answer::Declined);
    let still = scene.wait_starts("blocked", &[tomorrow(9)]).await;
    assert_eq!(ids(&still), [before.booking_id.as_str()]);
    assert_eq!(whose(&still[0]), "u-ana", "the main app still knows her");

    // Google tells administrators to free a room like this.
    let freed = scene.room.room.cancel_event(&event);
    freed.expect("deleted from the room's calendar");
    scene.wait_starts("free", &[]).await;
    scene.cluster.finish().await;
}

/// Covers D9, D26.
#[tokio::test]
async fn a_meeting_handed_over_to_somebody_else_is_their_booking_from_then_on() {
    let scene = Scene::new("another organizer").await;
    let bob = scene.colleague("bob").await;
    let stranger = scene.room.organisation.given_user("stranger");
    let (event, before) = scene.given_meeting(9).await;
    let booker = |wanted: &'static str| {
        let id = before.booking_id.clone();
        scene.room.subscriber.wait_for(wanted, move |journal| {
            let all = journal.bookings("aquarium");
            let booking = all.into_iter().find(|b| b.booking_id == id)?;
            (whose(&booking) == wanted).then_some(())
        })
    };

    scene.ana.hand_over(&event, bob.mail()).expect("to Bob");
    booker("u-bob").await;
    bob.hand_over(&event, stranger.mail())
        .expect("to a stranger");
    booker("anonymous").await;

    stranger
        .cancel_event(&event)
        .expect("the organizer cancels");
    scene.wait_starts("free", &[]).await;
    scene.cluster.finish().await;
}

/// Covers D9, D10.
#[tokio::test]
async fn an_event_on_the_rooms_own_calendar_is_the_only_guests_else_the_creators_never_ours() {
    let scene = Scene::new("whose is the room's own event").await;
    let app = scene.cluster.app();
    let organisation = &scene.room.organisation;
    // The connection acts as the administrator, who is a user of the main app as well.
    let ours = organisation.admin.mail();
    app.given_user("acme", "u-admin", ours).await;
    let keeper = organisation.org.add_user("keeper@acme.example", true);
    let keeper = keeper.expect("a second administrator");
    app.given_user("acme", "u-keeper", keeper.mail()).await;
    let bob = scene.colleague("bob").await;
    let stranger = organisation.given_user("stranger");

    let cases: [(&str, &[&UserControl], &str); 7] = [
        (ours, &[&bob], "u-bob"),
        (ours, &[], "anonymous"),
        (ours, &[&bob, &scene.ana], "anonymous"),
        (keeper.mail(), &[], "u-keeper"),
        (keeper.mail(), &[&bob], "u-bob"),
        (keeper.mail(), &[&bob, &scene.ana], "u-keeper"),
        // He is whom to ask, although nobody here knows him; it is not given to the next best.
        (keeper.mail(), &[&stranger], "anonymous"),
    ];
    for (hour, (creator, guests, _)) in (9..).zip(&cases) {
        let event = NewEvent::timed(tomorrow(hour), tomorrow(hour + 1));
        let event = guests
            .iter()
            .fold(event, |event, guest| event.with_guest(guest.mail()));
        let made = scene.room.room.insert_event(creator, event);
        made.expect("Google takes it");
    }

    let hours: Vec<_> = (9..16).map(tomorrow).collect();
    let bookings = scene.wait_starts("all of them", &hours).await;
    let owners: Vec<_> = bookings.iter().map(whose).collect();
    assert_eq!(owners, cases.map(|(_, _, expected)| expected));

    let first = scene.room.room.events().expect("its events").remove(0);
    let first = first["id"].as_str().expect("an id");
    scene.room.room.cancel_event(first).expect("cancelled");
    let left = scene.wait_starts("the others", &hours[1..]).await;
    assert_eq!(ids(&left), ids(&bookings)[1..]);
    scene.cluster.finish().await;
}

/// Covers D10.
#[tokio::test]
async fn a_room_that_is_answered_by_humans_shows_what_awaits_approval() {
    let cluster = Cluster::start("awaiting approval").await;
    // Google tells how a room answers only where the optional scope was granted.
    let organisation = Organisation::given(cluster.google(), "acme.example");
    let all = [
        scopes::EVENTS,
        scopes::RESOURCES_READONLY,
        scopes::CALENDARS_READONLY,
    ];
    let delegated = organisation.org.delegate(&organisation.account, &all);
    delegated.expect("the optional scope, too");
    let scene = Scene::with(cluster).await;
    assert_eq!(scene.room.link.answers_by_itself, Some(true));
    let board = NewRoom::named("Board").answered_by_humans();
    let board = organisation.org.add_room(board).expect("a room");
    let board = scene.link("board", board).await;
    assert_eq!(board.link.answers_by_itself, Some(false));

    let mut events = Vec::new();
    let mut waiting = Vec::new();
    for hour in [9, 11] {
        let meeting = NewEvent::timed(tomorrow(hour), tomorrow(hour + 1));
        let meeting = meeting.in_room(board.room.mail());
        events.push(scene.ana.insert_event(meeting).expect("Google takes it"));
        let pending = board
            .wait_booking("it waits", tomorrow(hour), BookingState::Pending)
            .await;
        let flags: Vec<_> = pending.flags().collect();
        assert_eq!(flags, [BookingFlag::AwaitingApproval]);
        waiting.push(pending);
    }
    let blocked = scene.cluster.app().bookings_of("acme", "board").await;
    assert_eq!(ids(&blocked), ids(&waiting), "both block their slots");

    let answer = |event: usize, answer| {
        let answered = board.room.respond(&events[event], answer);
        answered.expect("somebody answers");
    };
    answer(0, Answer::Accepted);
    answer(1, Answer::Declined);

    let approved = board.wait_starts("the approved one", &[tomorrow(9)]).await;
    assert_eq!(ids(&approved), ids(&waiting)[..1]);
    assert_eq!(approved[0].flags().count(), 0, "nothing awaits approval");
    let refused = board.last_word(&waiting[1]);
    let expected = (BookingState::Rejected, "ROOM_DECLINED".to_owned());
    assert_eq!(refused, expected);

    // A pending booking of a room that answers by itself waits for nobody.
    scene.room.room.auto_accept(false).expect("late today");
    scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");
    let pending = scene
        .wait_booking("it is late", tomorrow(9), BookingState::Pending)
        .await;
    assert_eq!(pending.flags().count(), 0);
    scene.cluster.finish().await;
}
