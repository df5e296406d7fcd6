//! `PreviewLink`: B1.

use roomsync_proto::integration::v1 as api;
use serde_json::{Value, json};
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::world::{ADMIN, World, fact, refused};

const ROOM: &str = "room@resource.example.com";

async fn preview(
    world: &World,
    object: &str,
    mail: &str,
) -> Result<api::PreviewLinkResponse, Status> {
    let request = api::PreviewLinkRequest {
        tenant_id: "t1".to_owned(),
        object_id: object.to_owned(),
        resource_email: mail.to_owned(),
        own_future_bookings: 7,
    };
    let answer = world.links("all").await.preview_link(request).await?;
    Ok(answer.into_inner())
}

/// A meeting far ahead that the room answered so.
fn meeting(id: &str, answer: &str) -> Value {
    json!({
        "id": id,
        "status": "confirmed",
        "organizer": {"email": "ada@example.com"},
        "start": {"dateTime": "2098-01-01T09:00:00Z"},
        "end": {"dateTime": "2098-01-01T10:00:00Z"},
        "attendees": [{"email": ROOM, "self": true, "resource": true, "responseStatus": answer}],
    })
}

fn with(mut event: Value, key: &str, value: Value) -> Value {
    event[key] = value;
    event
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn what_would_come_is_counted_as_the_import_decides_and_nothing_is_stored(pool: PgPool) {
    let world = World::connected(pool).await;
    let over = json!({"dateTime": "2001-01-01T10:00:00Z"});
    let ended = with(meeting("e7", "accepted"), "end", over.clone());
    let ended = with(ended, "start", json!({"dateTime": "2001-01-01T09:00:00Z"}));
    let pages = vec![
        vec![
            meeting("e1", "accepted"),
            meeting("e2", "declined"),
            with(
                meeting("e3", "accepted"),
                "transparency",
                json!("transparent"),
            ),
        ],
        vec![],
        vec![
            meeting("e4", "needsAction"),
            meeting("e5", "tentative"),
            with(meeting("e6", "accepted"), "status", json!("cancelled")),
            ended,
            json!("garbage"),
        ],
    ];
    world.google.has_events("writer", pages);
    let answer = preview(&world, "o1", ROOM).await.unwrap();
    assert_eq!(
        (answer.bookings_to_import, answer.more_to_import),
        (3, false)
    );
    assert_eq!(answer.bookings_to_delete, 7);
    assert!(answer.obstacles.is_empty());
    assert_eq!(answer.capabilities.len(), 4);
    assert_eq!(answer.resource.unwrap().resource_email, ROOM);
    assert_eq!(world.number("SELECT count(*) FROM booking.links").await, 0);
    assert_eq!(
        world.number("SELECT count(*) FROM booking.changes").await,
        0
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn after_three_pages_there_is_more_than_was_counted(pool: PgPool) {
    let world = World::connected(pool).await;
    let page = |n: usize| vec![meeting(&format!("e{n}"), "accepted")];
    world
        .google
        .has_events("reader", (0..4).map(page).collect());
    let before = world.google.calls("calendar");
    let answer = preview(&world, "o1", ROOM).await.unwrap();
    assert_eq!(
        (answer.bookings_to_import, answer.more_to_import),
        (3, true)
    );
    assert_eq!(world.google.calls("calendar"), before + 3);
    assert_eq!(answer.missing_capabilities.len(), 2);
    assert_eq!(answer.missing_capabilities[0].reason, "READER_ROLE");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn what_stands_in_the_way_is_told(pool: PgPool) {
    let world = World::connected(pool).await;
    let nowhere = preview(&world, "o1", "nowhere@example.com").await.unwrap();
    assert_eq!(nowhere.obstacles, ["NOT_IN_ORGANISATION"]);
    assert!(nowhere.resource.is_none() && nowhere.capabilities.is_empty());

    world.google.has_events("freeBusyReader", vec![]);
    let busy = preview(&world, "o1", ROOM).await.unwrap();
    assert_eq!(busy.obstacles, ["TIMES_ONLY"]);
    world
        .google
        .answers("calendar", ADMIN, 404, r#"{"error":{"code":404}}"#);
    let unseen = preview(&world, "o1", ROOM).await.unwrap();
    assert_eq!(unseen.obstacles, ["NO_CALENDAR_ACCESS"]);
    assert_eq!(unseen.missing_capabilities.len(), 4);
    world.google.recovers();

    world.google.has_events("writer", vec![]);
    let link = world.link("o2", ROOM).await.unwrap();
    let taken = preview(&world, "o1", ROOM).await.unwrap();
    assert_eq!(taken.obstacles, ["RESOURCE_ALREADY_LINKED"]);
    let resource = taken.resource.unwrap();
    assert_eq!(
        (resource.object_id.as_str(), resource.link_id),
        ("o2", link.link_id)
    );
    // Its own link is in nobody's way.
    assert!(
        preview(&world, "o2", ROOM)
            .await
            .unwrap()
            .obstacles
            .is_empty()
    );
    world.link("o1", "other@example.com").await.unwrap();
    let linked = preview(&world, "o1", ROOM).await.unwrap();
    assert_eq!(
        linked.obstacles,
        ["RESOURCE_ALREADY_LINKED", "OBJECT_ALREADY_LINKED"]
    );
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_question_that_makes_no_sense_is_refused(pool: PgPool) {
    let world = World::connected(pool).await;
    refused(
        preview(&world, "o9", ROOM).await,
        Code::NotFound,
        "OBJECT_NOT_FOUND",
    );
    let status = refused(
        preview(&world, "o1", "no address").await,
        Code::InvalidArgument,
        "INVALID_FIELD",
    );
    fact(&status, "field", "resource_email");
    let negative = api::PreviewLinkRequest {
        tenant_id: "t1".to_owned(),
        object_id: "o1".to_owned(),
        resource_email: ROOM.to_owned(),
        own_future_bookings: -1,
    };
    let answer = world.links("all").await.preview_link(negative).await;
    let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    fact(&status, "field", "own_future_bookings");
    let foreign = api::PreviewLinkRequest {
        tenant_id: "t2".to_owned(),
        ..Default::default()
    };
    let answer = world.links("app").await.preview_link(foreign).await;
    refused(answer, Code::NotFound, "TENANT_NOT_FOUND");
    world
        .execute("UPDATE booking.connections SET state = 'lost'")
        .await;
    let answer = preview(&world, "o1", ROOM).await;
    refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    world.put_tenant("t1", false).await;
    let answer = preview(&world, "o1", ROOM).await;
    refused(answer, Code::FailedPrecondition, "MODULE_MISSING");
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn a_fault_or_a_limit_of_googles_says_when_to_come_back(pool: PgPool) {
    let world = World::connected(pool).await;
    world.google.answers("calendar", ADMIN, 503, "");
    let answer = preview(&world, "o1", ROOM).await;
    refused(answer, Code::Unavailable, "GOOGLE_UNAVAILABLE");
    world.google.answers("calendar", ADMIN, 429, "");
    for _ in 0..2 {
        // The second time nobody asks Google: the subject is closed for everybody.
        let answer = preview(&world, "o1", ROOM).await;
        let status = refused(answer, Code::ResourceExhausted, "GOOGLE_BUSY");
        assert!(roomsync_process::grpc::retry_after(&status).is_some());
        world.google.recovers();
    }
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn every_call_is_paid_for(pool: PgPool) {
    let world = World::connected(pool).await;
    world.google.has_events("writer", vec![vec![], vec![]]);
    preview(&world, "o1", ROOM).await.unwrap();
    world
        .execute(
            "UPDATE booking.buckets SET tokens = 0, refilled_at = now() + interval '1 hour'
            WHERE bucket LIKE 'calendar/user/%'",
        )
        .await;
    let before = world.google.calls("calendar");
    let answer = preview(&world, "o1", ROOM).await;
    refused(answer, Code::ResourceExhausted, "GOOGLE_BUSY");
    assert_eq!(world.google.calls("calendar"), before);
}
