//! What Google does without anybody's doing: similar rooms, and rooms that are released.

use google_sim::{Answer, NewRoom, RoomRelease};

use crate::support::{Acme, PATIENCE, answer, between};

#[tokio::test]
async fn a_room_that_declines_is_replaced_by_a_similar_one() {
    let acme = Acme::with(|settings| settings.book_similar_rooms = true).await;
    let small = NewRoom {
        capacity: 4,
        ..NewRoom::named("Cupboard")
    };
    let small = acme.org.add_room(small).unwrap();
    let similar = acme.another_room("Birdcage");
    acme.meeting(between(9, 10)).await;
    let id = acme
        .alice
        .insert_event(between(9, 10).in_room(acme.room.mail()))
        .unwrap();
    let said = similar.wait_answered(&id, PATIENCE).await.unwrap();
    assert_eq!(said, Answer::Accepted);
    let main = acme.alice.event(&id).unwrap();
    assert_eq!(answer(&main, similar.mail()), Some("accepted"));
    assert_eq!(answer(&main, acme.room.mail()), None);
    assert_eq!(acme.room.event(&id).unwrap()["status"], "cancelled");
    assert!(small.event(&id).is_err(), "too small");
}

#[tokio::test]
async fn without_a_similar_room_that_is_free_the_room_stays_declined() {
    let acme = Acme::with(|settings| settings.book_similar_rooms = true).await;
    acme.meeting(between(9, 10)).await;
    let (id, said) = acme.meeting(between(9, 10)).await;
    assert_eq!(said, Answer::Declined);
    assert_eq!(acme.room.event(&id).unwrap()["status"], "confirmed");
}

#[tokio::test]
async fn similar_rooms_are_not_booked_where_the_administrator_did_not_ask() {
    let acme = Acme::start().await;
    let similar = acme.another_room("Birdcage");
    acme.meeting(between(9, 10)).await;
    let (id, said) = acme.meeting(between(9, 10)).await;
    assert_eq!(said, Answer::Declined);
    assert!(similar.event(&id).is_err());
}

#[tokio::test]
async fn a_room_is_released_when_all_guests_but_one_have_declined() {
    for how in [RoomRelease::Declines, RoomRelease::Leaves] {
        let acme = Acme::with(|settings| settings.room_release = Some(how)).await;
        let carla = acme.org.add_user("carla@acme.test", false).unwrap();
        let event = between(9, 10).with_guest("bob@acme.test");
        let (id, _) = acme.meeting(event.with_guest("carla@acme.test")).await;
        acme.bob.respond(&id, Answer::Declined).unwrap();
        assert_eq!(acme.room.answer(&id), Some(Answer::Accepted), "two come");
        carla.respond(&id, Answer::Declined).unwrap();
        let main = acme.alice.event(&id).unwrap();
        match how {
            RoomRelease::Declines => {
                assert_eq!(answer(&main, acme.room.mail()), Some("declined"));
                assert_eq!(acme.room.event(&id).unwrap()["status"], "confirmed");
            }
            RoomRelease::Leaves => {
                assert_eq!(answer(&main, acme.room.mail()), None);
                assert_eq!(acme.room.event(&id).unwrap()["status"], "cancelled");
            }
        }
    }
}

#[tokio::test]
async fn a_room_stays_booked_where_the_administrator_did_not_ask_for_releases() {
    let acme = Acme::start().await;
    let (id, _) = acme
        .meeting(between(9, 10).with_guest("bob@acme.test"))
        .await;
    acme.bob.respond(&id, Answer::Declined).unwrap();
    assert_eq!(acme.room.answer(&id), Some(Answer::Accepted));
}
