//! `LinkService`: R68 to R76, and every way a link can be refused.

use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::Code;

use crate::world::{World, fact, refused};

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn linking_makes_a_pending_link_and_deletes_nothing(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "Room@Example.com").await.unwrap();
    assert_eq!(link.state(), api::LinkState::Pending);
    assert_eq!(link.resource_email, "Room@Example.com");
    assert_eq!(world.waiting("link.due").await, 1);
    assert_eq!(world.waiting("object.changed").await, 1);
    let status = world.status("t1").await;
    assert_eq!((status.linked_objects, status.not_verified), (1, 1));
    assert_eq!(status.not_verified_links[0].link_id, link.link_id);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn the_same_link_again_answers_the_existing_one(pool: PgPool) {
    let world = World::connected(pool).await;
    let first = world.link("o1", "room@example.com").await.unwrap();
    let second = world.link("o1", "ROOM@example.com").await.unwrap();
    assert_eq!(first.link_id, second.link_id);
    assert_eq!(world.waiting("link.due").await, 1);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_failed_link_is_tried_again_when_it_is_saved_again(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap();
    world.booking(&link.link_id, "e1", "a@example.com", 1).await;
    world
        .execute("UPDATE booking.links SET state = 'failed', reason = 'not_in_organisation'")
        .await;
    let failed = &world.status("t1").await.not_verified_links[0];
    assert_eq!(
        (failed.state(), failed.reason.as_str()),
        (api::LinkState::Failed, "NOT_IN_ORGANISATION")
    );
    let again = world.link("o1", "room@example.com").await.unwrap();
    assert_eq!(
        (again.link_id.as_str(), again.state()),
        (link.link_id.as_str(), api::LinkState::Pending)
    );
    assert_eq!(world.waiting("link.due").await, 2);
    assert_eq!(
        world.number("SELECT count(*) FROM booking.bookings").await,
        1
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_malformed_resource_address_is_refused(pool: PgPool) {
    let world = World::connected(pool).await;
    for mail in ["", "room", "room@", "a b@example.com"] {
        let answer = world.link("o1", mail).await;
        let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
        fact(&status, "field", "resource_email");
    }
    assert_eq!(world.number("SELECT count(*) FROM booking.links").await, 0);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_resource_that_another_object_has_is_refused_whatever_its_case(pool: PgPool) {
    let world = World::connected(pool).await;
    world.link("o1", "Room@Example.com").await.unwrap();
    let answer = world.link("o2", "rOOM@example.COM").await;
    let status = refused(answer, Code::AlreadyExists, "RESOURCE_ALREADY_LINKED");
    fact(&status, "object_id", "o1");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_object_that_is_linked_with_another_resource_is_refused(pool: PgPool) {
    let world = World::connected(pool).await;
    world.link("o1", "room@example.com").await.unwrap();
    let answer = world.link("o1", "other@example.com").await;
    refused(answer, Code::AlreadyExists, "OBJECT_ALREADY_LINKED");
    assert_eq!(
        world.text("SELECT resource_email FROM booking.links").await,
        "room@example.com"
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn without_a_connection_nothing_is_linked(pool: PgPool) {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    world.put_objects("t1", &["o1"]).await;
    let answer = world.link("o1", "room@example.com").await;
    fact(
        &refused(answer, Code::FailedPrecondition, "NOT_CONNECTED"),
        "state",
        "DISCONNECTED",
    );
    world.connect("t1").await.unwrap();
    world
        .execute("UPDATE booking.connections SET state = 'lost'")
        .await;
    let answer = world.link("o1", "room@example.com").await;
    fact(
        &refused(answer, Code::FailedPrecondition, "NOT_CONNECTED"),
        "state",
        "LOST",
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn an_unknown_object_is_not_found(pool: PgPool) {
    let world = World::connected(pool).await;
    let answer = world.link("o9", "room@example.com").await;
    refused(answer, Code::NotFound, "OBJECT_NOT_FOUND");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_link_of_another_tenant_is_not_found(pool: PgPool) {
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap();
    world.put_tenant("t2", true).await;
    let get = |tenant: &str, link: &str| api::GetLinkRequest {
        tenant_id: tenant.to_owned(),
        link_id: link.to_owned(),
    };
    let mut all = world.links("all").await;
    assert!(all.get_link(get("t1", &link.link_id)).await.is_ok());
    let foreign = all.get_link(get("t2", &link.link_id)).await;
    refused(foreign, Code::NotFound, "LINK_NOT_FOUND");
    let nonsense = all.get_link(get("t1", "nonsense")).await;
    refused(nonsense, Code::NotFound, "LINK_NOT_FOUND");
    let unseen = world
        .links("app")
        .await
        .get_link(get("t2", &link.link_id))
        .await;
    refused(unseen, Code::NotFound, "TENANT_NOT_FOUND");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn of_two_objects_that_want_one_resource_exactly_one_gets_it(pool: PgPool) {
    let world = World::connected(pool).await;
    let names: Vec<String> = (0..12).map(|number| format!("x{number}")).collect();
    let ids: Vec<&str> = names.iter().map(String::as_str).collect();
    world.put_objects("t1", &ids).await;
    let links = ids
        .iter()
        .map(|object| world.link(object, "room@example.com"));
    let answers = futures_util::future::join_all(links).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for answer in answers.into_iter().filter(Result::is_err) {
        refused(answer, Code::AlreadyExists, "RESOURCE_ALREADY_LINKED");
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn all_links_are_listed_page_by_page(pool: PgPool) {
    let world = World::connected(pool).await;
    let names: Vec<String> = (0..7).map(|number| format!("x{number}")).collect();
    world
        .put_objects("t1", &names.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    for name in &names {
        world
            .link(name, &format!("{name}@example.com"))
            .await
            .unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = api::ListLinksRequest {
            tenant_id: "t1".to_owned(),
            page_size: 3,
            page_token,
        };
        let page = world
            .links("app")
            .await
            .list_links(request)
            .await
            .unwrap()
            .into_inner();
        assert!(page.links.len() <= 3);
        seen.extend(page.links.into_iter().map(|link| link.object_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, names);
    let bad = api::ListLinksRequest {
        tenant_id: "t1".to_owned(),
        page_size: 501,
        ..Default::default()
    };
    let answer = world.links("app").await.list_links(bad).await;
    refused(answer, Code::InvalidArgument, "INVALID_FIELD");
}
