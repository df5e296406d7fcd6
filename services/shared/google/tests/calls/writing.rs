use chrono::DateTime;
use roomsync_domain::TimeWindow;
use roomsync_google::{GoogleError, NewEvent, SendUpdates};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path, query_param},
};

use crate::{ROOM, ROOM_PATH, access, authorised, google, only_request};

fn event<'a>(attendees: &'a [&'a str], title: Option<&'a str>) -> NewEvent<'a> {
    let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
    NewEvent {
        id: "0192f0",
        window: TimeWindow::new(at(0), at(3600)).unwrap(),
        title,
        attendees,
        guests_can_modify: title.is_some(),
        shared: &[("flexopus", "v1.x")],
    }
}

async fn serve(verb: &str, at: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method(verb))
        .and(path(at))
        .and(authorised())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn an_event_is_made_with_its_time_its_guests_and_our_note_alone() {
    let made = ResponseTemplate::new(200).set_body_json(json!({"id": "0192f0", "etag": "\"1\""}));
    let server = serve("POST", ROOM_PATH, made).await;
    let attendees = ["ada@example.com", ROOM];

    let answer = google(&server)
        .insert_event(&access(), ROOM, &event(&attendees, None), SendUpdates::None)
        .await
        .unwrap();

    assert_eq!(answer.etag.as_deref(), Some("\"1\""));
    let sent = only_request(&server).await;
    assert!(sent.url.query().unwrap().contains("sendUpdates=none"));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let expected = json!({
        "id": "0192f0",
        "start": {"dateTime": "2027-01-15T08:00:00Z", "timeZone": "UTC"},
        "end": {"dateTime": "2027-01-15T09:00:00Z", "timeZone": "UTC"},
        "attendees": [{"email": "ada@example.com"}, {"email": ROOM}],
        "extendedProperties": {"shared": {"flexopus": "v1.x"}},
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn guests_who_may_change_it_a_title_and_mail_are_sent_only_where_wanted() {
    let made = ResponseTemplate::new(200).set_body_json(json!({"id": "0192f0"}));
    let server = serve("POST", ROOM_PATH, made).await;

    google(&server)
        .insert_event(
            &access(),
            ROOM,
            &event(&[], Some("Booked")),
            SendUpdates::All,
        )
        .await
        .unwrap();

    let sent = only_request(&server).await;
    assert!(sent.url.query().unwrap().contains("sendUpdates=all"));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["summary"], "Booked");
    assert_eq!(body["guestsCanModify"], true);
    assert_eq!(body.get("attendees"), None);
}

#[tokio::test]
async fn a_taken_id_is_a_conflict() {
    let taken = json!({"error": {"errors": [{"reason": "duplicate"}], "code": 409}});
    let taken = ResponseTemplate::new(409).set_body_json(taken);
    let server = serve("POST", ROOM_PATH, taken).await;
    let made = google(&server)
        .insert_event(&access(), ROOM, &event(&[], None), SendUpdates::None)
        .await;
    assert!(matches!(made, Err(GoogleError::Conflict)));
}

#[rstest::rstest]
#[case::gone(410, "deleted", Some("gone"))]
#[case::changed(412, "conditionNotMet", Some("precondition_failed"))]
#[case::done(204, "", None)]
#[tokio::test]
async fn an_event_is_deleted_only_while_it_is_as_it_was_read(
    #[case] status: u16,
    #[case] reason: &str,
    #[case] expected: Option<&str>,
) {
    let server = MockServer::start().await;
    let body = json!({"error": {"errors": [{"reason": reason}], "code": status}});
    Mock::given(method("DELETE"))
        .and(path(format!("{ROOM_PATH}/0192f0")))
        .and(header("if-match", "\"1\""))
        .and(query_param("sendUpdates", "none"))
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .mount(&server)
        .await;
    let deleted = google(&server)
        .delete_event(&access(), ROOM, "0192f0", Some("\"1\""), SendUpdates::None)
        .await;
    assert_eq!(deleted.err().map(|error| error.kind()), expected);
}

#[tokio::test]
async fn declining_changes_the_rooms_answer_and_nothing_else() {
    let declined = ResponseTemplate::new(200).set_body_json(json!({"id": "0192f0"}));
    let server = serve("PATCH", &format!("{ROOM_PATH}/0192f0"), declined).await;

    google(&server)
        .decline(&access(), ROOM, "0192f0", ROOM, Some("\"1\""))
        .await
        .unwrap();

    let sent = only_request(&server).await;
    assert_eq!(sent.headers.get("if-match").unwrap(), "\"1\"");
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let expected = json!({
        "attendeesOmitted": true,
        "attendees": [{"email": ROOM, "responseStatus": "declined"}],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_calendar_of_our_own_is_known_by_its_id() {
    let made = ResponseTemplate::new(200)
        .set_body_json(json!({"id": "c_1@group.calendar.google.com", "summary": "Flexopus"}));
    let server = serve("POST", "/calendar/v3/calendars", made).await;
    let id = google(&server)
        .insert_calendar(&access(), "Flexopus")
        .await
        .unwrap();
    assert_eq!(id, "c_1@group.calendar.google.com");
    let body: Value = serde_json::from_slice(&only_request(&server).await.body).unwrap();
    assert_eq!(body, json!({"summary": "Flexopus"}));
}
