use aws_lc_rs::{encoding::AsDer as _, rsa::KeySize};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;

pub(crate) fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der)
    )
}

fn file() -> Value {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    json!({
        "type": "service_account",
        "project_id": "somebody-elses-project",
        "private_key_id": "k1",
        "private_key": pem(key.as_der().unwrap().as_ref()),
        "client_email": "sync@a-project.iam.gserviceaccount.com",
        "client_id": "1234",
        "token_uri": "https://evil.example.com/token",
    })
}

#[test]
fn a_key_file_is_read_and_hides_its_secrets() {
    let file = file();
    let key = ServiceAccountKey::parse(&file.to_string()).unwrap();
    assert_eq!(key.client_email(), "sync@a-project.iam.gserviceaccount.com");
    assert_eq!(key.client_id(), Some("1234"));
    let shown = format!("{key:?}");
    assert!(
        !shown.contains("PRIVATE") && !shown.contains("iam.gserviceaccount"),
        "{shown}"
    );
}

#[test]
fn what_is_wrong_with_a_key_file_is_said() {
    let file = file();
    let with = |key: &str, value: Value| {
        let mut file = file.clone();
        file[key] = value;
        ServiceAccountKey::parse(&file.to_string()).map(drop)
    };
    let spoilt_key = pem(b"not a key at all");
    for (result, expected) in [
        (
            ServiceAccountKey::parse("-----BEGIN").map(drop),
            KeyError::NotJson,
        ),
        (
            ServiceAccountKey::parse("[]").map(drop),
            KeyError::TypeMissing,
        ),
        (
            ServiceAccountKey::parse(&" ".repeat(LARGEST + 1)).map(drop),
            KeyError::TooLarge,
        ),
        (with("type", Value::Null), KeyError::TypeMissing),
        (
            with("type", json!("authorized_user")),
            KeyError::NotServiceAccount,
        ),
        (
            with("client_email", json!(7)),
            KeyError::Missing("client_email"),
        ),
        (with("client_email", json!("nobody")), KeyError::ClientEmail),
        (
            with("private_key", json!("  ")),
            KeyError::Missing("private_key"),
        ),
        (with("private_key", json!("MIIE")), KeyError::PrivateKey),
        (with("private_key", json!(spoilt_key)), KeyError::PrivateKey),
    ] {
        assert_eq!(result, Err(expected));
    }
}

#[rstest::rstest]
#[case("sync@a-project.iam.gserviceaccount.com", "a-project")]
#[case("Sync@A-Project.iam.gserviceaccount.com", "a-project")]
#[case(
    "sync@a-project.example.com.iam.gserviceaccount.com",
    "a-project.example.com"
)]
#[case(
    "a-project@appspot.gserviceaccount.com",
    "a-project@appspot.gserviceaccount.com"
)]
fn the_project_is_the_accounts_own_whatever_the_file_claims(
    #[case] client_email: &str,
    #[case] project: &str,
) {
    let mut file = file();
    file["client_email"] = json!(client_email);
    let key = ServiceAccountKey::parse(&file.to_string()).unwrap();
    assert_eq!(key.project(), project);
}
