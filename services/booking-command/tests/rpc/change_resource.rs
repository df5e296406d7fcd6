//! `ChangeResource`: D23. The switch itself is `Apply`'s, and a journey shows it.

use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::{
    unlink::unlink,
    world::{World, fact, refused},
};

pub(crate) async fn change(world: &World, object: &str, mail: &str) -> Result<api::Link, Status> {
    let request = api::ChangeResourceRequest {
        tenant_id: "t1".to_owned(),
        object_id: object.to_owned(),
        resource_email: mail.to_owned(),
    };
    let answer = world.links("all").await.change_resource(request).await?;
    Ok(answer.into_inner().link.unwrap())
}

async fn listed(world: &World, page_size: i32) -> Vec<String> {
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = api::ListLinksRequest {
            tenant_id: "t1".to_owned(),
            page_size,
            page_token,
        };
        let page = world.links("app").await.list_links(request).await;
        let page = page.unwrap().into_inner();
        seen.extend(page.links.into_iter().map(|link| link.link_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return seen;
        }
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn the_new_address_gets_a_link_beside_the_old_one(pool: PgPool) {
    let world = World::connected(pool).await;
    let old = world.imported("o1", "old@example.com").await;
    let other = world.imported("o2", "other@example.com").await;
    let new = change(&world, "o1", "new@example.com").await.unwrap();
    assert_eq!(new.state(), api::LinkState::Pending);
    assert_eq!(new.replaces_link_id, old.link_id);
    assert_eq!(
        world.get_link(&old.link_id).await.state(),
        api::LinkState::Verified
    );
    // Again: the same link, nothing more to do.
    world.execute("DELETE FROM booking.outbox").await;
    let again = change(&world, "o1", "NEW@example.com").await.unwrap();
    assert_eq!(again.link_id, new.link_id);
    assert_eq!(world.waiting("link.due").await, 0);
    // An object counts once, a page may end between its two links.
    let status = world.status("t1").await;
    assert_eq!((status.linked_objects, status.not_verified), (2, 1));
    let expected = [old.link_id, new.link_id, other.link_id];
    for size in 1..=3 {
        assert_eq!(listed(&world, size).await, expected);
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn the_address_in_use_answers_the_link_in_use(pool: PgPool) {
    let world = World::connected(pool).await;
    let old = world.imported("o1", "old@example.com").await;
    let same = change(&world, "o1", "Old@example.com").await.unwrap();
    assert_eq!(same.link_id, old.link_id);
    assert_eq!(listed(&world, 9).await.len(), 1);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_third_address_waits_until_the_change_to_the_second_is_over(pool: PgPool) {
    let world = World::connected(pool).await;
    let old = world.imported("o1", "old@example.com").await;
    let new = change(&world, "o1", "new@example.com").await.unwrap();
    let answer = change(&world, "o1", "third@example.com").await;
    let status = refused(answer, Code::FailedPrecondition, "CHANGE_UNDER_WAY");
    fact(&status, "link_id", &new.link_id);

    // Giving the second one up leaves the first.
    unlink(&world, "t1", &new.link_id).await.unwrap();
    let first = world.get_link(&old.link_id).await;
    assert_eq!(first.state(), api::LinkState::Verified);
    let third = change(&world, "o1", "third@example.com").await.unwrap();
    assert_eq!(third.replaces_link_id, old.link_id);
    // The one that was given up does not come back before its calendar is closed.
    let answer = change(&world, "o1", "new@example.com").await;
    let status = refused(answer, Code::AlreadyExists, "OBJECT_ALREADY_LINKED");
    fact(&status, "state", "CLOSING");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn unlinking_the_link_in_use_gives_up_the_new_one_too(pool: PgPool) {
    let world = World::connected(pool).await;
    let old = world.imported("o1", "old@example.com").await;
    let new = change(&world, "o1", "new@example.com").await.unwrap();
    world.execute("DELETE FROM booking.outbox").await;
    unlink(&world, "t1", &old.link_id).await.unwrap();
    for link in [&old, &new] {
        let link = world.get_link(&link.link_id).await;
        assert_eq!(link.state(), api::LinkState::Closing);
    }
    assert_eq!(world.waiting("link.due").await, 2);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn deleting_the_object_closes_both_of_its_links(pool: PgPool) {
    let world = World::connected(pool).await;
    world.imported("o1", "old@example.com").await;
    change(&world, "o1", "new@example.com").await.unwrap();
    let request = api::DeleteObjectsRequest {
        tenant_id: "t1".to_owned(),
        object_ids: vec!["o1".to_owned()],
    };
    world
        .catalogue()
        .await
        .delete_objects(request)
        .await
        .unwrap();
    let closing = "SELECT count(*) FROM booking.links WHERE state = 'closing'";
    assert_eq!(world.number(closing).await, 2);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_new_address_that_failed_is_tried_again_beside_the_old_one(pool: PgPool) {
    let world = World::connected(pool).await;
    let old = world.imported("o1", "old@example.com").await;
    let new = change(&world, "o1", "new@example.com").await.unwrap();
    world
        .execute(
            "UPDATE booking.links SET state = 'failed', reason = 'not_in_organisation'
            WHERE replaces_link_id IS NOT NULL",
        )
        .await;
    let again = change(&world, "o1", "new@example.com").await.unwrap();
    assert_eq!(
        (again.link_id.as_str(), again.state()),
        (new.link_id.as_str(), api::LinkState::Pending)
    );
    // LinkObject knows both, and no third one.
    for (mail, link) in [("old@example.com", &old), ("new@example.com", &new)] {
        assert_eq!(world.link("o1", mail).await.unwrap().link_id, link.link_id);
    }
    let answer = world.link("o1", "third@example.com").await;
    refused(answer, Code::AlreadyExists, "OBJECT_ALREADY_LINKED");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_change_is_refused_for_the_reasons_of_a_link(pool: PgPool) {
    let world = World::connected(pool).await;
    let answer = change(&world, "o1", "new@example.com").await;
    refused(answer, Code::NotFound, "LINK_NOT_FOUND");
    let answer = change(&world, "o9", "new@example.com").await;
    refused(answer, Code::NotFound, "OBJECT_NOT_FOUND");
    world.imported("o1", "old@example.com").await;
    world.imported("o2", "other@example.com").await;
    let answer = change(&world, "o1", "Other@example.com").await;
    let status = refused(answer, Code::AlreadyExists, "RESOURCE_ALREADY_LINKED");
    fact(&status, "object_id", "o2");
    let answer = change(&world, "o1", "no address").await;
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    fact(&status, "field", "resource_email");
    world
        .execute("UPDATE booking.connections SET state = 'lost'")
        .await;
    let answer = change(&world, "o1", "new@example.com").await;
    refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    world.put_tenant("t1", false).await;
    let answer = change(&world, "o1", "new@example.com").await;
    refused(answer, Code::FailedPrecondition, "MODULE_MISSING");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn of_many_changes_at_once_one_is_made(pool: PgPool) {
    let world = World::connected(pool).await;
    world.imported("o1", "old@example.com").await;
    let mails: Vec<String> = (0..8)
        .map(|n| format!("new{}@example.com", n % 2))
        .collect();
    let calls = mails.iter().map(|mail| change(&world, "o1", mail));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
    for answer in answers.into_iter().filter(Result::is_err) {
        refused(answer, Code::FailedPrecondition, "CHANGE_UNDER_WAY");
    }
    assert_eq!(listed(&world, 9).await.len(), 2);
}
