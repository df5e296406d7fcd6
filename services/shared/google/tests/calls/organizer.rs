use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path, query_param},
};

use crate::{ROOM, ROOM_PATH, access, authorised, google};

#[tokio::test]
async fn a_room_that_organizes_joins_the_guest_list_as_declined_and_the_list_stays_whole() {
    let server = MockServer::start().await;
    let guest = json!({
        "email": "ana@acme.example", "displayName": "Ana", "responseStatus": "accepted",
        "comment": "with cake", "additionalGuests": 2, "optional": true,
    });
    let copy = json!({"id": "e1", "etag": "\"7\"", "attendees": [guest]});
    let path_of_event = format!("{ROOM_PATH}/e1");
    Mock::given(method("GET"))
        .and(path(&path_of_event))
        .and(authorised())
        .respond_with(ResponseTemplate::new(200).set_body_json(&copy))
        .mount(&server)
        .await;
    Mock::given(method("PATCH"))
        .and(path(&path_of_event))
        .and(query_param("sendUpdates", "none"))
        .and(header("if-match", "\"7\""))
        .and(authorised())
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "e1"})))
        .mount(&server)
        .await;

    let google = google(&server);
    let guests = google.guest_list(&access(), ROOM, "e1").await.unwrap();
    google
        .decline_as_organizer(&access(), ROOM, "e1", ROOM, &guests)
        .await
        .unwrap();

    let requests = server.received_requests().await.unwrap();
    let sent: Value = requests.last().unwrap().body_json().unwrap();
    let own = json!({"email": ROOM, "responseStatus": "declined"});
    assert_eq!(sent, json!({"attendees": [guest, own]}));
    assert!(!format!("{guests:?}").contains("ana@"));
}
