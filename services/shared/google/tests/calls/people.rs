use roomsync_google::{DirectoryUser, GoogleError};
use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use crate::{access, authorised, google};

#[tokio::test]
async fn a_person_is_read_with_rights_and_organisation() {
    let server = MockServer::start().await;
    let body = json!({"kind": "admin#directory#user", "primaryEmail": "admin@example.com",
        "customerId": "C01", "isAdmin": true, "isDelegatedAdmin": null, "suspended": false});
    Mock::given(method("GET"))
        .and(path("/admin/directory/v1/users/admin%40example%2Ecom"))
        .and(authorised())
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(&server)
        .await;
    let user = google(&server)
        .get_user(&access(), "admin@example.com")
        .await;
    let expected = DirectoryUser {
        customer_id: Some("C01".to_owned()),
        primary_email: Some("admin@example.com".to_owned()),
        is_admin: true,
        ..DirectoryUser::default()
    };
    assert_eq!(user.unwrap(), expected);
    let climbing = google(&server).get_user(&access(), "..").await;
    assert!(
        matches!(climbing, Err(GoogleError::NotFound)),
        "{climbing:?}"
    );
}
