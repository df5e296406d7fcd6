//! What sync-worker reports about links, and what the main app then reads.

use roomsync_proto::{integration::v1 as api, internal::v1 as internal};
use sqlx::PgPool;

use crate::world::World;

async fn report(world: &World, link: &str, role: &str, answers_by_itself: Option<bool>) {
    let mut request = internal::ReportLinkRequest {
        tenant_id: "t1".to_owned(),
        link_id: link.to_owned(),
        access_role: role.to_owned(),
        answers_by_itself,
        ..Default::default()
    };
    request.set_verdict(internal::LinkVerdict::Verified);
    world.mirror().await.report_link(request).await.unwrap();
}

fn missing(link: &api::Link) -> Vec<(api::LinkCapability, &str)> {
    link.missing_capabilities
        .iter()
        .map(|it| (it.capability(), it.reason.as_str()))
        .collect()
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_link_says_what_it_cannot_do_and_why(pool: PgPool) {
    use api::LinkCapability::{BookAsDevice, BookAsUser, Decline, Read};
    let all = [Read, Decline, BookAsUser, BookAsDevice];
    let world = World::connected(pool).await;
    let link = world.link("o1", "room@example.com").await.unwrap();
    assert_eq!(missing(&link), all.map(|it| (it, "NOT_VERIFIED")));
    let id = link.link_id;
    report(&world, &id, "reader", None).await;
    let reader = [(Decline, "READER_ROLE"), (BookAsDevice, "READER_ROLE")];
    assert_eq!(missing(&world.get_link(&id).await), reader);
    for role in ["writer", "owner", "writerWithoutPrivateAccess"] {
        report(&world, &id, role, None).await;
        let link = world.get_link(&id).await;
        assert_eq!(link.capabilities().collect::<Vec<_>>(), all);
        assert!(missing(&link).is_empty());
    }
    report(&world, &id, "writer", Some(false)).await;
    let awaits = [(BookAsDevice, "AWAITS_APPROVAL")];
    assert_eq!(missing(&world.get_link(&id).await), awaits);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_room_that_waits_for_a_human_marks_what_is_pending(pool: PgPool) {
    let world = World::connected(pool).await;
    let id = world.imported("o1", "room@example.com").await.link_id;
    world.booking(&id, "e1", "a@example.com", 1).await;
    world.booking(&id, "e2", "a@example.com", 3).await;
    world
        .execute("UPDATE booking.bookings SET state = 'pending' WHERE event_id = 'e2'")
        .await;
    let flagged = "SELECT coalesce(string_agg(event_id, ' '), '') FROM booking.bookings
        WHERE 'awaiting_approval' = ANY(flags)";
    report(&world, &id, "writer", None).await;
    let link = world.get_link(&id).await;
    assert_eq!(link.answers_by_itself, None);
    assert_eq!(world.text(flagged).await, "");
    report(&world, &id, "writer", Some(false)).await;
    assert_eq!(world.text(flagged).await, "e2");
    // Not told again: what is known stays.
    report(&world, &id, "writer", None).await;
    let link = world.get_link(&id).await;
    assert_eq!(link.answers_by_itself, Some(false));
    assert_eq!(world.text(flagged).await, "e2");
    report(&world, &id, "writer", Some(true)).await;
    assert_eq!(world.text(flagged).await, "");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn the_age_of_the_cursor_is_part_of_the_coverage(pool: PgPool) {
    let world = World::connected(pool).await;
    let id = world.imported("o1", "room@example.com").await.link_id;
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    for since in [1_900_000_000, 1_800_000_000] {
        let request = internal::ReportCoverageRequest {
            tenant_id: "t1".to_owned(),
            link_id: id.clone(),
            channel_state: "open".to_owned(),
            cursor_since: at(since),
            ..Default::default()
        };
        world.mirror().await.report_coverage(request).await.unwrap();
    }
    let coverage = world.get_link(&id).await.coverage.unwrap();
    assert_eq!(coverage.cursor_since, at(1_900_000_000));
    assert!(coverage.last_reconcile_at.is_some());
}
