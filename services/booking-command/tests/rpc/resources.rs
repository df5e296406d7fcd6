//! `ListResources`: B3.

use roomsync_proto::integration::v1 as api;
use serde_json::{Value, json};
use sqlx::PgPool;
use tonic::{Code, Status};

use crate::world::{ADMIN, World, fact, refused};

fn resource(name: &str, number: usize) -> Value {
    json!({
        "resourceId": number.to_string(),
        "resourceEmail": format!("c_{number}@resource.example.com"),
        "resourceName": name,
        "generatedResourceName": format!("HQ-2-{name} (8)"),
        "capacity": 8,
        "buildingId": "HQ",
        "floorName": "2",
        "resourceCategory": "CONFERENCE_ROOM",
    })
}

fn request(query: &str, page_size: i32, page_token: String) -> api::ListResourcesRequest {
    api::ListResourcesRequest {
        tenant_id: "t1".to_owned(),
        query: query.to_owned(),
        page_size,
        page_token,
    }
}

async fn list(world: &World, query: &str) -> Result<Vec<api::Resource>, Status> {
    let request = request(query, 0, String::new());
    let answer = world.links("all").await.list_resources(request).await?;
    Ok(answer.into_inner().resources)
}

fn names(resources: &[api::Resource]) -> Vec<&str> {
    resources.iter().map(|it| it.name.as_str()).collect()
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn all_pages_of_the_directory_are_searched_by_name_and_linked_ones_are_marked(pool: PgPool) {
    let world = World::connected(pool).await;
    let rooms = ["Lagoon", "Aquarium", "Reef", "aquarium annex"];
    let rooms = rooms.iter().zip(1..).map(|(name, n)| resource(name, n));
    world.google.has_resources(rooms.collect(), 2);
    let link = world.link("o1", "C_3@Resource.example.com").await.unwrap();
    let all = list(&world, "").await.unwrap();
    assert_eq!(
        names(&all),
        ["Aquarium", "aquarium annex", "Lagoon", "Reef"]
    );
    let reef = &all[3];
    assert_eq!(
        (reef.object_id.as_str(), &reef.link_id),
        ("o1", &link.link_id)
    );
    assert!(all[..3].iter().all(|it| it.link_id.is_empty()));
    assert_eq!(
        (reef.capacity, reef.category.as_str()),
        (8, "CONFERENCE_ROOM")
    );
    let found = list(&world, "hq AQUA").await.unwrap();
    assert_eq!(names(&found), ["Aquarium", "aquarium annex"]);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn pages_go_on_where_the_last_one_ended(pool: PgPool) {
    let world = World::connected(pool).await;
    let rooms = (0..10).map(|n| resource("Room", n)).collect();
    world.google.has_resources(rooms, 500);
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = world
            .links("all")
            .await
            .list_resources(request("", 4, token))
            .await
            .unwrap()
            .into_inner();
        seen.extend(page.resources.into_iter().map(|it| it.resource_email));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = (0..10)
        .map(|n| format!("c_{n}@resource.example.com"))
        .collect();
    assert_eq!(seen, expected);
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn many_who_ask_at_once_cost_one_reading(pool: PgPool) {
    let world = World::connected(pool).await;
    let before = world.google.calls("directory");
    let calls = (0..8).map(|_| list(&world, "room"));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().len(), 1);
    }
    assert_eq!(world.google.calls("directory"), before + 1);
    // Another organisation is another list.
    world.google.has_resources(vec![], 500);
    world.connect("t1").await.unwrap();
    assert!(list(&world, "").await.unwrap().is_empty());
}

#[sqlx::test(migrator = "booking_command::MIGRATOR")]
async fn bad_questions_and_faults_are_refused(pool: PgPool) {
    let world = World::connected(pool).await;
    let bad = [
        ("query", request(&"x".repeat(101), 0, String::new())),
        ("page_size", request("", 501, String::new())),
        ("page_token", request("", 0, "nonsense".to_owned())),
    ];
    for (field, request) in bad {
        let answer = world.links("all").await.list_resources(request).await;
        let status = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
        fact(&status, "field", field);
    }
    world.google.answers("directory", ADMIN, 503, "");
    let answer = list(&world, "").await;
    refused(answer, Code::Unavailable, "GOOGLE_UNAVAILABLE");
    world.google.answers("directory", ADMIN, 429, "");
    let answer = list(&world, "").await;
    refused(answer, Code::ResourceExhausted, "GOOGLE_BUSY");
    world
        .execute("UPDATE booking.connections SET state = 'lost'")
        .await;
    let answer = list(&world, "").await;
    refused(answer, Code::FailedPrecondition, "NOT_CONNECTED");
    world.put_tenant("t1", false).await;
    let answer = list(&world, "").await;
    refused(answer, Code::FailedPrecondition, "MODULE_MISSING");
    let foreign = api::ListResourcesRequest {
        tenant_id: "t2".to_owned(),
        ..Default::default()
    };
    let answer = world.links("app").await.list_resources(foreign).await;
    refused(answer, Code::NotFound, "TENANT_NOT_FOUND");
}
