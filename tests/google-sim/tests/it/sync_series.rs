//! Deltas of series, and what can go wrong with listings.

use google_sim::{Effect, Fault, Operation};
use serde_json::json;

use crate::support::{Acme, Reply, at, between, repeated};

async fn delta(acme: &Acme, token: &str, more: &str) -> Reply {
    acme.list(&format!("?syncToken={token}{more}")).await
}

#[tokio::test]
async fn a_delta_tells_the_master_or_the_exception_and_nothing_else() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let token = acme.list("").await.text("nextSyncToken");
    assert!(delta(&acme, &token, "").await.ids().is_empty());
    let changed = acme
        .alice
        .change_occurrence(&id, &at(3, 9), json!({"summary": "Review"}))
        .unwrap();
    let reply = delta(&acme, &token, "").await;
    assert_eq!(reply.ids(), [changed.as_str()]);
    let token = reply.text("nextSyncToken");
    acme.alice.retitle_event(&id, "Standup").unwrap();
    assert_eq!(delta(&acme, &token, "").await.ids(), [id.as_str()]);
}

#[tokio::test]
async fn a_patch_of_an_occurrence_that_changes_nothing_leaves_no_exception() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let token = acme.list("").await.text("nextSyncToken");
    acme.alice
        .change_occurrence(&id, &at(3, 9), json!({"summary": "Jour fixe"}))
        .unwrap();
    assert!(delta(&acme, &token, "").await.ids().is_empty());
    assert_eq!(acme.room.events().unwrap().len(), 1);
}

#[tokio::test]
async fn tombstones_of_occurrences_can_be_sparse() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let token = acme.list("").await.text("nextSyncToken");
    let cancelled = acme.alice.cancel_occurrence(&id, &at(3, 9)).unwrap();
    let full = delta(&acme, &token, "").await;
    assert_eq!(full.items()[0]["recurringEventId"], json!(id));
    acme.control
        .configure(|settings| settings.sparse_tombstones = true);
    let sparse = delta(&acme, &token, "").await;
    let mut item = sparse.items()[0].clone();
    let item = item.as_object_mut().unwrap();
    item.remove("kind");
    item.remove("etag");
    assert_eq!(json!(item), json!({"id": cancelled, "status": "cancelled"}));
}

#[tokio::test]
async fn exceptions_can_come_before_their_masters_page_by_page() {
    let acme = Acme::with(|settings| settings.exceptions_first = true).await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let cancelled = acme.alice.cancel_occurrence(&id, &at(3, 9)).unwrap();
    let first = acme.list("?maxResults=1").await;
    assert_eq!(first.ids(), [cancelled.as_str()]);
    let token = first.text("nextPageToken");
    let second = acme.list(&format!("?maxResults=1&pageToken={token}")).await;
    assert_eq!(second.ids(), [id.as_str()]);
    assert!(second.body.get("nextPageToken").is_none());
}

#[tokio::test]
async fn a_delta_of_single_events_has_no_horizon_but_the_limit() {
    let acme = Acme::with(|settings| settings.most_instances = 50).await;
    let (id, _) = acme.meeting(repeated("FREQ=WEEKLY")).await;
    let bounds = "&timeMin=2027-03-01T00:00:00Z&timeMax=2027-04-01T00:00:00Z";
    let first = acme.list(&format!("?singleEvents=true{bounds}")).await;
    assert_eq!(first.ids().len(), 5);
    acme.alice.retitle_event(&id, "Standup").unwrap();
    let token = first.text("nextSyncToken");
    let reply = delta(&acme, &token, "&singleEvents=true").await;
    assert_eq!(reply.ids().len(), 50);
    acme.alice.cancel_series(&id).unwrap();
    let reply = delta(&acme, &token, "&singleEvents=true").await;
    let cancelled = reply
        .items()
        .iter()
        .all(|item| item["status"] == "cancelled");
    assert!(cancelled && reply.ids().len() < 27, "about half a year");
}

#[tokio::test]
async fn a_delta_of_single_events_tells_what_a_shorter_rule_took_away() {
    let acme = Acme::with(|settings| {
        settings.deleted_series_reach = std::time::Duration::from_hours(24 * 3650);
    })
    .await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=3")).await;
    let token = acme.list("?singleEvents=true").await.text("nextSyncToken");
    acme.alice
        .change_recurrence(&id, &["RRULE:FREQ=DAILY;COUNT=2"])
        .unwrap();
    let reply = delta(&acme, &token, "&singleEvents=true").await;
    let gone: Vec<_> = reply
        .items()
        .iter()
        .filter(|item| item["status"] == "cancelled")
        .map(|item| item["id"].as_str().unwrap())
        .collect();
    assert_eq!(gone, [format!("{id}_20270303T090000Z")]);
}

#[tokio::test]
async fn a_last_page_can_lack_its_sync_token() {
    let acme = Acme::start().await;
    let fault = Fault::next(Effect::WithoutSyncToken).on(Operation::List);
    acme.control.add_fault(fault);
    let reply = acme.list("").await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.get("nextSyncToken").is_none());
    assert!(reply.body.get("nextPageToken").is_none());
    assert!(!acme.list("").await.text("nextSyncToken").is_empty());
}

#[tokio::test]
async fn a_delta_can_break_in_its_middle_and_be_read_again_from_its_token() {
    let acme = Acme::with(|settings| settings.forced_page_size = Some(1)).await;
    let token = acme.list("").await.text("nextSyncToken");
    acme.meeting(between(9, 10)).await;
    acme.meeting(between(10, 11)).await;
    let fault = Fault::answer(410, "fullSyncRequired").on(Operation::List);
    acme.control.add_fault(fault.on_later_pages());
    let first = delta(&acme, &token, "").await;
    assert_eq!((first.status.as_u16(), first.ids().len()), (200, 1));
    let next = format!("&pageToken={}", first.text("nextPageToken"));
    assert_eq!(delta(&acme, &token, &next).await.status, 410);
    assert_eq!(delta(&acme, &token, "").await.ids(), first.ids());
    assert_eq!(delta(&acme, &token, &next).await.status, 200);
}

#[tokio::test]
async fn a_calendar_can_flap() {
    let acme = Acme::start().await;
    let fault = Fault::answer(404, "notFound").on(Operation::List).always();
    acme.control.add_fault(fault.every(2));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(acme.list("").await.status.as_u16());
    }
    assert_eq!(statuses, [200, 404, 200, 404]);
}
