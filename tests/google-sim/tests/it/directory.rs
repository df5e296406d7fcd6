//! The Directory's calendar resources.

use google_sim::scopes;

use crate::support::Acme;

#[tokio::test]
async fn a_room_is_found_by_its_address_whatever_the_case() {
    let acme = Acme::start().await;
    acme.another_room("Birdcage");
    let admin = acme.token("admin@acme.test");
    let mail = acme.room.mail().to_uppercase().replace('@', "%40");
    let reply = acme
        .directory(&admin, &format!("?query=resourceEmail%3D%22{mail}%22"))
        .await;
    assert_eq!(reply.items().len(), 1);
    let room = &reply.items()[0];
    assert_eq!(room["resourceEmail"], acme.room.mail());
    assert_eq!(room["resourceName"], "Aquarium");
    assert_eq!(room["generatedResourceName"], "HQ-2-Aquarium (8)");
    assert!(room["etags"].is_string());
    let none = acme
        .directory(&admin, "?query=resourceEmail%3D%22nobody%40x%22")
        .await;
    assert_eq!(none.status, 200);
    assert!(
        none.body.get("items").is_none(),
        "items are missing, not empty"
    );
}

#[tokio::test]
async fn resources_are_paged_and_filtered() {
    let acme = Acme::start().await;
    acme.another_room("Birdcage");
    acme.another_room("Cave");
    let admin = acme.token("admin@acme.test");
    let first = acme.directory(&admin, "?maxResults=2").await;
    assert_eq!(first.items().len(), 2);
    let next = format!("?maxResults=2&pageToken={}", first.text("nextPageToken"));
    let rest = acme.directory(&admin, &next).await;
    assert_eq!(rest.items().len(), 1);
    assert!(rest.body.get("nextPageToken").is_none());
    let found = async |query: &str| acme.directory(&admin, &format!("?query={query}")).await;
    assert_eq!(found("name:B*").await.items().len(), 1);
    assert_eq!(
        found("buildingId%3DHQ%20AND%20name!%3DCave")
            .await
            .items()
            .len(),
        2
    );
    assert_eq!(found("NOT%20name%3DCave").await.items().len(), 2);
    assert_eq!(found("colour%3Dred").await.status, 400);
}

#[tokio::test]
async fn one_resource_is_got_by_its_id_and_not_by_its_address() {
    let acme = Acme::start().await;
    let admin = acme.token("admin@acme.test");
    let list = acme.directory(&admin, "").await;
    let id = list.items()[0]["resourceId"].as_str().unwrap();
    let got = acme.directory(&admin, &format!("/{id}")).await;
    assert_eq!(got.body["resourceEmail"], acme.room.mail());
    assert_eq!(
        acme.directory(&admin, &format!("/{}", acme.room.mail()))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn only_administrators_see_the_directory_and_only_their_own() {
    let acme = Acme::start().await;
    let reply = acme.directory(&acme.token("alice@acme.test"), "").await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (403, "forbidden"));
    let other = acme.control.add_org("other.test");
    other.add_user("boss@other.test", true).unwrap();
    let reply = acme.directory(&acme.token("boss@other.test"), "").await;
    assert_eq!(reply.status, 200);
    assert!(reply.items().is_empty());
    let scope = acme
        .control
        .user_token("admin@acme.test", &[scopes::EVENTS]);
    let reply = acme.directory(&scope, "").await;
    assert_eq!(
        (reply.status.as_u16(), reply.reason()),
        (403, "insufficientPermissions")
    );
}

#[tokio::test]
async fn a_room_can_leave_the_directory_while_its_calendar_stays() {
    let acme = Acme::start().await;
    acme.room.list_in_directory(false).unwrap();
    assert!(
        acme.directory(&acme.token("admin@acme.test"), "")
            .await
            .items()
            .is_empty()
    );
    assert_eq!(acme.list("").await.status, 200);
}
