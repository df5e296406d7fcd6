use chrono::{DateTime, Utc};
use roomsync_google::{AccessRole, Advice, GoogleError, ListQuery, OddItem, OddWhy};
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::{ROOM, ROOM_PATH, access, authorised, google, html, only_request};

async fn serve(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(authorised())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

fn ok(body: &serde_json::Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_delta_asks_for_what_the_cursor_allows_and_no_more() {
    let server = serve(ok(&json!({
        "items": [{"id": "a"}], "nextPageToken": "p2", "accessRole": "owner",
        "timeZone": "Europe/Berlin", "defaultReminders": [],
    })))
    .await;
    let query = ListQuery {
        sync_token: Some("CPDA=".to_owned()),
        page_token: Some("p1".to_owned()),
        max_results: Some(2500),
        ..ListQuery::default()
    };
    let page = google(&server)
        .list_events(&access(), ROOM, &query)
        .await
        .unwrap();
    assert_eq!(page.next_page_token.as_deref(), Some("p2"));
    assert_eq!(page.next_sync_token, None);
    assert_eq!(page.access_role, AccessRole::Owner);
    assert_eq!(page.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(
        page.items[0].calendar_zone.as_deref(),
        Some("Europe/Berlin")
    );

    let request = only_request(&server).await;
    assert_eq!(request.url.path(), ROOM_PATH);
    let sent: Vec<_> = request.url.query_pairs().into_owned().collect();
    let expected = [
        ("maxResults", "2500"),
        ("syncToken", "CPDA="),
        ("pageToken", "p1"),
        ("quotaUser", "q0123456789abcdef"),
    ];
    assert_eq!(
        sent,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[tokio::test]
async fn a_window_is_listed_by_its_times() {
    let server = serve(ok(&json!({"items": []}))).await;
    let query = ListQuery {
        single_events: true,
        show_deleted: true,
        time_min: Some(at("2026-11-22T08:00:00.123Z")),
        time_max: Some(at("2027-11-22T08:00:00Z")),
        ..ListQuery::default()
    };
    let page = google(&server)
        .list_events(&access(), ROOM, &query)
        .await
        .unwrap();
    assert!(page.items.is_empty() && page.next_sync_token.is_none());
    let request = only_request(&server).await;
    assert_eq!(
        request.url.query(),
        Some(
            "singleEvents=true&showDeleted=true&timeMin=2026-11-22T08%3A00%3A00Z\
             &timeMax=2027-11-22T08%3A00%3A00Z&quotaUser=q0123456789abcdef"
        )
    );
}

#[tokio::test]
async fn one_garbage_item_does_not_spoil_the_page() {
    let server = serve(ok(&json!({
        "items": [
            {"id": "good", "status": "postponed", "eventType": "somethingNew", "locked": null},
            {"id": "bad", "summary": 42},
            {"status": "confirmed"},
            "garbage",
            null,
            {"id": "also-good", "attendees": null, "organizer": null},
        ],
        "nextSyncToken": "s1",
    })))
    .await;
    let page = google(&server)
        .list_events(&access(), ROOM, &ListQuery::default())
        .await
        .unwrap();
    let ids: Vec<_> = page.items.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["good", "also-good"]);
    let nameless = OddItem {
        id: None,
        why: OddWhy::NoId,
    };
    let bad = OddItem {
        id: Some("bad".to_owned()),
        why: OddWhy::Shape,
    };
    assert_eq!(
        page.odd,
        [bad, nameless.clone(), nameless.clone(), nameless]
    );
    assert_eq!(page.next_sync_token.as_deref(), Some("s1"));
    assert_eq!(page.access_role, AccessRole::Unknown);
}

#[rstest::rstest]
#[case::no_token(r#"{"items": []}"#)]
#[case::empty_tokens(r#"{"nextPageToken": "", "nextSyncToken": ""}"#)]
#[case::no_json("<html>")]
#[case::a_list("[]")]
#[case::odd_items(r#"{"items": 7, "nextSyncToken": "s"}"#)]
#[tokio::test]
async fn a_listing_without_a_cursor_is_no_success(#[case] body: &str) {
    let server = serve(ResponseTemplate::new(200).set_body_string(body)).await;
    let error = google(&server)
        .list_events(&access(), ROOM, &ListQuery::default())
        .await
        .unwrap_err();
    assert!(matches!(error, GoogleError::Unreadable(_)), "{error:?}");
}

#[tokio::test]
async fn who_sees_times_only_is_told_the_role_and_no_error() {
    let server = serve(ok(&json!({"items": [], "accessRole": "freeBusyReader"}))).await;
    let page = google(&server)
        .list_events(&access(), ROOM, &ListQuery::default())
        .await
        .unwrap();
    assert!(page.access_role.is_times_only() && page.next_sync_token.is_none());
}

#[tokio::test]
async fn an_html_fault_is_a_fault() {
    let server = serve(html(502).insert_header("retry-after", "7")).await;
    let error = google(&server)
        .list_events(&access(), ROOM, &ListQuery::default())
        .await
        .unwrap_err();
    let after = Some(std::time::Duration::from_secs(7));
    assert_eq!(error.advice(), Advice::Retry { after });
    assert_eq!(error.to_string(), "google answered 502 Bad Gateway");
}

#[tokio::test]
async fn a_dead_cursor_is_told_from_its_envelope() {
    let server = serve(ResponseTemplate::new(410).set_body_json(json!({"error": {
        "errors": [{"domain": "calendar", "reason": "fullSyncRequired", "location": "syncToken"}],
        "code": 410, "message": "Sync token is no longer valid, a full sync is required.",
    }})))
    .await;
    let error = google(&server)
        .list_events(&access(), ROOM, &ListQuery::default())
        .await
        .unwrap_err();
    assert!(matches!(error, GoogleError::CursorExpired));
}

#[tokio::test]
async fn an_event_is_read_by_id() {
    let server = serve(ok(&json!({"id": "7f_x", "status": "cancelled"}))).await;
    let event = google(&server)
        .get_event(&access(), "primary", "7f_x")
        .await
        .unwrap();
    assert!(event.is_cancelled());
    let path = only_request(&server).await.url.path().to_owned();
    assert_eq!(path, "/calendar/v3/calendars/primary/events/7f_x");
}

#[rstest::rstest]
#[case("..")]
#[case(".")]
#[case("")]
#[tokio::test]
async fn an_id_cannot_climb_out_of_its_path(#[case] id: &str) {
    let server = serve(ok(&json!({}))).await;
    let error = google(&server)
        .get_event(&access(), ROOM, id)
        .await
        .unwrap_err();
    assert!(matches!(error, GoogleError::NotFound));
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_id_is_one_part_of_the_path() {
    let server = serve(ok(&json!({"id": "x"}))).await;
    google(&server)
        .get_event(&access(), "a/../b?c#d", "../x")
        .await
        .unwrap();
    let path = only_request(&server).await.url.path().to_owned();
    assert_eq!(
        path,
        "/calendar/v3/calendars/a%2F%2E%2E%2Fb%3Fc%23d/events/%2E%2E%2Fx"
    );
}
