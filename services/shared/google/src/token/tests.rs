use super::*;

fn refusal(status: u16, body: &str) -> GoogleError {
    denied(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
}

#[rstest::rstest]
#[case(401, "unauthorized_client", "", AccessLostWhy::NotDelegated)]
#[case(
    403,
    "access_denied",
    "Requested client not authorized.",
    AccessLostWhy::NotDelegated
)]
#[case(
    400,
    "invalid_grant",
    "Invalid email or User ID",
    AccessLostWhy::SubjectUnknown
)]
#[case(
    400,
    "invalid_grant",
    "Invalid JWT Signature.",
    AccessLostWhy::KeyRefused
)]
#[case(
    400,
    "invalid_grant",
    "Invalid grant: account not found",
    AccessLostWhy::KeyRefused
)]
#[case(
    400,
    "invalid_grant",
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
    AccessLostWhy::ClockSkew
)]
#[case(
    400,
    "invalid_grant",
    "Token has been expired or revoked.",
    AccessLostWhy::Withdrawn
)]
#[case(400, "invalid_grant", "", AccessLostWhy::Withdrawn)]
#[case(401, "invalid_client", "", AccessLostWhy::ClientRefused)]
#[case(400, "admin_policy_enforced", "", AccessLostWhy::Policy)]
fn a_withdrawn_access_says_why(
    #[case] status: u16,
    #[case] error: &str,
    #[case] description: &str,
    #[case] expected: AccessLostWhy,
) {
    let body = serde_json::json!({"error": error, "error_description": description}).to_string();
    let refusal = refusal(status, &body);
    assert!(
        matches!(refusal, GoogleError::AccessLost { why } if why == expected),
        "{refusal:?}"
    );
}

#[test]
fn a_withdrawal_without_a_description_is_one() {
    let refusal = refusal(400, r#"{"error":"invalid_grant","error_description":null}"#);
    assert_eq!(refusal.kind(), "access_lost");
}

#[rstest::rstest]
#[case(503, r#"{"error":"invalid_grant"}"#, "unavailable")]
#[case(500, "<html>", "unavailable")]
#[case(429, r#"{"error":"invalid_grant"}"#, "throttled")]
#[case(400, r#"{"error":"internal_failure"}"#, "unavailable")]
#[case(400, r#"{"error":"invalid_scope"}"#, "refused")]
#[case(400, "<html>", "refused")]
#[case(400, r#"{"error":{"code":400}}"#, "refused")]
fn a_fault_is_not_a_withdrawal(#[case] status: u16, #[case] body: &str, #[case] kind: &str) {
    assert_eq!(refusal(status, body).kind(), kind);
}
