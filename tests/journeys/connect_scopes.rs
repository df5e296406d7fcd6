//! Which permissions are asked for, word for word (D3): an administrator agrees to exactly these.

use google_sim::{Operation, scopes};
use roomsync_proto::integration::v1::GetConnectOptionsRequest;
use roomsync_testkit::consent::consent;

use crate::connect::unconnected;

/// Covers D3, R49.
#[tokio::test]
async fn nothing_is_asked_for_that_was_not_promised() {
    let (cluster, organisation) = unconnected("exact scopes").await;
    let app = cluster.app();
    let request = GetConnectOptionsRequest {
        tenant_id: "acme".to_owned(),
    };
    let options = app.connections().get_connect_options(request).await;
    let options = options.expect("GetConnectOptions").into_inner();
    let required = [
        scopes::OPENID,
        scopes::EMAIL,
        scopes::EVENTS,
        scopes::APP_CREATED,
        scopes::RESOURCES_READONLY,
    ];
    assert_eq!(options.required_scopes, required);
    let optional: Vec<(&str, bool)> = options
        .optional_scopes
        .iter()
        .map(|it| (it.scope.as_str(), it.adds.is_empty()))
        .collect();
    let expected = [scopes::USERS_READONLY, scopes::CALENDARS_READONLY];
    assert_eq!(optional, expected.map(|scope| (scope, false)));
    // What is to be copied into the Admin console: for the operator's service account, and for one of their own.
    let operator = &cluster.operator().account;
    assert_eq!(options.delegation_client_id, operator.client_id);
    assert_eq!(options.delegation_scopes, [scopes::EVENTS_OWNED]);
    let of_key = [
        scopes::EVENTS,
        scopes::RESOURCES_READONLY,
        scopes::EVENTS_OWNED,
        scopes::APP_CREATED,
        scopes::CALENDARS_READONLY,
    ];
    assert_eq!(options.key_scopes, of_key);

    let begun = app
        .begin_connect("acme", organisation.admin.mail())
        .await
        .expect("BeginConnect");
    let brought = consent(&begun.consent_url).await;
    app.complete_connect("acme", &brought)
        .await
        .expect("CompleteConnect");
    let asked = cluster.google().calls(Operation::Authorize);
    let asked = asked.first().expect("the page was opened");
    let asked: Vec<&str> = asked.query["scope"].split(' ').collect();
    let all: Vec<&str> = required.into_iter().chain(expected).collect();
    assert_eq!(asked, all);
    cluster.finish().await;
}
