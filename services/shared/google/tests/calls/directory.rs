use roomsync_domain::ResourceEmail;
use roomsync_google::{CalendarResource, GoogleError};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::{access, authorised, google, only_request};

const PATH: &str = "/admin/directory/v1/customer/my_customer/resources/calendars";

async fn serve(status: u16, body: Value) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(PATH))
        .and(authorised())
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .mount(&server)
        .await;
    server
}

async fn find(server: &MockServer) -> Result<Option<CalendarResource>, GoogleError> {
    let room: ResourceEmail = "C_188Aga@resource.calendar.google.com".parse().unwrap();
    google(server).find_resource(&access(), &room).await
}

#[tokio::test]
async fn a_resource_is_found_by_its_address() {
    let server = serve(
        200,
        json!({"items": [{
            "etags": "\"x\"", "resourceId": "9f69", "resourceName": "Aquarium",
            "generatedResourceName": "HQ-2-Aquarium (8)", "capacity": 8, "buildingId": "HQ",
            "floorName": "2", "floorSection": "", "resourceCategory": "CONFERENCE_ROOM",
            "resourceEmail": "c_188AGA@resource.calendar.google.com", "featureInstances": [{}],
        }]}),
    )
    .await;
    let found = find(&server).await.unwrap().unwrap();
    assert_eq!(found.resource_id.as_deref(), Some("9f69"));
    assert_eq!(found.capacity, Some(8));

    let sent: Vec<_> = only_request(&server)
        .await
        .url
        .query_pairs()
        .into_owned()
        .collect();
    let query = "resourceEmail=\"c_188aga@resource.calendar.google.com\"";
    assert!(
        sent.contains(&("query".to_owned(), query.to_owned())),
        "{sent:?}"
    );
}

#[rstest::rstest]
#[case::no_items(json!({"kind": "x", "etag": "\"y\""}))]
#[case::another(json!({"items": [{"resourceEmail": "c_2@resource.calendar.google.com"}]}))]
#[tokio::test]
async fn a_resource_of_nobody_is_none(#[case] body: Value) {
    assert_eq!(find(&serve(200, body).await).await.unwrap(), None);
}

#[rstest::rstest]
#[case::more_to_come(json!({"items": [], "nextPageToken": "p2"}))]
#[case::garbage(json!({"items": [7]}))]
#[tokio::test]
async fn none_is_said_only_of_a_whole_answer(#[case] body: Value) {
    let found = find(&serve(200, body).await).await;
    assert!(
        matches!(found, Err(GoogleError::Unreadable(_))),
        "{found:?}"
    );
}

#[tokio::test]
async fn who_is_no_administrator_is_forbidden() {
    let body = json!({"error": {"code": 403, "message": "Not Authorized",
        "errors": [{"domain": "global", "reason": "forbidden"}]}});
    let found = find(&serve(403, body).await).await;
    assert!(matches!(found, Err(GoogleError::Forbidden { reason }) if reason == "forbidden"));
}

#[tokio::test]
async fn the_list_is_paged() {
    let server = serve(
        200,
        json!({"items": [{"resourceEmail": "r@example.com", "capacity": "x"}, {}],
               "nextPageToken": "p3"}),
    )
    .await;
    let page = google(&server)
        .list_resources(&access(), Some("p2"), None)
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.odd.len()), (1, 1));
    assert_eq!(page.items[0].capacity, None);
    assert_eq!(page.next_page_token.as_deref(), Some("p3"));
    let url = only_request(&server).await.url;
    assert_eq!(
        url.query(),
        Some("maxResults=500&pageToken=p2&quotaUser=q0123456789abcdef")
    );
}
