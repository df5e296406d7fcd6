//! What somebody sees who may only see when a calendar is busy.

use google_sim::{FreeBusyListing, Role, scopes};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Acme, between, hour, repeated};

async fn listed(acme: &Acme) -> crate::support::Reply {
    let path = format!("calendars/{}/events", acme.room.mail());
    acme.call("bob@acme.test", Method::GET, &path, None).await
}

fn fields(event: &Value) -> Vec<&str> {
    let event = event.as_object().expect("it is an object");
    event.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_free_busy_readers_listing_has_single_events_with_times_only() {
    let acme = Acme::start().await;
    acme.meeting(repeated("FREQ=DAILY;COUNT=3")).await;
    acme.room
        .share("bob@acme.test", Role::FreeBusyReader)
        .unwrap();
    let reply = listed(&acme).await;
    assert_eq!(reply.body["accessRole"], "freeBusyReader");
    assert_eq!(reply.items().len(), 3, "single events without asking");
    for event in reply.items() {
        assert_eq!(
            fields(event),
            ["end", "etag", "id", "kind", "start", "status"]
        );
    }
}

#[tokio::test]
async fn a_free_busy_readers_listing_may_carry_no_sync_token_or_be_refused() {
    let acme = Acme::start().await;
    acme.room
        .share("bob@acme.test", Role::FreeBusyReader)
        .unwrap();
    assert!(!listed(&acme).await.text("nextSyncToken").is_empty());
    acme.control
        .configure(|settings| settings.free_busy_sync_tokens = false);
    let reply = listed(&acme).await;
    assert!(reply.text("nextSyncToken").is_empty() && reply.text("nextPageToken").is_empty());
    acme.control
        .configure(|settings| settings.free_busy_listing = FreeBusyListing::Refused);
    let reply = listed(&acme).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "requiredAccessLevel")
    );
}

#[tokio::test]
async fn a_token_for_free_and_busy_sees_times_whatever_its_owner_may_see() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let token = acme
        .control
        .user_token("rooms@acme.test", &[scopes::EVENTS_FREEBUSY]);
    let path = format!("calendars/{}/events", acme.room.mail());
    let reply = acme.call_with(&token, Method::GET, &path, None, &[]).await;
    assert_eq!(reply.body["accessRole"], "freeBusyReader");
    assert!(reply.items()[0].get("summary").is_none());
}

async fn query(acme: &Acme, user: &str, scope: &str, ids: &[&str]) -> crate::support::Reply {
    let token = acme.control.user_token(user, &[scope]);
    let items: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    let body = json!({"timeMin": hour(9).date_time, "timeMax": hour(12).date_time, "items": items});
    acme.call_with(&token, Method::POST, "freeBusy", Some(body), &[])
        .await
}

#[tokio::test]
async fn free_busy_tells_busy_times_of_visible_calendars_each_for_itself() {
    let acme = Acme::start().await;
    acme.meeting(between(8, 10)).await;
    acme.meeting(between(10, 11)).await;
    acme.meeting(between(10, 11)).await;
    let other = acme.org.add_room(google_sim::NewRoom::default()).unwrap();
    let ids = [acme.room.mail(), other.mail()];
    let reply = query(&acme, "rooms@acme.test", scopes::FREEBUSY, &ids).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["kind"], "calendar#freeBusy");
    assert_eq!(
        reply.body["calendars"][acme.room.mail()]["busy"],
        json!([{"start": hour(9).date_time, "end": hour(11).date_time}]),
        "merged, cut to the bounds"
    );
    let hidden = &reply.body["calendars"][other.mail()];
    assert_eq!(hidden["errors"][0]["reason"], "notFound");
}

#[tokio::test]
async fn the_scope_of_events_does_not_include_free_busy() {
    let acme = Acme::start().await;
    let ids = [acme.room.mail()];
    let reply = query(&acme, "rooms@acme.test", scopes::EVENTS, &ids).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "insufficientPermissions")
    );
}
