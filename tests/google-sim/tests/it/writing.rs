//! insert, patch, update and their preconditions.

use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, PATIENCE, answer, between, body, hour};

const PRIMARY: &str = "calendars/primary/events";

#[tokio::test]
async fn a_chosen_id_must_be_base32hex() {
    let acme = Acme::start().await;
    for id in ["abcd", "uvwxyz", "0b6c1f5e-7d", "ABCDEF"] {
        let mut event = body(9, 10);
        event["id"] = json!(id);
        let reply = acme
            .call("alice@acme.test", Method::POST, PRIMARY, Some(event))
            .await;
        assert_eq!(
            (reply.status.as_u16(), reply.reason()),
            (400, "invalid"),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_chosen_id_stays_taken_even_when_its_event_is_deleted() {
    let acme = Acme::start().await;
    let mut event = body(9, 10);
    event["id"] = json!("0b6c1f5e7d");
    let send = || {
        acme.call(
            "alice@acme.test",
            Method::POST,
            PRIMARY,
            Some(event.clone()),
        )
    };
    assert_eq!(send().await.text("id"), "0b6c1f5e7d");
    let twice = send().await;
    assert_eq!((twice.status.as_u16(), twice.reason()), (409, "duplicate"));
    acme.alice.cancel_event("0b6c1f5e7d").unwrap();
    assert_eq!(send().await.status, 409);
}

#[tokio::test]
async fn an_id_and_an_ical_uid_do_not_go_together() {
    let acme = Acme::start().await;
    let mut event = body(9, 10);
    event["id"] = json!("0b6c1f5e7d");
    event["iCalUID"] = json!("x@y");
    let reply = acme
        .call("alice@acme.test", Method::POST, PRIMARY, Some(event))
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn an_event_needs_a_start_and_an_end_of_one_kind_in_order() {
    let acme = Acme::start().await;
    let cases = [
        (json!({"start": hour(9)}), "required"),
        (
            json!({"start": hour(9), "end": {"date": "2027-03-02"}}),
            "invalid",
        ),
        (json!({"start": hour(9), "end": hour(8)}), "timeRangeEmpty"),
        (
            json!({"start": {"dateTime": "2027-03-01T09:00:00"}, "end": hour(10)}),
            "invalid",
        ),
    ];
    for (event, reason) in cases {
        let reply = acme
            .call("alice@acme.test", Method::POST, PRIMARY, Some(event))
            .await;
        assert_eq!((reply.status.as_u16(), reply.reason()), (400, reason));
    }
}

#[tokio::test]
async fn a_patch_leaves_absent_fields_and_replaces_the_attendees_whole() {
    let acme = Acme::start().await;
    let (id, _) = acme
        .meeting(between(9, 10).with_guest(acme.bob.mail()))
        .await;
    acme.bob.respond(&id, google_sim::Answer::Accepted).unwrap();
    let path = format!("{PRIMARY}/{id}");
    let changes = json!({"attendees": [{"email": acme.bob.mail()}]});
    let reply = acme
        .call("alice@acme.test", Method::PATCH, &path, Some(changes))
        .await;
    assert_eq!(reply.body["summary"], "Jour fixe");
    assert_eq!(reply.body["attendees"].as_array().unwrap().len(), 1);
    assert_eq!(answer(&reply.body, acme.bob.mail()), Some("needsAction"));
    assert_eq!(acme.room.event(&id).unwrap()["status"], "cancelled");
}

#[tokio::test]
async fn an_update_replaces_everything_and_is_refused_to_a_guest() {
    let acme = Acme::start().await;
    let (id, _) = acme
        .meeting(between(9, 10).with("description", json!("Agenda")))
        .await;
    let path = format!("{PRIMARY}/{id}");
    let reply = acme
        .call("alice@acme.test", Method::PUT, &path, Some(body(9, 10)))
        .await;
    assert!(reply.body.get("description").is_none());
    assert!(reply.body.get("attendees").is_none());
    let (id, _) = acme.meeting(between(11, 12)).await;
    let path = format!("calendars/{}/events/{id}", acme.room.mail());
    let only_times = json!({"start": hour(11), "end": hour(12)});
    let reply = acme
        .call("rooms@acme.test", Method::PUT, &path, Some(only_times))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "forbiddenForNonOrganizer")
    );
}

#[tokio::test]
async fn if_match_guards_a_change_and_if_none_match_spares_an_answer() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    let token = acme.token("alice@acme.test");
    let path = format!("{PRIMARY}/{id}");
    let etag = acme.alice.event(&id).unwrap()["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    let title = || Some(json!({"summary": "New"}));
    let stale = acme.room.event(&id).unwrap()["etag"]
        .as_str()
        .unwrap()
        .to_owned();
    let reply = acme
        .call_with(
            &token,
            Method::PATCH,
            &path,
            title(),
            &[("if-match", &stale)],
        )
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (412, "conditionNotMet")
    );
    let known = [("if-none-match", etag.as_str())];
    assert_eq!(
        acme.call_with(&token, Method::GET, &path, None, &known)
            .await
            .status,
        304
    );
    let fresh = [("if-match", etag.as_str())];
    assert_eq!(
        acme.call_with(&token, Method::PATCH, &path, title(), &fresh)
            .await
            .status,
        200
    );
    assert_eq!(
        acme.call_with(&token, Method::GET, &path, None, &known)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_cancelled_event_can_be_got_but_not_changed() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.alice.cancel_event(&id).unwrap();
    let path = format!("{PRIMARY}/{id}");
    let got = acme.call("alice@acme.test", Method::GET, &path, None).await;
    assert_eq!(
        (got.status.as_u16(), got.text("status").as_str()),
        (200, "cancelled")
    );
    let reply = acme
        .call("alice@acme.test", Method::PATCH, &path, Some(json!({})))
        .await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (410, "deleted"));
    let reply = acme
        .call(
            "alice@acme.test",
            Method::GET,
            &format!("{PRIMARY}/nothing"),
            None,
        )
        .await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (404, "notFound"));
}

#[tokio::test]
async fn a_room_is_exchanged_by_patching_the_attendees() {
    let acme = Acme::start().await;
    let other = acme.another_room("Birdcage");
    let (id, _) = acme.meeting(between(9, 10)).await;
    let path = format!("calendars/alice%40acme.test/events/{id}");
    let changes = json!({"attendees": [{"email": "alice@acme.test"}, {"email": other.mail()}]});
    acme.call("alice@acme.test", Method::PATCH, &path, Some(changes))
        .await;
    other.wait_answered(&id, PATIENCE).await.unwrap();
    assert_eq!(acme.room.event(&id).unwrap()["status"], "cancelled");
}
