//! Quota and the ledger.

use google_sim::{Operation, scopes};
use reqwest::Method;

use crate::support::Acme;

#[tokio::test]
async fn quota_is_counted_per_quota_user() {
    let acme = Acme::with(|settings| settings.quota_per_user_per_minute = Some(2)).await;
    assert_eq!(acme.list("").await.status, 200);
    assert_eq!(acme.list("").await.status, 200);
    let reply = acme.list("").await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "rateLimitExceeded")
    );
    assert_eq!(reply.body["error"]["errors"][0]["domain"], "usageLimits");
    assert_eq!(acme.list("?quotaUser=another").await.status, 200);
    acme.control
        .configure(|settings| settings.quota_answers_429 = true);
    assert_eq!(acme.list("").await.status, 429);
    let long = "x".repeat(41);
    assert_eq!(acme.list(&format!("?quotaUser={long}")).await.status, 400);
}

#[tokio::test]
async fn the_ledger_tells_every_call_with_its_subject_and_quota_user() {
    let acme = Acme::start().await;
    acme.list("?quotaUser=hash&maxResults=5").await;
    acme.call(
        "bob@acme.test",
        Method::GET,
        "calendars/primary/events/nothing",
        None,
    )
    .await;
    let ledger = acme.control.ledger();
    assert_eq!(ledger.len(), 2);
    let list = &ledger[0];
    assert_eq!(list.operation, Operation::List);
    assert_eq!(
        (list.number, list.method.as_str(), list.status),
        (1, "GET", Some(200))
    );
    assert_eq!(list.template, "/calendar/v3/calendars/{calendar}/events");
    assert_eq!(list.calendar.as_deref(), Some(acme.room.mail()));
    assert_eq!(list.subject.as_deref(), Some("rooms@acme.test"));
    assert_eq!(list.quota_user.as_deref(), Some("hash"));
    assert_eq!(list.query["maxResults"], "5");
    let get = &ledger[1];
    assert_eq!((get.operation, get.status), (Operation::Get, Some(404)));
    assert_eq!(get.calendar.as_deref(), Some("bob@acme.test"));
    assert_eq!(
        get.quota_user.as_deref(),
        Some("bob@acme.test"),
        "a user's token charges the user"
    );
    assert_eq!(get.reason.as_deref(), Some("notFound"));
    acme.control.clear_ledger();
    assert!(acme.control.ledger().is_empty());
}

#[tokio::test]
async fn organisations_do_not_see_each_other() {
    let acme = Acme::start().await;
    let other = acme.control.add_org("other.test");
    other.add_user("boss@other.test", true).unwrap();
    let token = acme
        .control
        .user_token("boss@other.test", &[scopes::EVENTS]);
    let path = format!("calendars/{}/events", acme.room.mail());
    assert_eq!(
        acme.call_with(&token, Method::GET, &path, None, &[])
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn quota_is_counted_per_project_too() {
    let acme = Acme::with(|settings| settings.quota_per_project_per_minute = Some(2)).await;
    assert_eq!(acme.list("?quotaUser=one").await.status, 200);
    assert_eq!(acme.list("?quotaUser=two").await.status, 200);
    let reply = acme.list("?quotaUser=three").await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "rateLimitExceeded")
    );
}

#[tokio::test]
async fn the_minute_slides() {
    let acme = Acme::with(|settings| {
        settings.quota_per_user_per_minute = Some(1);
        settings.quota_minute = std::time::Duration::from_millis(200);
    })
    .await;
    assert_eq!(acme.list("").await.status, 200);
    assert_eq!(acme.list("").await.status, 403);
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while acme.list("").await.status != 200 {
        assert!(
            std::time::Instant::now() < deadline,
            "it is counted for ever"
        );
    }
}
