use serde_json::json;

use super::*;
use crate::Advice;

fn classic(reason: &str) -> String {
    json!({"error": {"errors": [{"domain": "global", "reason": reason, "message": "m"}],
        "code": 400, "message": "m"}})
    .to_string()
}

fn newer(reason: &str) -> String {
    json!({"error": {"code": 403, "message": "m", "status": "PERMISSION_DENIED", "details": [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
         "domain": "googleapis.com"}]}})
    .to_string()
}

fn class_of(call: Call, status: u16, body: &str) -> GoogleError {
    classify(
        call,
        StatusCode::from_u16(status).unwrap(),
        None,
        body.as_bytes(),
    )
}

#[rstest::rstest]
#[case(400, "timeRangeEmpty", "refused", Advice::Park)]
#[case(400, "invalid", "refused", Advice::Park)]
#[case(400, "channelIdNotUnique", "channel_id_taken", Advice::NewId)]
#[case(
    400,
    "pushNotSupportedForRequestedResource",
    "push_refused",
    Advice::PollInstead
)]
#[case(
    400,
    "push.webhookUrlUnauthorized",
    "push_address_refused",
    Advice::FixPushAddress
)]
#[case(
    401,
    "push.webhookUrlUnauthorized",
    "push_address_refused",
    Advice::FixPushAddress
)]
#[case(401, "authError", "unauthorized", Advice::RefreshToken)]
#[case(403, "userRateLimitExceeded", "throttled", Advice::Retry { after: None })]
#[case(403, "rateLimitExceeded", "throttled", Advice::Retry { after: None })]
#[case(403, "quotaExceeded", "quota_exceeded", Advice::WaitLong)]
#[case(403, "dailyLimitExceeded", "quota_exceeded", Advice::WaitLong)]
#[case(403, "forbiddenForNonOrganizer", "forbidden", Advice::FixRights)]
#[case(403, "requiredAccessLevel", "forbidden", Advice::FixRights)]
#[case(403, "insufficientPermissions", "forbidden", Advice::FixRights)]
#[case(403, "forbidden", "forbidden", Advice::FixRights)]
#[case(403, "forbiddenForServiceAccounts", "forbidden", Advice::FixRights)]
#[case(403, "notACalendarUser", "not_calendar_user", Advice::FixRights)]
#[case(403, "accessNotConfigured", "forbidden", Advice::FixRights)]
#[case(403, "somethingNew", "forbidden", Advice::FixRights)]
#[case(404, "notFound", "not_found", Advice::CheckAccess)]
#[case(409, "duplicate", "conflict", Advice::ReadAgain)]
#[case(409, "conflict", "conflict", Advice::ReadAgain)]
#[case(410, "fullSyncRequired", "cursor_expired", Advice::FullSync)]
#[case(410, "updatedMinTooLongAgo", "cursor_expired", Advice::FullSync)]
#[case(410, "deleted", "gone", Advice::Done)]
#[case(412, "conditionNotMet", "precondition_failed", Advice::ReadAgain)]
#[case(429, "rateLimitExceeded", "throttled", Advice::Retry { after: None })]
#[case(429, "somethingNew", "throttled", Advice::Retry { after: None })]
#[case(500, "backendError", "unavailable", Advice::Retry { after: None })]
#[case(503, "backendError", "unavailable", Advice::Retry { after: None })]
#[case(418, "teapot", "refused", Advice::Park)]
fn a_refusal_says_what_to_do(
    #[case] status: u16,
    #[case] reason: &str,
    #[case] kind: &str,
    #[case] advice: Advice,
) {
    let error = class_of(Call::EventsList, status, &classic(reason));
    assert_eq!((error.kind(), error.advice()), (kind, advice));
}

#[rstest::rstest]
#[case("RATE_LIMIT_EXCEEDED", "throttled", None)]
#[case(
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "forbidden",
    Some(reason::MISSING_SCOPE)
)]
#[case("SERVICE_DISABLED", "forbidden", Some(reason::API_DISABLED))]
#[case("SOMETHING_NEW", "forbidden", Some("SOMETHING_NEW"))]
fn the_newer_envelope_is_read(
    #[case] detail: &str,
    #[case] kind: &str,
    #[case] expected: Option<&str>,
) {
    let error = class_of(Call::EventsList, 403, &newer(detail));
    assert_eq!(error.kind(), kind);
    if let Some(expected) = expected {
        assert!(matches!(&error, GoogleError::Forbidden { reason } if reason == expected));
    }
}

#[test]
fn a_known_detail_says_more_than_an_unknown_classic_reason() {
    let mut body: Value = serde_json::from_str(&classic("forbidden")).unwrap();
    body["error"]["details"] = json!([{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]);
    let error = class_of(Call::EventsList, 403, &body.to_string());
    assert!(matches!(error, GoogleError::Forbidden { reason } if reason == reason::MISSING_SCOPE));
}

#[rstest::rstest]
#[case(502, "<html><title>502</title></html>", "unavailable")]
#[case(403, "<html>", "forbidden")]
#[case(404, "", "not_found")]
#[case(400, r#"{"error":"invalid_request"}"#, "refused")]
#[case(400, r#"{"error":{"errors":"none","details":7}}"#, "refused")]
#[case(302, "", "refused")]
fn garbage_falls_back_to_the_status(#[case] status: u16, #[case] body: &str, #[case] kind: &str) {
    assert_eq!(class_of(Call::EventsList, status, body).kind(), kind);
}

#[rstest::rstest]
#[case(Call::EventsList, "cursor_expired")]
#[case(Call::EventsGet, "gone")]
#[case(Call::ChannelsStop, "gone")]
fn a_410_without_a_reason_depends_on_the_call(#[case] call: Call, #[case] kind: &str) {
    assert_eq!(class_of(call, 410, "").kind(), kind);
}

#[test]
fn only_a_word_gets_into_an_error() {
    let error = class_of(
        Call::EventsList,
        400,
        &classic("no room a@example.com here"),
    );
    assert_eq!(
        error.to_string(),
        "google refused the request with 400 Bad Request: unknown"
    );
}
