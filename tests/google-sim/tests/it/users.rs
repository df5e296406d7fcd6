//! The Directory's users.

use google_sim::{NewUser, scopes};
use reqwest::Method;

use crate::support::{Acme, Reply};

async fn get(acme: &Acme, caller: &str, user: &str) -> Reply {
    let token = acme.control.user_token(caller, &[scopes::USERS_READONLY]);
    let path = format!("../../admin/directory/v1/users/{user}");
    acme.call_with(&token, Method::GET, &path, None, &[]).await
}

#[tokio::test]
async fn an_administrator_sees_rights_state_customer_and_aliases_of_users() {
    let acme = Acme::start().await;
    acme.org
        .add(NewUser {
            aliases: vec!["dora@acme.test".to_owned()],
            delegated_admin: true,
            ..NewUser::new("dorothea@acme.test")
        })
        .unwrap();
    let own = get(&acme, "admin@acme.test", "me").await;
    assert_eq!(own.status, 200, "{}", own.body);
    assert_eq!(own.body["primaryEmail"], "admin@acme.test");
    assert_eq!(
        (&own.body["isAdmin"], &own.body["isDelegatedAdmin"]),
        (&true.into(), &false.into())
    );
    assert!(own.body.get("aliases").is_none());
    let dora = get(&acme, "admin@acme.test", "dora@acme.test").await;
    assert_eq!(dora.body["primaryEmail"], "dorothea@acme.test");
    assert_eq!(dora.body["aliases"][0], "dora@acme.test");
    assert_eq!(dora.body["isDelegatedAdmin"], true);
    assert_eq!(dora.body["suspended"], false);
    assert_eq!(dora.body["customerId"], own.body["customerId"]);
    let by_id = get(&acme, "dorothea@acme.test", &dora.text("id")).await;
    assert_eq!(by_id.body["primaryEmail"], "dorothea@acme.test");
    acme.alice.suspend(true).unwrap();
    let alice = get(&acme, "admin@acme.test", "alice@acme.test").await;
    assert_eq!(alice.body["suspended"], true);
}

#[tokio::test]
async fn who_is_no_administrator_sees_only_the_public_view() {
    let acme = Acme::start().await;
    let reply = get(&acme, "alice@acme.test", "alice@acme.test").await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (403, "forbidden"));
    let public = "bob@acme.test?viewType=domain_public";
    let reply = get(&acme, "alice@acme.test", public).await;
    assert_eq!(reply.body["primaryEmail"], "bob@acme.test");
    assert!(reply.body.get("isAdmin").is_none());
    acme.alice.set_admin(true).unwrap();
    let reply = get(&acme, "alice@acme.test", "alice@acme.test").await;
    assert_eq!(reply.body["isAdmin"], true);
}

#[tokio::test]
async fn a_user_elsewhere_is_not_found_and_the_scope_is_needed() {
    let acme = Acme::start().await;
    let other = acme.control.add_org("other.test");
    other.add_user("boss@other.test", true).unwrap();
    let reply = get(&acme, "admin@acme.test", "boss@other.test").await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (404, "notFound"));
    let token = acme.token("admin@acme.test");
    let path = "../../admin/directory/v1/users/me";
    let reply = acme.call_with(&token, Method::GET, path, None, &[]).await;
    assert_eq!(reply.reason(), "insufficientPermissions");
}
