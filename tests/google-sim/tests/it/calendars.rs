//! The `calendars` resource and secondary calendars.

use google_sim::{Answer, NewRoom, scopes};
use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, PATIENCE, Reply, answer, body};

async fn get(acme: &Acme, user: &str, scope: &str, calendar: &str) -> Reply {
    let token = acme.control.user_token(user, &[scope]);
    let path = format!("calendars/{calendar}");
    acme.call_with(&token, Method::GET, &path, None, &[]).await
}

#[tokio::test]
async fn a_rooms_calendar_tells_its_zone_and_whether_it_answers_by_itself() {
    let acme = Acme::start().await;
    let human = acme
        .org
        .add_room(NewRoom::named("Board").answered_by_humans())
        .unwrap();
    let scope = scopes::CALENDARS_READONLY;
    let reply = get(&acme, "rooms@acme.test", scope, acme.room.mail()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["kind"], "calendar#calendar");
    assert_eq!(reply.body["timeZone"], "Europe/Berlin");
    assert_eq!(reply.body["autoAcceptInvitations"], true);
    let reply = get(&acme, "admin@acme.test", scope, human.mail()).await;
    assert_eq!(reply.body["autoAcceptInvitations"], false);
    human.auto_accept(true).unwrap();
    let reply = get(&acme, "admin@acme.test", scope, human.mail()).await;
    assert_eq!(reply.body["autoAcceptInvitations"], true);
    let reply = get(&acme, "alice@acme.test", scope, "primary").await;
    assert!(reply.body.get("autoAcceptInvitations").is_none());
}

#[tokio::test]
async fn an_older_answer_does_not_tell_whether_the_room_answers_by_itself() {
    let acme = Acme::with(|settings| settings.calendars_tell_auto_accept = false).await;
    let scope = scopes::CALENDARS_READONLY;
    let reply = get(&acme, "rooms@acme.test", scope, acme.room.mail()).await;
    assert_eq!(reply.status, 200);
    assert!(reply.body.get("autoAcceptInvitations").is_none());
}

#[tokio::test]
async fn a_calendar_is_got_with_its_own_scope_and_a_role() {
    let acme = Acme::start().await;
    let reply = get(&acme, "rooms@acme.test", scopes::EVENTS, acme.room.mail()).await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "insufficientPermissions")
    );
    let scope = scopes::CALENDARS_READONLY;
    let reply = get(&acme, "bob@acme.test", scope, acme.room.mail()).await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (404, "notFound"));
}

async fn secondary(acme: &Acme, token: &str) -> String {
    let body = json!({"summary": "Bookings", "timeZone": "Europe/Berlin"});
    let reply = acme
        .call_with(token, Method::POST, "calendars", Some(body), &[])
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.text("id")
}

#[tokio::test]
async fn a_secondary_calendar_organizes_events_and_rooms_answer_its_invitations() {
    let acme = Acme::start().await;
    let token = acme
        .control
        .user_token("alice@acme.test", &[scopes::APP_CREATED]);
    let calendar = secondary(&acme, &token).await;
    assert!(calendar.ends_with("@group.calendar.google.com"));
    let mut event = body(9, 10);
    event["attendees"] = json!([{"email": acme.room.mail()}]);
    let path = format!("calendars/{calendar}/events");
    let reply = acme
        .call_with(&token, Method::POST, &path, Some(event), &[])
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let id = reply.text("id");
    let said = acme.room.wait_answered(&id, PATIENCE).await.unwrap();
    assert_eq!(said, Answer::Accepted);
    let copy = acme.room.event(&id).unwrap();
    assert_eq!(copy["organizer"]["email"], calendar.as_str());
    assert_eq!(copy["creator"]["email"], "alice@acme.test");
    let main = acme.control.event(&calendar, &id).unwrap();
    assert_eq!(answer(&main, acme.room.mail()), Some("accepted"));
    assert!(
        acme.alice.event(&id).is_err(),
        "the primary one has no copy"
    );
}

#[tokio::test]
async fn the_scope_of_made_calendars_reaches_only_what_the_client_made() {
    let acme = Acme::start().await;
    let token = acme
        .control
        .user_token("alice@acme.test", &[scopes::APP_CREATED]);
    let calendar = secondary(&acme, &token).await;
    let own = format!("calendars/{calendar}/events");
    let reply = acme.call_with(&token, Method::GET, &own, None, &[]).await;
    assert_eq!(reply.body["accessRole"], "owner");
    let primary = "calendars/primary/events";
    let reply = acme
        .call_with(&token, Method::GET, primary, None, &[])
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "insufficientPermissions")
    );
    let reply = acme.call("bob@acme.test", Method::GET, &own, None).await;
    assert_eq!(reply.status, 404, "it is alice's");
}

#[tokio::test]
async fn too_many_new_calendars_exceed_the_quota() {
    let acme = Acme::with(|settings| settings.most_new_calendars = 1).await;
    let token = acme
        .control
        .user_token("alice@acme.test", &[scopes::CALENDAR]);
    secondary(&acme, &token).await;
    let body = json!({"summary": "One more"});
    let reply = acme
        .call_with(&token, Method::POST, "calendars", Some(body), &[])
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "quotaExceeded")
    );
}
