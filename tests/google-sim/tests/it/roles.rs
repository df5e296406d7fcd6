//! Who may see and do what.

use google_sim::{Role, scopes};
use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, between, body};

#[tokio::test]
async fn a_user_without_an_entry_on_the_room_gets_404() {
    let acme = Acme::start().await;
    let path = format!("calendars/{}/events", acme.room.mail());
    let reply = acme.call("bob@acme.test", Method::GET, &path, None).await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (404, "notFound"));
    let reply = acme
        .call("bob@acme.test", Method::POST, &path, Some(body(9, 10)))
        .await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn a_super_administrator_owns_the_rooms_unless_switched_off() {
    let acme = Acme::start().await;
    let path = format!("calendars/{}/events", acme.room.mail());
    let reply = acme.call("admin@acme.test", Method::GET, &path, None).await;
    assert_eq!(reply.body["accessRole"], "owner");
    acme.control
        .configure(|settings| settings.super_admins_own_rooms = false);
    let reply = acme.call("admin@acme.test", Method::GET, &path, None).await;
    assert_eq!(reply.status, 404);
}

#[tokio::test]
async fn each_role_sees_what_it_may_and_is_named_in_the_listing() {
    let acme = Acme::start().await;
    acme.meeting(between(9, 10)).await;
    let path = format!("calendars/{}/events", acme.room.mail());
    for (role, sees_title) in [
        (Role::FreeBusyReader, false),
        (Role::Reader, true),
        (Role::WriterWithoutPrivateAccess, true),
        (Role::Writer, true),
        (Role::Owner, true),
    ] {
        acme.room.share("bob@acme.test", role).unwrap();
        let reply = acme.call("bob@acme.test", Method::GET, &path, None).await;
        assert_eq!(reply.body["accessRole"], role.as_str());
        let event = &reply.items()[0];
        assert_eq!(event.get("summary").is_some(), sees_title, "{role:?}");
        assert!(event["start"]["dateTime"].is_string());
    }
    acme.room.unshare("bob@acme.test").unwrap();
    assert_eq!(
        acme.call("bob@acme.test", Method::GET, &path, None)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_private_event_is_a_shell_to_readers_and_writers_without_private_access() {
    let acme = Acme::start().await;
    let (id, _) = acme
        .meeting(between(9, 10).with("visibility", json!("private")))
        .await;
    acme.room.share("bob@acme.test", Role::Reader).unwrap();
    let path = format!("calendars/{}/events/{id}", acme.room.mail());
    let shell = acme.call("bob@acme.test", Method::GET, &path, None).await;
    assert_eq!(shell.body["visibility"], "private");
    assert!(shell.body.get("summary").is_none() && shell.body.get("attendees").is_none());
    acme.control
        .configure(|settings| settings.shells_show_organizer = true);
    let shell = acme.call("bob@acme.test", Method::GET, &path, None).await;
    assert_eq!(shell.body["organizer"]["email"], "alice@acme.test");
    acme.room
        .share("bob@acme.test", Role::WriterWithoutPrivateAccess)
        .unwrap();
    let shell = acme.call("bob@acme.test", Method::GET, &path, None).await;
    assert!(shell.body.get("summary").is_none() && shell.body.get("attendees").is_none());
    let full = acme.call("rooms@acme.test", Method::GET, &path, None).await;
    assert_eq!(full.body["summary"], "Jour fixe");
}

#[tokio::test]
async fn writing_needs_the_writers_role() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.room.share("bob@acme.test", Role::Reader).unwrap();
    let path = format!("calendars/{}/events/{id}", acme.room.mail());
    for (method, body) in [
        (Method::PATCH, Some(json!({"summary": "x"}))),
        (Method::DELETE, None),
    ] {
        let reply = acme.call("bob@acme.test", method, &path, body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.reason()),
            (403, "requiredAccessLevel")
        );
    }
}

#[tokio::test]
async fn scopes_are_enforced() {
    let acme = Acme::start().await;
    let path = format!("calendars/{}/events", acme.room.mail());
    let keeper = "rooms@acme.test";
    let cases = [
        (scopes::RESOURCES_READONLY, Method::GET, 403),
        (scopes::EVENTS_READONLY, Method::GET, 200),
        (scopes::EVENTS_READONLY, Method::POST, 403),
        (scopes::EVENTS_OWNED, Method::GET, 403),
        (scopes::EVENTS, Method::POST, 200),
    ];
    for (scope, method, status) in cases {
        let token = acme.control.user_token(keeper, &[scope]);
        let body = (method == Method::POST).then(|| body(9, 10));
        let reply = acme.call_with(&token, method, &path, body, &[]).await;
        assert_eq!(reply.status, status, "{scope}");
        if status == 403 {
            assert_eq!(reply.reason(), "insufficientPermissions");
        }
    }
    let owned = acme
        .control
        .user_token("alice@acme.test", &[scopes::EVENTS_OWNED]);
    let primary = "calendars/primary/events";
    let reply = acme
        .call_with(&owned, Method::POST, primary, Some(body(9, 10)), &[])
        .await;
    assert_eq!(reply.status, 200, "a user owns the primary calendar");
}

#[tokio::test]
async fn an_unknown_or_expired_token_gets_401() {
    let acme = Acme::start().await;
    let token = acme.token("rooms@acme.test");
    let path = format!("calendars/{}/events", acme.room.mail());
    assert_eq!(
        acme.call_with(&token, Method::GET, &path, None, &[])
            .await
            .status,
        200
    );
    acme.control.expire_access_tokens();
    let reply = acme.call_with(&token, Method::GET, &path, None, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (401, "authError"));
    acme.control
        .configure(|settings| settings.token_lifetime = std::time::Duration::ZERO);
    let token = acme.token("rooms@acme.test");
    assert_eq!(
        acme.call_with(&token, Method::GET, &path, None, &[])
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_user_with_calendar_switched_off_is_no_calendar_user() {
    let acme = Acme::start().await;
    acme.alice.calendar_off(true).unwrap();
    let reply = acme
        .call(
            "alice@acme.test",
            Method::GET,
            "calendars/primary/events",
            None,
        )
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "notACalendarUser")
    );
}
