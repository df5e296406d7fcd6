//! `ConnectionService`: R47 to R50 and R54 to R59 for a key of the tenant's own.

use roomsync_process::grpc;
use roomsync_proto::integration::v1 as api;
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::{
    google::key_file,
    world::{ADMIN, World, fact, refused},
};

const ROOMS: &str = "rooms@example.com";
const NOT_DELEGATED: &str = r#"{"error":"unauthorized_client"}"#;
const UNKNOWN: &str = r#"{"error":"invalid_grant","error_description":"Invalid email or User ID"}"#;
const STORED: &str = "SELECT count(*) FROM booking.connections";

async fn connect(world: &World, key: &[u8], rooms: &str) -> Result<api::ConnectionStatus, Status> {
    let request = api::ConnectWithKeyRequest {
        tenant_id: "t1".to_owned(),
        key_json: key.to_vec(),
        directory_subject: ADMIN.to_owned(),
        rooms_subject: rooms.to_owned(),
    };
    let answer = world.connections().await.connect_with_key(request).await?;
    Ok(answer.into_inner().status.unwrap())
}

async fn world(pool: PgPool) -> World {
    let world = World::start(pool).await;
    world.put_tenant("t1", true).await;
    world
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_proved_key_is_stored_sealed_and_the_organisation_shown(pool: PgPool) {
    let world = world(pool).await;
    assert_eq!(
        world.status("t1").await.state(),
        api::ConnectionState::Disconnected
    );
    let status = connect(&world, &key_file(), "").await.unwrap();
    assert_eq!(status.state(), api::ConnectionState::Active);
    assert_eq!(status.domain, "example.com");
    let readable = "SELECT count(*) FROM booking.connections
        WHERE position('private_key'::bytea IN sealed_key) > 0";
    assert_eq!(
        (world.number(STORED).await, world.number(readable).await),
        (1, 0)
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_file_that_is_no_key_is_refused_with_what_was_expected(pool: PgPool) {
    let world = world(pool).await;
    let other = br#"{"type": "authorized_user"}"#;
    for (file, expected) in [
        (b"\xff\xfe".as_slice(), "text"),
        (b"hello", "JSON"),
        (b"{}", "type"),
        (other, "service_account"),
    ] {
        let answer = connect(&world, file, "").await;
        let status = refused(answer, Code::InvalidArgument, "KEY_INVALID");
        let told = grpc::metadata(&status, "expected").unwrap();
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(world.number(STORED).await, 0);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_subject_that_is_no_address_is_refused_by_name(pool: PgPool) {
    let world = world(pool).await;
    let answer = connect(&world, &key_file(), "nobody").await;
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    fact(&status, "field", "rooms_subject");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_directory_subject_without_rights_is_named_with_the_reason(pool: PgPool) {
    let world = world(pool).await;
    let forbidden = r#"{"error":{"errors":[{"reason":"forbidden"}],"code":403}}"#;
    for (endpoint, code, body, why) in [
        ("token", 400, UNKNOWN, "unknown_subject"),
        ("directory", 403, forbidden, "not_an_administrator"),
    ] {
        world.google.recovers();
        world.google.answers(endpoint, ADMIN, code, body);
        let answer = connect(&world, &key_file(), ROOMS).await;
        let status = refused(
            answer,
            Code::FailedPrecondition,
            "DIRECTORY_SUBJECT_REFUSED",
        );
        fact(&status, "why", why);
    }
    assert_eq!(world.number(STORED).await, 0);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_rooms_subject_without_rights_is_named_with_the_reason(pool: PgPool) {
    let world = world(pool).await;
    let no_calendar = r#"{"error":{"errors":[{"reason":"notACalendarUser"}],"code":403}}"#;
    let no_api = r#"{"error":{"errors":[{"reason":"accessNotConfigured"}],"code":403}}"#;
    for (endpoint, code, body, why) in [
        ("calendar", 403, no_calendar, "no_calendar"),
        ("calendar", 403, no_api, "refused"),
    ] {
        world.google.recovers();
        world.google.answers(endpoint, ROOMS, code, body);
        let answer = connect(&world, &key_file(), ROOMS).await;
        let status = refused(answer, Code::FailedPrecondition, "ROOMS_SUBJECT_REFUSED");
        fact(&status, "why", why);
    }
    assert_eq!(world.number(STORED).await, 0);
}

/// Covers D21.
#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_key_that_is_not_delegated_yet_waits_sealed_and_nothing_can_be_linked(pool: PgPool) {
    let world = world(pool).await;
    world.put_objects("t1", &["o1"]).await;
    let no_scope = r#"{"error":{"errors":[{"reason":"insufficientPermissions"}],"code":403}}"#;
    for (endpoint, subject, code, body) in [
        ("token", ADMIN, 401, NOT_DELEGATED),
        ("token", ROOMS, 401, NOT_DELEGATED),
        ("calendar", ROOMS, 403, no_scope),
    ] {
        world.google.recovers();
        world.google.answers(endpoint, subject, code, body);
        let status = connect(&world, &key_file(), ROOMS).await.unwrap();
        assert_eq!(
            (status.state(), status.reason.as_str(), status.connected_at),
            (api::ConnectionState::Connecting, "NOT_DELEGATED", None)
        );
    }
    let readable = "SELECT count(*) FROM booking.connections
        WHERE position('private_key'::bytea IN sealed_key) > 0";
    assert_eq!(
        (world.number(STORED).await, world.number(readable).await),
        (1, 0)
    );
    let answer = world.link("o1", "room@example.com").await;
    let status = refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    fact(&status, "state", "CONNECTING");
}

/// Covers D21.
#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_connection_that_is_there_is_not_replaced_by_a_key_that_is_not_delegated_yet(
    pool: PgPool,
) {
    let world = World::connected(pool).await;
    world.google.answers("token", ADMIN, 401, NOT_DELEGATED);
    for set in [
        "UPDATE booking.connections SET state = 'active'",
        "UPDATE booking.connections SET state = 'lost'",
        "UPDATE booking.connections SET state = 'disconnecting', disconnect_until = 'infinity'",
    ] {
        world.execute(set).await;
        let stored = "SELECT count(*) FROM booking.connections
            WHERE rooms_subject = directory_subject AND sealed_key IS NOT NULL";
        let answer = connect(&world, &key_file(), ROOMS).await;
        let reason = "DIRECTORY_SUBJECT_REFUSED";
        let status = refused(answer, Code::FailedPrecondition, reason);
        fact(&status, "why", "scope_not_delegated");
        assert_eq!(world.number(stored).await, 1, "{set}");
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_room_that_cannot_be_read_is_only_a_warning(pool: PgPool) {
    let world = world(pool).await;
    let missing = r#"{"error":{"errors":[{"reason":"notFound"}],"code":404}}"#;
    world.google.answers("calendar", ROOMS, 404, missing);
    assert!(connect(&world, &key_file(), ROOMS).await.is_ok());
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_fault_of_google_stores_nothing_and_says_when_to_come_back(pool: PgPool) {
    let world = world(pool).await;
    for endpoint in ["token", "directory"] {
        world.google.recovers();
        world
            .google
            .answers(endpoint, ADMIN, 502, "<html>Bad Gateway</html>");
        let answer = connect(&world, &key_file(), "").await;
        let status = refused(answer, Code::Unavailable, "GOOGLE_UNAVAILABLE");
        assert!(grpc::retry_after(&status).is_some());
    }
    assert_eq!(world.number(STORED).await, 0);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn connecting_again_keeps_links_and_bookings_and_looks_at_every_link(pool: PgPool) {
    let world = World::connected(pool).await;
    let first = world.link("o1", "room@example.com").await.unwrap();
    world.link("o2", "other@example.com").await.unwrap();
    world
        .booking(&first.link_id, "e1", "a@example.com", 1)
        .await;
    world
        .execute("UPDATE booking.connections SET state = 'lost', reason = 'withdrawn'")
        .await;
    assert_eq!(world.status("t1").await.reason, "WITHDRAWN");
    world.execute("DELETE FROM booking.outbox").await;
    let status = connect(&world, &key_file(), ROOMS).await.unwrap();
    assert_eq!(
        (status.state(), status.reason.as_str()),
        (api::ConnectionState::Active, "")
    );
    assert_eq!(world.waiting("link.due").await, 2);
    assert_eq!(
        world.number("SELECT count(*) FROM booking.bookings").await,
        1
    );
    assert_eq!(world.number(STORED).await, 1);
}

/// Links are locked with their objects, and objects by id everywhere.
#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn connecting_again_takes_objects_in_the_order_of_their_ids(pool: PgPool) {
    let world = World::connected(pool).await;
    for (object, room) in [("o2", "b@example.com"), ("o1", "a@example.com")] {
        world.link(object, room).await.unwrap();
    }
    let mut other = world.pool.begin().await.unwrap();
    let first = "SELECT FROM booking.objects WHERE object_id = 'o1' FOR NO KEY UPDATE";
    sqlx::query(first).execute(&mut *other).await.unwrap();
    let mut connecting = std::pin::pin!(world.connect("t1"));
    tokio::select! {
        done = &mut connecting => panic!("did not wait: {done:?}"),
        () = world.somebody_waits() => {}
    }
    let second = "SELECT FROM booking.objects WHERE object_id = 'o2' FOR NO KEY UPDATE NOWAIT";
    sqlx::query(second).execute(&mut *other).await.unwrap();
    other.commit().await.unwrap();
    connecting.await.unwrap();
}
