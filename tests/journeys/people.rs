//! Whose booking it is: addresses, aliases, users who come late or go.

use chrono::TimeDelta;
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::{
    booking::v1::Booking,
    integration::v1::{DeleteUsersRequest, UpsertUsersRequest, User},
};
use tonic::{Code, Status};

use crate::scene::{Scene, Watched as _, ids, start, tomorrow, whose};

fn user(id: &str, mail: &str, aliases: &[&str]) -> User {
    User {
        user_id: id.to_owned(),
        mail: mail.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        locale: String::new(),
    }
}

async fn upsert(scene: &Scene, users: Vec<User>) -> Result<(), Status> {
    let request = UpsertUsersRequest {
        tenant_id: "acme".to_owned(),
        users,
    };
    let mut people = scene.cluster.app().people();
    people.upsert_users(request).await.map(|_| ())
}

async fn delete(scene: &Scene, id: &str) {
    let request = DeleteUsersRequest {
        tenant_id: "acme".to_owned(),
        user_ids: vec![id.to_owned()],
    };
    let mut people = scene.cluster.app().people();
    people.delete_users(request).await.expect("DeleteUsers");
}

/// Waits until the room's bookings, by start, are these people's.
async fn wait_owners(scene: &Scene, what: &str, owners: &[&str]) -> Vec<Booking> {
    let are = |journal: &roomsync_testkit::Journal| {
        let all = journal.bookings(&scene.room.object);
        all.iter()
            .map(whose)
            .eq(owners.iter().copied())
            .then_some(all)
    };
    scene.room.subscriber.wait_for(what, are).await
}

/// Covers R14, D9.
#[tokio::test]
async fn a_booking_is_the_users_by_any_of_their_addresses() {
    let scene = Scene::new("aliases").await;
    let organisation = &scene.room.organisation;
    let (bob, carla) = (
        organisation.given_user("bob"),
        organisation.given_user("carla"),
    );
    for (hour, organizer) in [(9, &bob), (11, &carla)] {
        let made = organizer.insert_event(scene.meeting(hour));
        made.expect("Google takes it");
    }
    scene
        .wait_starts("nobody's yet", &[9, 11].map(tomorrow))
        .await;
    wait_owners(&scene, "nobody's", &["anonymous", "anonymous"]).await;

    let bob = user("u-bob", "b.beck@flexopus.example", &["BOB@acme.example"]);
    upsert(&scene, vec![bob.clone()]).await.expect("Bob comes");
    wait_owners(&scene, "Bob's by an alias", &["u-bob", "anonymous"]).await;

    let carla = user("u-carla", "carla@acme.example", &["bob@acme.example"]);
    let refused = upsert(&scene, vec![carla]).await;
    let refused = refused.expect_err("an alias of somebody else");
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(grpc::reason(&refused).as_deref(), Some("MAIL_TAKEN"));
    let field = grpc::metadata(&refused, "field");
    assert_eq!(field.as_deref(), Some("users[0].aliases[0]"));
    wait_owners(&scene, "nothing changed", &["u-bob", "anonymous"]).await;

    let both = [
        user("u-bob", "b.beck@flexopus.example", &[]),
        user("u-carla", "carla@acme.example", &["bob@acme.example"]),
    ];
    upsert(&scene, both.into()).await.expect("the alias moves");
    let bob_again = scene.room.organisation.org.user("bob");
    bob_again
        .insert_event(scene.meeting(13))
        .expect("Google takes it");
    let hours = [9, 11, 13].map(tomorrow);
    let bookings = scene.wait_starts("three", &hours).await;
    assert_eq!(whose(&bookings[2]), "u-carla", "whose address it is now");
    scene.cluster.finish().await;
}

/// Covers R23, R24, D9.
#[tokio::test]
async fn a_user_who_appears_later_gets_the_bookings_to_come_and_not_those_that_were() {
    let scene = Scene::new("a late user").await;
    let bob = scene.room.organisation.given_user("bob");
    let hour = TimeDelta::hours(1);
    let now = SystemClock.now();
    let running = now - hour;
    let begins = [running - TimeDelta::days(1), running, tomorrow(9)];
    for begin in begins {
        let event = NewEvent::timed(begin, begin + hour * 3).in_room(scene.room.room.mail());
        bob.insert_event(event).expect("Google takes it");
    }
    let before = wait_owners(&scene, "nobody's", &["anonymous"; 3]).await;
    scene.wait_count("three", 3).await;

    let bob = user("u-bob", bob.mail(), &[]);
    upsert(&scene, vec![bob]).await.expect("Bob comes");

    let owners = ["anonymous", "anonymous", "u-bob"];
    let after = wait_owners(&scene, "what is to come", &owners).await;
    assert_eq!(ids(&after), ids(&before));

    // Nor does a listing of everything give them to him.
    scene
        .room
        .room
        .expire_sync_tokens()
        .expect("a full sync is due");
    scene.given_meeting(15).await;
    let owners = ["anonymous", "anonymous", "u-bob", "u-ana"];
    wait_owners(&scene, "after a full sync", &owners).await;
    scene.cluster.finish().await;
}

/// Covers D9, D23.
#[tokio::test]
async fn a_deleted_users_bookings_are_anonymous_and_belong_to_who_gets_the_address() {
    let scene = Scene::new("a deleted user").await;
    let (event, before) = scene.given_meeting(9).await;
    let series = scene.meeting(11).repeating("FREQ=WEEKLY;COUNT=2");
    scene.ana.insert_event(series).expect("Google takes it");
    wait_owners(&scene, "Ana's", &["u-ana"; 3]).await;

    delete(&scene, "u-ana").await;
    let after = wait_owners(&scene, "nobody's", &["anonymous"; 3]).await;
    assert_eq!(after[0].booking_id, before.booking_id);
    delete(&scene, "u-ana").await;

    scene
        .ana
        .move_event(&event, crate::scene::at(7), crate::scene::at(8))
        .expect("moved");
    let moved = wait_owners(&scene, "still nobody's", &["anonymous"; 3]);
    moved.await;
    scene
        .room
        .wait_booking(
            "moved",
            tomorrow(7),
            roomsync_proto::booking::v1::BookingState::Confirmed,
        )
        .await;

    let successor = user("u-ana-2", scene.ana.mail(), &[]);
    upsert(&scene, vec![successor]).await.expect("a successor");
    let after = wait_owners(&scene, "the successor's", &["u-ana-2"; 3]).await;
    assert_eq!(start(&after[0]), tomorrow(7));
    scene.cluster.finish().await;
}

/// Covers D9, D23: subscribers that hold the past let the person go as well.
#[tokio::test]
async fn a_deleted_user_vanishes_from_what_is_past_too() {
    let scene = Scene::new("a deleted user's past").await;
    let begin = SystemClock.now() - TimeDelta::days(1);
    let past = NewEvent::timed(begin, begin + TimeDelta::hours(1)).in_room(scene.room.room.mail());
    scene.ana.insert_event(past).expect("Google takes it");
    let (cancelled, _) = scene.given_meeting(9).await;
    scene.given_meeting(11).await;
    let before = wait_owners(&scene, "Ana's", &["u-ana"; 3]).await;
    scene.ana.cancel_event(&cancelled).expect("cancelled");
    wait_owners(&scene, "one is gone", &["u-ana"; 2]).await;

    delete(&scene, "u-ana").await;
    let after = wait_owners(&scene, "nobody's", &["anonymous"; 2]).await;
    assert_eq!(after[0].booking_id, before[0].booking_id);
    scene.cluster.finish().await;
}

/// Covers D9.
#[tokio::test]
async fn an_unknown_organizers_meeting_is_not_given_to_its_guests() {
    let scene = Scene::new("an unknown organizer").await;
    let stranger = scene.room.organisation.given_user("stranger");
    let meeting = scene.meeting(9).with_guest(scene.ana.mail());
    let event = stranger.insert_event(meeting).expect("Google takes it");
    wait_owners(&scene, "nobody's", &["anonymous"]).await;

    // Where Google keeps the organizer to itself, the guest list is asked. It names two people.
    let room = &scene.room.room;
    room.hide_fields(&event, &["organizer", "creator"])
        .expect("hidden");
    scene.given_meeting(11).await;
    wait_owners(&scene, "two guests", &["anonymous", "u-ana"]).await;

    let second = scene.meeting(13);
    let second = scene.ana.insert_event(second).expect("Google takes it");
    room.hide_fields(&second, &["organizer", "creator"])
        .expect("hidden");
    let hours = [9, 11, 13].map(tomorrow);
    scene.wait_starts("three", &hours).await;
    let owners = ["anonymous", "u-ana", "u-ana"];
    wait_owners(&scene, "the only guest's", &owners).await;
    scene.cluster.finish().await;
}
