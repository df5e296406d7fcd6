use chrono::{DateTime, Utc};
use roomsync_google::{GoogleError, InstancesQuery};
use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::{ROOM, ROOM_PATH, access, authorised, google, only_request};

async fn serve(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(authorised())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_dates_of_a_series_are_asked_for_within_a_window() {
    let server = serve(ResponseTemplate::new(200).set_body_json(json!({
        "items": [{"id": "7f_R20261202T080000_20261202T080000Z"}, "garbage"],
        "nextPageToken": "p2", "accessRole": "writer", "timeZone": "Europe/Berlin",
    })))
    .await;
    let query = InstancesQuery {
        page_token: Some("p1".to_owned()),
        time_min: Some(at("2026-11-22T08:00:00.123Z")),
        time_max: Some(at("2027-11-22T08:00:00Z")),
        max_results: Some(2500),
    };
    let page = google(&server)
        .instances(&access(), ROOM, "7f_R20261202T080000", &query)
        .await
        .unwrap();
    assert_eq!(page.next_page_token.as_deref(), Some("p2"));
    assert_eq!((page.items.len(), page.odd.len()), (1, 1));
    assert_eq!(
        page.items[0].calendar_zone.as_deref(),
        Some("Europe/Berlin")
    );

    let request = only_request(&server).await;
    let path = format!("{ROOM_PATH}/7f_R20261202T080000/instances");
    assert_eq!(request.url.path(), path);
    assert_eq!(
        request.url.query(),
        Some(
            "maxResults=2500&timeMin=2026-11-22T08%3A00%3A00Z&timeMax=2027-11-22T08%3A00%3A00Z\
             &pageToken=p1&quotaUser=q0123456789abcdef"
        )
    );
}

#[tokio::test]
async fn the_last_page_needs_no_cursor() {
    let server = serve(ResponseTemplate::new(200).set_body_json(json!({"items": []}))).await;
    let page = google(&server)
        .instances(&access(), ROOM, "7f", &InstancesQuery::default())
        .await
        .unwrap();
    assert!(page.items.is_empty() && page.next_page_token.is_none());
}

#[rstest::rstest]
#[case::unknown(404, json!({}))]
#[case::gone(410, json!({"error": {"errors": [{"reason": "deleted"}], "code": 410}}))]
#[case::gone_without_a_reason(410, json!({}))]
#[tokio::test]
async fn a_series_that_is_not_there_is_no_dead_cursor(
    #[case] status: u16,
    #[case] body: serde_json::Value,
) {
    let server = serve(ResponseTemplate::new(status).set_body_json(body)).await;
    let error = google(&server)
        .instances(&access(), ROOM, "7f", &InstancesQuery::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, GoogleError::NotFound | GoogleError::Gone),
        "{error:?}"
    );
}
