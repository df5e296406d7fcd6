//! Rooms of one event: swapped, several at once, booked and released by Google itself. Every room has
//! its own booking, and its own answer decides.

use google_sim::{Answer, Operation, PushEffect, PushFault, RoomRelease};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{Cluster, LinkedRoom, SOON};

use crate::scene::{Scene, Watched as _, at, ids, start, tomorrow};

/// Whose calendar is looked at last after a swap.
#[derive(Clone, Copy)]
enum Late {
    Old,
    New,
}

async fn swapped(name: &str, late: Late) {
    let cluster = Cluster::builder(name)
        .with_every_push("it decides itself whose listing comes late")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let other = scene.another_room("Lagoon").await;
    let (event, old) = scene.given_meeting(9).await;
    let (from, to) = (scene.room.room.mail(), other.room.mail());
    let (held, free): (&LinkedRoom, &LinkedRoom) = match late {
        Late::Old => (&scene.room, &other),
        Late::New => (&other, &scene.room),
    };
    let before = held.subscriber.journal(|j| j.bookings(&held.object));
    let listing = scene
        .cluster
        .google()
        .hold(Operation::List, held.room.mail());

    scene.ana.swap_room(&event, from, to).expect("swapped");

    listing.wait_until_reached().await;
    match late {
        Late::Old => free.wait_starts("the new room's", &[tomorrow(9)]).await,
        Late::New => free.wait_starts("the old room is free", &[]).await,
    };
    let meanwhile = held.subscriber.journal(|j| j.bookings(&held.object));
    assert_eq!(ids(&meanwhile), ids(&before), "not looked at yet");
    listing.release();

    let new = other.wait_starts("the new room's", &[tomorrow(9)]).await;
    scene.wait_starts("the old room is free", &[]).await;
    assert_ne!(ids(&new), [old.booking_id.as_str()]);
    let ended = (BookingState::Removed, "CANCELLED".to_owned());
    assert_eq!(scene.room.last_word(&old), ended);
    scene.cluster.finish().await;
}

/// Covers R19.
#[tokio::test]
async fn a_swapped_room_is_freed_and_the_new_one_occupied_whichever_google_tells_first() {
    Box::pin(swapped("a swap, the new room first", Late::Old)).await;
    Box::pin(swapped("a swap, the old room first", Late::New)).await;
}

/// Covers R19.
#[tokio::test]
async fn a_swap_whose_pushes_come_in_the_other_order_ends_the_same() {
    let cluster = Cluster::builder("a swap, pushes turned round")
        .with_every_push("it turns the pushes round itself")
        .start()
        .await;
    let scene = Scene::with(cluster).await;
    let other = scene.another_room("Lagoon").await;
    let (here, there) = (scene.room.room.mail(), other.room.mail());
    let (event, _) = scene.given_meeting(9).await;
    scene.cluster.agree().await;

    let two = PushFault::next(2, PushEffect::Reorder { of: 2 });
    scene.cluster.google().add_push_fault(two);
    scene.ana.swap_room(&event, here, there).expect("there");
    other.wait_starts("it is there", &[tomorrow(9)]).await;
    scene.wait_starts("not here", &[]).await;

    scene.ana.swap_room(&event, there, here).expect("and back");
    scene.wait_starts("it is here", &[tomorrow(9)]).await;
    other.wait_starts("not there", &[]).await;
    scene.cluster.finish().await;
}

/// Covers R19, R39.
#[tokio::test]
async fn a_swap_with_a_room_that_is_not_linked_frees_or_occupies_only_the_linked_one() {
    let scene = Scene::new("a swap with a room not linked").await;
    let other = scene.room.organisation.given_room("Attic");
    let (here, there) = (scene.room.room.mail(), other.mail());
    let (event, _) = scene.given_meeting(9).await;

    scene.ana.swap_room(&event, here, there).expect("there");
    scene.wait_starts("the linked room is free", &[]).await;
    scene.ana.swap_room(&event, there, here).expect("and back");
    scene.wait_starts("it is occupied", &[tomorrow(9)]).await;
    scene.cluster.finish().await;
}

/// Covers R11, R20, R21, R22, B17, D10, D25.
#[tokio::test]
async fn several_rooms_of_one_event_have_each_their_own_booking_and_fate() {
    let scene = Scene::new("three rooms").await;
    let (aquarium, ana) = (&scene.room, &scene.ana);
    let lagoon = scene.another_room("Lagoon").await;
    let cellar = scene.another_room("Cellar").await;
    lagoon.room.auto_accept(false).expect("answers by hand");
    let bob = scene.colleague("bob").await;
    let taken = google_sim::NewEvent::timed(tomorrow(9), tomorrow(10)).in_room(cellar.room.mail());
    bob.insert_event(taken).expect("Bob has the cellar");
    let of_bob = cellar.wait_starts("Bob's", &[tomorrow(9)]).await;
    let nobody_else_writes = scene.cluster.google().ledger().len();

    let meeting = scene
        .meeting(9)
        .in_room(lagoon.room.mail())
        .in_room(cellar.room.mail());
    let event = ana.insert_event(meeting).expect("Google takes it");

    let first = aquarium.wait_starts("one accepts", &[tomorrow(9)]).await;
    let waiting = lagoon
        .wait_booking("one waits", tomorrow(9), BookingState::Pending)
        .await;
    let answer = cellar.room.wait_answered(&event, SOON).await;
    assert_eq!(answer.expect("an answer"), Answer::Declined, "one is taken");

    lagoon.room.respond(&event, Answer::Accepted).expect("yes");
    let accepted = lagoon.wait_starts("it accepts", &[tomorrow(9)]).await;
    assert_eq!(ids(&accepted), [waiting.booking_id.as_str()]);

    aquarium.room.respond(&event, Answer::Declined).expect("no");
    aquarium.wait_starts("it declines later", &[]).await;
    let ended = (BookingState::Removed, "ROOM_DECLINED".to_owned());
    assert_eq!(aquarium.last_word(&first[0]), ended);

    // All three are asked anew for another time; who declined before may accept now.
    ana.move_event(&event, at(14), at(15)).expect("moved");
    let again = aquarium.wait_starts("accepts", &[tomorrow(14)]).await;
    assert_ne!(ids(&again), ids(&first), "what ended does not come back");
    cellar
        .wait_starts("accepts", &[tomorrow(9), tomorrow(14)])
        .await;
    let asked = lagoon
        .wait_booking("asked anew", tomorrow(14), BookingState::Pending)
        .await;
    assert_eq!(asked.booking_id, waiting.booking_id);

    ana.uninvite_room(&event, aquarium.room.mail())
        .expect("off");
    aquarium.wait_starts("taken off", &[]).await;
    let still = ana.event(&event).expect("the event stays");
    assert_eq!(still["status"], "confirmed");

    ana.cancel_event(&event).expect("cancelled");
    lagoon.wait_starts("cancelled", &[]).await;
    let left = cellar.wait_starts("only Bob's", &[tomorrow(9)]).await;
    assert_eq!(ids(&left), ids(&of_bob));

    let ours = scene
        .cluster
        .google()
        .ledger()
        .split_off(nobody_else_writes);
    let writes = [
        Operation::Insert,
        Operation::Patch,
        Operation::Update,
        Operation::Delete,
    ];
    assert!(
        ours.iter().all(|call| !writes.contains(&call.operation)),
        "nothing but Google's own flow: {ours:?}"
    );
    scene.cluster.finish().await;
}

/// Covers R20, B17.
#[tokio::test]
async fn a_room_added_to_a_meeting_later_gets_its_booking_then() {
    let scene = Scene::new("a room added later").await;
    let other = scene.another_room("Lagoon").await;
    let (event, first) = scene.given_meeting(9).await;

    scene
        .ana
        .invite_room(&event, other.room.mail())
        .expect("invited");

    let second = other.wait_starts("the second room's", &[tomorrow(9)]).await;
    assert_ne!(ids(&second), [first.booking_id.as_str()]);
    assert_eq!(ids(&scene.listed().await), [first.booking_id.as_str()]);
    scene.cluster.finish().await;
}

/// Covers R11, R19.
#[tokio::test]
async fn a_similar_room_that_google_books_by_itself_is_the_one_that_is_occupied() {
    let scene = Scene::at_google("a similar room", |settings| {
        settings.book_similar_rooms = true;
    })
    .await;
    let similar = scene.another_room("Lagoon").await;
    let (_, taken) = scene.given_meeting(9).await;

    scene
        .ana
        .insert_event(scene.meeting(9))
        .expect("Google takes it");

    let booked = similar
        .wait_starts("the similar room", &[tomorrow(9)])
        .await;
    assert_eq!(start(&booked[0]), tomorrow(9));
    let here = scene.wait_starts("as before", &[tomorrow(9)]).await;
    assert_eq!(ids(&here), [taken.booking_id.as_str()]);
    scene.cluster.finish().await;
}

/// Covers R11, R22.
#[tokio::test]
async fn a_room_that_google_releases_because_nobody_comes_is_free() {
    let ways = [
        (RoomRelease::Declines, "ROOM_DECLINED"),
        (RoomRelease::Leaves, "CANCELLED"),
    ];
    for (how, cause) in ways {
        let name = format!("a released room, {cause}");
        let scene = Scene::at_google(&name, |settings| settings.room_release = Some(how)).await;
        let bob = scene.colleague("bob").await;
        let meeting = scene.meeting(9).with_guest(bob.mail());
        let event = scene.ana.insert_event(meeting).expect("Google takes it");
        let before = scene.wait_starts("both come", &[tomorrow(9)]).await;

        bob.respond(&event, Answer::Declined).expect("Bob declines");

        scene.wait_starts("the room is released", &[]).await;
        let ended = (BookingState::Removed, cause.to_owned());
        assert_eq!(scene.room.last_word(&before[0]), ended);
        scene.cluster.finish().await;
    }
}
