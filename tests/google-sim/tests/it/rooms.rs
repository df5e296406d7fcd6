//! How rooms answer.

use google_sim::{Answer, NewRoom, Role};
use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, PATIENCE, answer, between, body, hour};

#[tokio::test]
async fn an_insert_answers_at_once_with_needs_action_and_the_room_accepts_later_on_all_copies() {
    let acme = Acme::start().await;
    let mut event = body(9, 10);
    event["attendees"] = json!([{"email": acme.room.mail()}]);
    let reply = acme
        .call(
            "alice@acme.test",
            Method::POST,
            "calendars/primary/events",
            Some(event),
        )
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(answer(&reply.body, acme.room.mail()), Some("needsAction"));
    let id = reply.text("id");
    assert_eq!(
        acme.room.wait_answered(&id, PATIENCE).await.unwrap(),
        Answer::Accepted
    );
    for copy in [
        acme.alice.event(&id).unwrap(),
        acme.room.event(&id).unwrap(),
    ] {
        assert_eq!(answer(&copy, acme.room.mail()), Some("accepted"));
    }
}

#[tokio::test]
async fn a_room_declines_a_conflict_and_keeps_a_confirmed_copy() {
    let acme = Acme::start().await;
    assert_eq!(acme.meeting(between(9, 11)).await.1, Answer::Accepted);
    let (id, said) = acme.meeting(between(10, 12)).await;
    assert_eq!(said, Answer::Declined);
    assert_eq!(acme.room.event(&id).unwrap()["status"], "confirmed");
    assert_eq!(
        acme.meeting(between(11, 12)).await.1,
        Answer::Accepted,
        "touching is no conflict"
    );
}

#[tokio::test]
async fn a_moved_event_is_requested_again() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let (id, _) = acme.meeting(between(11, 12)).await;
    acme.alice.move_event(&id, hour(9), hour(10)).unwrap();
    assert_eq!(acme.room.answer(&id), Some(Answer::NeedsAction));
    assert_eq!(
        acme.room.wait_answered(&id, PATIENCE).await.unwrap(),
        Answer::Declined
    );
    acme.alice.move_event(&id, hour(14), hour(15)).unwrap();
    assert_eq!(
        acme.room.wait_answered(&id, PATIENCE).await.unwrap(),
        Answer::Accepted
    );
    assert_eq!(acme.room.event(&id).unwrap()["sequence"], 2);
}

#[tokio::test]
async fn saying_accepted_in_the_rooms_place_is_no_booking() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let mut event = body(9, 10);
    event["attendees"] = json!([{"email": acme.room.mail(), "responseStatus": "accepted"}]);
    let reply = acme
        .call(
            "alice@acme.test",
            Method::POST,
            "calendars/primary/events",
            Some(event),
        )
        .await;
    assert_eq!(answer(&reply.body, acme.room.mail()), Some("needsAction"));
    let said = acme
        .room
        .wait_answered(&reply.text("id"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(said, Answer::Declined);
}

#[tokio::test]
async fn a_room_answered_by_humans_waits_for_one() {
    let acme = Acme::start().await;
    let room = acme
        .org
        .add_room(NewRoom::named("Board").answered_by_humans())
        .unwrap();
    let id = acme
        .alice
        .insert_event(between(9, 10).in_room(room.mail()))
        .unwrap();
    acme.meeting(between(9, 10)).await;
    assert_eq!(room.answer(&id), Some(Answer::NeedsAction));
    room.respond(&id, Answer::Accepted).unwrap();
    assert_eq!(
        answer(&acme.alice.event(&id).unwrap(), room.mail()),
        Some("accepted")
    );
}

#[tokio::test]
async fn a_booker_without_the_right_is_declined_although_the_room_is_free() {
    let acme = Acme::start().await;
    let room = acme
        .org
        .add_room(NewRoom {
            bookable_by_everyone: false,
            ..NewRoom::named("Board")
        })
        .unwrap();
    let id = acme
        .alice
        .insert_event(between(9, 10).in_room(room.mail()))
        .unwrap();
    assert_eq!(
        room.wait_answered(&id, PATIENCE).await.unwrap(),
        Answer::Declined
    );
    room.share(acme.alice.mail(), Role::Reader).unwrap();
    let id = acme
        .alice
        .insert_event(between(9, 10).in_room(room.mail()))
        .unwrap();
    assert_eq!(
        room.wait_answered(&id, PATIENCE).await.unwrap(),
        Answer::Accepted
    );
}

#[tokio::test]
async fn a_stranger_of_another_organisation_is_declined() {
    let acme = Acme::start().await;
    let other = acme.control.add_org("other.test");
    let carol = other.add_user("carol@other.test", false).unwrap();
    let id = carol
        .insert_event(between(9, 10).in_room(acme.room.mail()))
        .unwrap();
    assert_eq!(
        acme.room.wait_answered(&id, PATIENCE).await.unwrap(),
        Answer::Declined
    );
}

#[tokio::test]
async fn only_the_rooms_answer_changes_where_attendees_are_omitted() {
    let acme = Acme::start().await;
    let (id, _) = acme
        .meeting(between(9, 10).with_guest(acme.bob.mail()))
        .await;
    let path = format!(
        "calendars/{}/events/{id}?sendUpdates=none",
        acme.room.mail()
    );
    let changes = json!({
        "attendeesOmitted": true,
        "attendees": [{"email": acme.room.mail(), "responseStatus": "declined"}],
    });
    let reply = acme
        .call("rooms@acme.test", Method::PATCH, &path, Some(changes))
        .await;
    assert_eq!(reply.status, 200);
    let copy = acme.alice.event(&id).unwrap();
    assert_eq!(answer(&copy, acme.room.mail()), Some("declined"));
    assert_eq!(copy["attendees"].as_array().unwrap().len(), 3);
    assert_eq!(copy["summary"], "Jour fixe");
}
