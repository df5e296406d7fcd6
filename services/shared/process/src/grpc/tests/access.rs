//! Who passes a listener.

use rstest::rstest;
use tonic::Code;

use super::*;

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const RPC: &str = "/test.Echo/Call";
const NOWHERE: &str = "/test.Echo/Nothing";

/// Without a token, with an unknown one, with an admitted role, with another role.
#[rstest]
#[case::rpc(RPC, Some("TOKEN_UNKNOWN"), None, Some("ROLE_NOT_ALLOWED"))]
#[case::reflection(REFLECTION, Some("TOKEN_UNKNOWN"), None, Some("ROLE_NOT_ALLOWED"))]
#[case::no_such_rpc(NOWHERE, Some("TOKEN_UNKNOWN"), None, Some("ROLE_NOT_ALLOWED"))]
#[case::health(HEALTH, None, None, None)]
#[tokio::test]
async fn each_token_gets_what_its_role_may_have(
    #[case] path: &str,
    #[case] stranger: Option<&str>,
    #[case] service: Option<&str>,
    #[case] app: Option<&str>,
) {
    let served = Served::start(None).await;
    for (token, refused) in [("stranger", stranger), ("service", service), ("app", app)] {
        let status = call(served.channel(token), path, &[]).await;
        assert_eq!(reason(&status).as_deref(), refused, "{token}: {status:?}");
        let code = match refused {
            Some("TOKEN_UNKNOWN") => Some(Code::Unauthenticated),
            Some(_) => Some(Code::PermissionDenied),
            None => None,
        };
        assert!(
            code.is_none_or(|code| code == status.code()),
            "{token}: {status:?}"
        );
    }
    served.stop().await;
}

#[rstest]
#[case::none(None, Some("TOKEN_MISSING"))]
#[case::bearer(Some("Bearer service"), None)]
#[case::bearer_in_small_letters(Some("bearer service"), None)]
#[case::another_scheme(Some("Basic service"), Some("TOKEN_UNKNOWN"))]
#[case::empty(Some("Bearer "), Some("TOKEN_UNKNOWN"))]
#[case::short(Some("B"), Some("TOKEN_UNKNOWN"))]
#[case::two(Some("Bearer service service"), Some("TOKEN_UNKNOWN"))]
fn only_a_whole_bearer_token_counts(#[case] header: Option<&str>, #[case] refused: Option<&str>) {
    let header = header.map(|text| http::HeaderValue::from_str(text).unwrap());
    let admitted = Access::internal(callers()).admit(RPC, header.as_ref());
    let reason = admitted.err().and_then(|status| reason(&status));
    assert_eq!(reason.as_deref(), refused);
}

#[tokio::test]
async fn the_handler_learns_who_calls() {
    let served = Served::start(None).await;
    let status = call(served.channel("service"), RPC, &[]).await;
    assert_eq!(status.code(), Code::Ok, "{status:?}");
    let (caller, _) = served.seen.lock().unwrap().take().unwrap();
    assert_eq!(
        (caller.name.as_str(), caller.role),
        ("service", Role::Service)
    );
    assert!(caller.may_see("acme") && !caller.may_see("other"));
    served.stop().await;
}

#[test]
fn a_request_that_came_through_no_listener_may_see_nothing() {
    let request = tonic::Request::new(());
    assert!(!Caller::of(&request).may_see("acme"));
}
