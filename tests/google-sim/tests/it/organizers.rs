//! Organizers that change or vanish.

use google_sim::Answer;
use serde_json::json;

use crate::support::{Acme, at, between, repeated};

#[tokio::test]
async fn an_event_handed_over_keeps_its_id_and_names_the_new_organizer() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=3")).await;
    let moved = acme
        .alice
        .move_occurrence(&id, &at(2, 9), at(2, 15), at(2, 16))
        .unwrap();
    acme.alice.hand_over(&id, acme.bob.mail()).unwrap();
    for event in [&id, &moved] {
        let copy = acme.room.event(event).unwrap();
        assert_eq!(copy["organizer"]["email"], "bob@acme.test");
        let own = acme.bob.event(event).unwrap();
        assert_eq!(
            own["organizer"],
            json!({"email": "bob@acme.test", "self": true})
        );
    }
    assert_eq!(acme.room.answer(&id), Some(Answer::Accepted));
    acme.bob.retitle_event(&id, "Standup").unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["summary"], "Standup");
}

#[tokio::test]
async fn an_old_organizer_who_is_not_invited_keeps_only_the_id() {
    let acme = Acme::start().await;
    let id = acme.alice.insert_event(between(9, 10)).unwrap();
    acme.alice.hand_over(&id, acme.bob.mail()).unwrap();
    let stub = acme.alice.event(&id).unwrap();
    assert_eq!(stub["status"], "cancelled");
    assert!(stub.get("summary").is_none());
}

#[tokio::test]
async fn the_events_of_a_deleted_user_keep_blocking_the_room_until_they_are_deleted_there() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.alice.delete_account().unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["status"], "confirmed");
    let event = between(9, 10).in_room(acme.room.mail());
    let second = acme.bob.insert_event(event).unwrap();
    let said = acme
        .room
        .wait_answered(&second, crate::support::PATIENCE)
        .await;
    assert_eq!(said.unwrap(), Answer::Declined);
    acme.room.cancel_event(&id).unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["status"], "cancelled");
}
