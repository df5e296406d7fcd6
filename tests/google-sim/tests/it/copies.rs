//! One event, many copies.

use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, between, hour};

#[tokio::test]
async fn copies_share_the_id_and_have_their_own_etag_and_private_properties() {
    let acme = Acme::start().await;
    let properties = json!({"private": {"mine": "1"}, "shared": {"flexopus": "2"}});
    let event = between(9, 10)
        .with("extendedProperties", properties)
        .with_guest(acme.bob.mail());
    let (id, _) = acme.meeting(event).await;
    let organizers = acme.alice.event(&id).unwrap();
    let rooms = acme.room.event(&id).unwrap();
    assert_eq!(organizers["id"], rooms["id"]);
    assert_eq!(organizers["iCalUID"], rooms["iCalUID"]);
    assert_ne!(organizers["etag"], rooms["etag"]);
    assert_eq!(organizers["extendedProperties"]["private"]["mine"], "1");
    assert_eq!(
        rooms["extendedProperties"],
        json!({"shared": {"flexopus": "2"}})
    );
    assert_eq!(
        organizers["organizer"],
        json!({"email": "alice@acme.test", "self": true})
    );
    assert_eq!(rooms["organizer"], json!({"email": "alice@acme.test"}));
}

#[tokio::test]
async fn the_organizers_transparency_does_not_reach_the_rooms_copy() {
    let acme = Acme::start().await;
    let (id, _) = acme
        .meeting(between(9, 10).with("transparency", json!("transparent")))
        .await;
    assert_eq!(
        acme.alice.event(&id).unwrap()["transparency"],
        "transparent"
    );
    assert!(acme.room.event(&id).unwrap().get("transparency").is_none());
}

#[tokio::test]
async fn a_room_taken_off_keeps_a_tombstone_and_the_event_stays() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.alice.uninvite_room(&id, acme.room.mail()).unwrap();
    let tombstone = acme.room.event(&id).unwrap();
    let fields: Vec<&String> = tombstone.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["etag", "id", "kind", "status"]);
    assert_eq!(tombstone["status"], "cancelled");
    assert_eq!(acme.alice.event(&id).unwrap()["status"], "confirmed");
}

#[tokio::test]
async fn another_room_gets_a_copy_of_the_same_id_and_the_first_a_tombstone() {
    let acme = Acme::start().await;
    let other = acme.another_room("Birdcage");
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.alice
        .swap_room(&id, acme.room.mail(), other.mail())
        .unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["status"], "cancelled");
    assert_eq!(other.event(&id).unwrap()["status"], "confirmed");
    acme.alice
        .swap_room(&id, other.mail(), acme.room.mail())
        .unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["status"], "confirmed");
    assert_eq!(other.event(&id).unwrap()["status"], "cancelled");
}

#[tokio::test]
async fn deleting_the_organizers_copy_cancels_the_event_for_all() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.alice.cancel_event(&id).unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["status"], "cancelled");
    let organizers = acme.alice.event(&id).unwrap();
    assert_eq!(
        (&organizers["status"], &organizers["summary"]),
        (&json!("cancelled"), &json!("Jour fixe"))
    );
}

#[tokio::test]
async fn deleting_a_guests_copy_only_declines() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    let path = format!("calendars/{}/events/{id}", acme.room.mail());
    let reply = acme
        .call("rooms@acme.test", Method::DELETE, &path, None)
        .await;
    assert_eq!(reply.status, 204);
    let organizers = acme.alice.event(&id).unwrap();
    assert_eq!(organizers["status"], "confirmed");
    assert_eq!(
        crate::support::answer(&organizers, acme.room.mail()),
        Some("declined")
    );
    let again = acme
        .call("rooms@acme.test", Method::DELETE, &path, None)
        .await;
    assert_eq!((again.status.as_u16(), again.reason()), (410, "deleted"));
}

#[tokio::test]
async fn an_event_made_on_the_rooms_calendar_has_the_room_as_organizer() {
    let acme = Acme::start().await;
    let id = acme
        .room
        .insert_event("rooms@acme.test", between(9, 10))
        .unwrap();
    let copy = acme.room.event(&id).unwrap();
    assert_eq!(
        copy["organizer"],
        json!({"email": acme.room.mail(), "self": true})
    );
    assert_eq!(copy["creator"], json!({"email": "rooms@acme.test"}));
    assert!(copy.get("attendees").is_none());
}

#[tokio::test]
async fn a_guest_changes_shared_fields_only_on_the_own_copy_until_the_organizer_edits() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    let path = format!("calendars/{}/events/{id}", acme.room.mail());
    let changes = json!({"summary": "Mine"});
    let reply = acme
        .call("rooms@acme.test", Method::PATCH, &path, Some(changes))
        .await;
    assert_eq!(reply.body["summary"], "Mine");
    assert_eq!(acme.alice.event(&id).unwrap()["summary"], "Jour fixe");
    acme.alice.move_event(&id, hour(11), hour(12)).unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["summary"], "Jour fixe");
}

#[tokio::test]
async fn a_hidden_guest_list_shows_the_room_only_itself() {
    let acme = Acme::start().await;
    let event = between(9, 10).with_guest(acme.bob.mail());
    let (id, _) = acme
        .meeting(event.with("guestsCanSeeOtherGuests", json!(false)))
        .await;
    let copy = acme.room.event(&id).unwrap();
    assert_eq!(copy["attendees"].as_array().unwrap().len(), 1);
    assert_eq!(copy["attendees"][0]["self"], true);
    assert_eq!(
        acme.alice.event(&id).unwrap()["attendees"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn booleans_that_equal_their_default_are_left_out() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    let copy = acme.room.event(&id).unwrap();
    for field in [
        "guestsCanModify",
        "guestsCanInviteOthers",
        "guestsCanSeeOtherGuests",
        "attendeesOmitted",
    ] {
        assert!(copy.get(field).is_none(), "{field}");
    }
    assert!(copy["attendees"][0].get("self").is_none());
    let (id, _) = acme
        .meeting(between(11, 12).with("guestsCanModify", json!(true)))
        .await;
    assert_eq!(acme.room.event(&id).unwrap()["guestsCanModify"], true);
}
