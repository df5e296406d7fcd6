use roomsync_google::{GoogleError, reason};
use serde_json::{Value, json};
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

#[rstest::rstest]
#[case::by_itself(json!({"autoAcceptInvitations": true}), Some(true))]
#[case::by_a_human(json!({"autoAcceptInvitations": false, "id": ROOM}), Some(false))]
#[case::not_said(json!({"timeZone": "Europe/Berlin"}), None)]
#[case::nothing(json!({"autoAcceptInvitations": null}), None)]
#[tokio::test]
async fn a_calendar_says_who_answers(#[case] body: Value, #[case] expected: Option<bool>) {
    let server = serve(ResponseTemplate::new(200).set_body_json(body)).await;
    let calendar = google(&server).get_calendar(&access(), ROOM).await.unwrap();
    assert_eq!(calendar.auto_accept_invitations, expected);
    let path = only_request(&server).await.url.path().to_owned();
    assert_eq!(path, ROOM_PATH.trim_end_matches("/events"));
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_as_such() {
    let refusal =
        json!({"error": {"errors": [{"reason": "insufficientPermissions"}], "code": 403}});
    let server = serve(ResponseTemplate::new(403).set_body_json(refusal)).await;
    let error = google(&server)
        .get_calendar(&access(), ROOM)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, GoogleError::Forbidden { reason } if reason == reason::MISSING_SCOPE),
        "{error:?}"
    );
}
