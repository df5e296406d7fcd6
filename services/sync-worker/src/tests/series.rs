//! Series in a delta: expanded by Google, and what is made of it when they cannot be.

use serde_json::{Value, json};
use sqlx::PgPool;
use wiremock::{
    Mock, ResponseTemplate,
    matchers::{method, path_regex, query_param, query_param_is_missing},
};

use super::fixture::{Fixture, event, instance, kinds, page, refusal};

fn master(id: &str) -> Value {
    json!({ "id": id, "recurrence": ["RRULE:FREQ=DAILY"] })
}

async fn given(pool: PgPool, delta: &[Value]) -> Fixture {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.delta("c1", page(delta, Some("c2"))).await;
    fixture
}

async fn applied(fixture: &Fixture) -> Vec<String> {
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    let told = fixture.told();
    assert_eq!(told.applies.len(), 1);
    kinds(&told.applies[0].1)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_split_series_is_expanded_in_both_parts(pool: PgPool) {
    let fixture = given(pool, &[master("s"), master("s_R20261202T080000")]).await;
    let dates = [instance("s", 1, 9), instance("s", 2, 9)];
    fixture.instances("s", page(&dates, None)).await;
    let later = [instance("s_R20261202T080000", 3, 9)];
    fixture
        .instances("s_R20261202T080000", page(&later, None))
        .await;
    assert_eq!(
        applied(&fixture).await,
        ["series s 2", "series s_R20261202T080000 1"]
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_page_of_a_series_is_fetched_and_paid_for(pool: PgPool) {
    let fixture = given(pool, &[master("s")]).await;
    let first = json!({ "items": [], "accessRole": "writer", "nextPageToken": "p2" });
    Mock::given(method("GET"))
        .and(path_regex("/events/s/instances$"))
        .and(query_param_is_missing("pageToken"))
        .respond_with(ResponseTemplate::new(200).set_body_json(first))
        .mount(&fixture.google)
        .await;
    Mock::given(method("GET"))
        .and(path_regex("/events/s/instances$"))
        .and(query_param("pageToken", "p2"))
        .respond_with(page(&[instance("s", 1, 9)], None))
        .mount(&fixture.google)
        .await;
    assert_eq!(applied(&fixture).await, ["series s 1"]);
    assert_eq!(fixture.expanded().await, 2);
    let asked = fixture.google.received_requests().await.unwrap();
    let bounded = asked
        .iter()
        .filter(|it| it.url.path().ends_with("/instances"))
        .all(|it| it.url.query().unwrap().contains("timeMax="));
    assert!(bounded, "an endless series has an end");
    assert!(
        fixture.told().acquired <= 3,
        "a unit for each request at most"
    );
}

/// Google does not have the series: refused with `status`.
async fn without_a_master(pool: PgPool, status: u16, reason: &str) {
    let date = instance("s", 1, 9);
    let id = date["id"].as_str().unwrap().to_owned();
    let gone = json!({ "id": "s_20261202T080000Z", "status": "cancelled" });
    let fixture = given(pool, &[date, gone]).await;
    fixture.instances("s", refusal(status, reason)).await;
    let mut expected = [format!("event {id}"), "event s_20261202T080000Z".to_owned()];
    expected.sort();
    let mut scopes = applied(&fixture).await;
    scopes.sort();
    assert_eq!(scopes, expected);
    assert!(
        fixture.told().verdicts.is_empty(),
        "nothing against the link"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn without_a_master_the_dates_are_applied_one_by_one(pool: PgPool) {
    without_a_master(pool, 404, "notFound").await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn with_a_master_that_is_gone_the_dates_are_applied_one_by_one(pool: PgPool) {
    without_a_master(pool, 410, "deleted").await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_series_that_cannot_be_read_completely_has_no_absent_dates(pool: PgPool) {
    let fixture = given(pool, &[master("s")]).await;
    let date = instance("s", 1, 9);
    let id = date["id"].as_str().unwrap().to_owned();
    let dates = [date, json!({ "id": "s_odd", "recurringEventId": "s" })];
    fixture.instances("s", page(&dates, None)).await;
    assert_eq!(applied(&fixture).await, [format!("event {id}")]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_not_a_date_of_the_series_makes_its_expansion_incomplete(pool: PgPool) {
    let fixture = given(pool, &[master("s")]).await;
    let dates = [event("s", 9)];
    fixture.instances("s", page(&dates, None)).await;
    assert_eq!(applied(&fixture).await, ["event s"], "a single event now");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_cancelled_series_is_not_expanded(pool: PgPool) {
    let gone = json!({ "id": "s", "status": "cancelled" });
    let fixture = given(pool, &[gone, instance("t", 1, 9)]).await;
    fixture.instances("t", page(&[], None)).await;
    assert_eq!(applied(&fixture).await, ["event s", "series t 0"]);
    assert_eq!(fixture.expanded().await, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn of_many_touched_series_the_window_is_listed(pool: PgPool) {
    let many: Vec<_> = (0..6).map(|number| master(&format!("s{number}"))).collect();
    let fixture = given(pool, &many).await;
    let dates: Vec<_> = (0..6)
        .map(|number| instance(&format!("s{number}"), 1, 9))
        .collect();
    fixture.window(&dates).await;
    assert_eq!(applied(&fixture).await, ["window 6"]);
    assert_eq!(fixture.expanded().await, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_series_with_more_dates_than_fit_a_message_goes_with_the_window(pool: PgPool) {
    let fixture = given(pool, &[master("s")]).await;
    let dates: Vec<_> = (0..600)
        .map(|number| instance("s", 1 + number / 20, u32::try_from(number % 20).unwrap()))
        .collect();
    fixture.instances("s", page(&dates, None)).await;
    fixture.window(&dates).await;
    assert_eq!(applied(&fixture).await, ["window 500", "window 100"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_moves_beyond_the_horizon_is_named_and_not_mirrored(pool: PgPool) {
    let mut far = event("far", 9);
    far["start"]["dateTime"] = json!("2099-01-01T09:00:00Z");
    far["end"]["dateTime"] = json!("2099-01-01T10:00:00Z");
    let fixture = given(pool, &[far]).await;
    assert_eq!(applied(&fixture).await, ["no event far"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn dates_are_in_the_calendars_zone_also_where_a_page_does_not_say_it(pool: PgPool) {
    let fixture = given(
        pool,
        &[json!({ "id": "s_20261202", "status": "cancelled" })],
    )
    .await;
    let all_day = json!({ "id": "s_20261203", "recurringEventId": "s",
        "originalStartTime": { "date": "2026-12-03" },
        "start": { "date": "2026-12-03" }, "end": { "date": "2026-12-04" },
        "attendees": [{ "self": true, "responseStatus": "accepted" }] });
    let answer = json!({ "items": [all_day], "accessRole": "writer" });
    let answer = ResponseTemplate::new(200).set_body_json(answer);
    fixture.instances("s", answer).await;
    assert_eq!(applied(&fixture).await, ["event s_20261202", "series s 1"]);
    let told = fixture.told();
    let seen = told.applies[0].1.iter().map(|scope| &scope.occurrences[0]);
    // Midnight in Berlin, where the delta said that the calendar is.
    let hours: Vec<_> = seen
        .map(|date| {
            date.original_start
                .as_ref()
                .unwrap()
                .seconds
                .rem_euclid(86_400)
                / 3600
        })
        .collect();
    assert_eq!(hours, [23, 23]);
}
