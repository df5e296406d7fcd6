use serde_json::json;

use super::*;

fn now() -> DateTime<Utc> {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn good() -> Value {
    json!({
        "iss": "https://accounts.google.com", "aud": "client", "sub": "1077", "nonce": "n1",
        "email": "Admin@Example.com", "email_verified": true, "hd": "Example.com",
        "iat": now().timestamp(), "exp": now().timestamp() + 3600,
    })
}

fn judged(changes: &Value) -> Result<SignedIn, IdTokenError> {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let claims = serde_json::from_value(claims).unwrap();
    judge(claims, "client", "n1", now())
}

#[test]
fn a_good_token_names_account_address_and_organisation() {
    let told = judged(&json!({})).unwrap();
    let expected = SignedIn {
        account_id: "1077".to_owned(),
        mail: "admin@example.com".parse().unwrap(),
        domain: "example.com".to_owned(),
    };
    assert_eq!(told, expected);
    assert!(!format!("{told:?}").contains("admin"));
}

#[rstest::rstest]
#[case::other_spelling(json!({"iss": "accounts.google.com"}))]
#[case::text(json!({"email_verified": "true"}))]
#[case::our_clock_is_late(json!({"iat": now().timestamp() + 299}))]
#[case::just_expired(json!({"exp": now().timestamp() - 299}))]
fn what_google_may_write_is_taken(#[case] changes: Value) {
    judged(&changes).unwrap();
}

#[rstest::rstest]
#[case(json!({"iss": "https://accounts.google.com.evil.example"}), IdTokenWhy::Issuer)]
#[case(json!({"iss": null}), IdTokenWhy::Issuer)]
#[case(json!({"aud": "another client"}), IdTokenWhy::Audience)]
#[case(json!({"nonce": "n2"}), IdTokenWhy::Nonce)]
#[case(json!({"nonce": null}), IdTokenWhy::Nonce)]
#[case(json!({"exp": now().timestamp() - 300}), IdTokenWhy::Time)]
#[case(json!({"exp": null}), IdTokenWhy::Time)]
#[case(json!({"iat": now().timestamp() + 300}), IdTokenWhy::Time)]
#[case(json!({"iat": null}), IdTokenWhy::Time)]
#[case(json!({"email_verified": false}), IdTokenWhy::Mail)]
#[case(json!({"email_verified": null}), IdTokenWhy::Mail)]
#[case(json!({"email": "nobody"}), IdTokenWhy::Mail)]
#[case(json!({"sub": null}), IdTokenWhy::Unreadable)]
fn what_is_wrong_is_named(#[case] changes: Value, #[case] why: IdTokenWhy) {
    let error = judged(&changes).unwrap_err();
    assert!(
        matches!(error, IdTokenError::Invalid(it) if it == why),
        "{error}"
    );
}

#[rstest::rstest]
#[case(json!({"hd": null}))]
#[case(json!({"hd": ""}))]
fn an_account_of_no_organisation_is_said_to_be_one(#[case] changes: Value) {
    let error = judged(&changes).unwrap_err();
    assert!(matches!(error, IdTokenError::NoOrganisation), "{error}");
}
