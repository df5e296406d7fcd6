//! Organizers that change or vanish.

use google_sim::Answer;
use reqwest::Method;
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

#[tokio::test]
async fn an_event_can_be_moved_to_another_calendar_which_becomes_its_organizer() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.control
        .room("bob@acme.test")
        .share("alice@acme.test", google_sim::Role::Writer)
        .unwrap();
    let path = format!("calendars/primary/events/{id}/move");
    let without = acme
        .call("alice@acme.test", Method::POST, &path, None)
        .await;
    assert_eq!(
        (without.status.as_u16(), without.reason()),
        (400, "required")
    );
    let to = format!("{path}?destination=bob%40acme.test");
    let reply = acme.call("alice@acme.test", Method::POST, &to, None).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["organizer"]["email"], "bob@acme.test");
    let copy = acme.room.event(&id).unwrap();
    assert_eq!(copy["organizer"]["email"], "bob@acme.test");
    let nowhere = format!("{path}?destination=rooms%40acme.test");
    let reply = acme
        .call("alice@acme.test", Method::POST, &nowhere, None)
        .await;
    assert_eq!(reply.status, 404, "alice may not write there");
}
