//! Faults of calls.

use google_sim::{Effect, Fault, Operation};
use reqwest::Method;
use serde_json::json;
use tokio::time::timeout;

use crate::support::{Acme, PATIENCE, between, body};

#[tokio::test]
async fn the_next_calls_can_be_refused_with_any_status_and_reason() {
    let acme = Acme::start().await;
    acme.control.add_fault(
        Fault::answer(403, "quotaExceeded")
            .on(Operation::List)
            .times(2),
    );
    for _ in 0..2 {
        let reply = acme.list("").await;
        assert_eq!(
            (reply.status.as_u16(), reply.reason()),
            (403, "quotaExceeded")
        );
    }
    assert_eq!(acme.list("").await.status, 200);
}

#[tokio::test]
async fn a_fault_can_be_narrowed_to_a_calendar() {
    let acme = Acme::start().await;
    let other = acme.another_room("Birdcage");
    acme.control.add_fault(
        Fault::answer(404, "notFound")
            .of_calendar(other.mail())
            .always(),
    );
    assert_eq!(acme.list("").await.status, 200);
    let path = format!("calendars/{}/events", other.mail());
    for _ in 0..2 {
        assert_eq!(
            acme.call("rooms@acme.test", Method::GET, &path, None)
                .await
                .status,
            404
        );
    }
    acme.control.clear_faults();
    assert_eq!(
        acme.call("rooms@acme.test", Method::GET, &path, None)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn refusals_come_in_the_classic_and_in_the_newer_envelope() {
    let acme = Acme::start().await;
    let fault = |newer_envelope| {
        Fault::next(Effect::Answer {
            status: 403,
            reason: "rateLimitExceeded".to_owned(),
            retry_after: Some("7".to_owned()),
            newer_envelope,
        })
    };
    acme.control.add_fault(fault(false));
    acme.control.add_fault(fault(true));
    let classic = acme.list("").await;
    assert_eq!(classic.headers["retry-after"], "7");
    assert!(classic.body["error"].get("status").is_none());
    let newer = acme.list("").await;
    assert_eq!(newer.body["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(
        newer.body["error"]["details"][0]["reason"],
        "RATE_LIMIT_EXCEEDED"
    );
    assert_eq!(newer.reason(), "rateLimitExceeded");
}

#[tokio::test]
async fn an_answer_can_be_html_or_garbage() {
    let acme = Acme::start().await;
    acme.control.add_fault(Fault::next(Effect::Html502));
    acme.control.add_fault(Fault::next(Effect::Garbage));
    let html = acme.list("").await;
    assert_eq!(html.status, 502);
    assert!(html.body.as_str().unwrap().starts_with("<!DOCTYPE html>"));
    let garbage = acme.list("").await;
    assert_eq!(garbage.status, 200);
    assert!(garbage.body.is_string(), "it is no JSON");
}

#[tokio::test]
async fn a_connection_can_be_closed_before_or_after_the_write() {
    let acme = Acme::start().await;
    let path = "calendars/primary/events";
    let event = |id: &str| {
        let mut event = body(9, 10);
        event["id"] = json!(id);
        event
    };
    acme.control.add_fault(Fault::next(Effect::CloseConnection));
    assert!(
        acme.broken_call(Method::POST, path, event("before00"))
            .await
    );
    assert!(acme.alice.event("before00").is_err());
    acme.control.add_fault(Fault::next(Effect::CommitThenClose));
    assert!(
        acme.broken_call(Method::POST, path, event("after000"))
            .await
    );
    assert!(acme.alice.event("after000").is_ok());
    assert!(
        acme.control
            .ledger()
            .iter()
            .all(|call| call.status.is_none())
    );
}

#[tokio::test]
async fn a_call_can_be_held_and_released() {
    let acme = Acme::start().await;
    let hold = acme.control.hold(Operation::List, acme.room.mail());
    assert!(!hold.is_reached());
    let director = async {
        timeout(PATIENCE, hold.wait_until_reached()).await.unwrap();
        acme.alice
            .insert_event(between(9, 10).in_room(acme.room.mail()))
            .unwrap();
        hold.release();
    };
    let (reply, ()) = tokio::join!(acme.list(""), director);
    assert_eq!(
        reply.ids().len(),
        1,
        "it was held before it was carried out"
    );
}

#[tokio::test]
async fn an_answer_can_be_held_and_released() {
    let acme = Acme::start().await;
    let hold = acme.control.hold_answer(Operation::List, acme.room.mail());
    let director = async {
        timeout(PATIENCE, hold.wait_until_reached()).await.unwrap();
        acme.alice
            .insert_event(between(9, 10).in_room(acme.room.mail()))
            .unwrap();
        hold.release();
    };
    let (reply, ()) = tokio::join!(acme.list(""), director);
    assert!(
        reply.ids().is_empty(),
        "it was carried out before it was held"
    );
}

#[tokio::test]
async fn a_held_call_whose_caller_went_away_has_no_status() {
    let acme = Acme::start().await;
    let hold = acme.control.hold(Operation::List, acme.room.mail());
    tokio::select! {
        _ = acme.list("") => panic!("the call is held"),
        () = hold.wait_until_reached() => {}
    }
    assert_eq!(acme.list("").await.status, 200, "the hold is for one call");
    hold.release();
    assert_eq!(acme.list("").await.status, 200);
    let statuses: Vec<_> = acme
        .control
        .calls(Operation::List)
        .iter()
        .map(|call| call.status)
        .collect();
    assert_eq!(statuses, [None, Some(200), Some(200)]);
}

#[tokio::test]
async fn a_listing_can_carry_a_garbage_item() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let token = acme.list("").await.text("nextSyncToken");
    acme.room
        .inject_item(json!({"id": 7, "start": "soon"}))
        .unwrap();
    acme.room.inject_item(json!("rubbish")).unwrap();
    assert_eq!(acme.list("").await.items().len(), 3);
    let delta = acme.list(&format!("?syncToken={token}")).await;
    assert_eq!(
        delta.items(),
        [json!({"id": 7, "start": "soon"}), json!("rubbish")]
    );
}

#[tokio::test]
async fn an_event_can_lack_summary_attendees_and_organizer() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    let token = acme.list("").await.text("nextSyncToken");
    acme.room
        .hide_fields(&id, &["summary", "attendees", "organizer"])
        .unwrap();
    let delta = acme.list(&format!("?syncToken={token}")).await;
    let event = delta.items()[0].as_object().unwrap();
    assert!(
        ["summary", "attendees", "organizer"]
            .iter()
            .all(|field| !event.contains_key(*field))
    );
    assert_eq!(event["id"], id.as_str());
}
