use std::time::Duration;

use roomsync_broker::Failure;
use roomsync_process::grpc::problem;
use roomsync_proto::internal::v1 as proto;
use serde_json::json;
use sqlx::PgPool;
use tonic::Code;
use wiremock::{
    Mock,
    matchers::{method, path_regex, query_param},
};

use super::fixture::{Fixture, event, instance, kinds, page, refusal};

fn retry_after(result: Result<(), Failure>) -> Duration {
    match result {
        Err(Failure::Retry {
            after: Some(after), ..
        }) => after,
        other => panic!("expected a retry after some time, not {other:?}"),
    }
}

async fn due_again(fixture: &Fixture) {
    sqlx::query("UPDATE sync.calendars SET next_attempt_at = now()")
        .execute(&fixture.pool)
        .await
        .unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_push_is_listed_by_cursor_and_applied_before_the_cursor_moves(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    let told = fixture.told();
    let (header, scopes) = &told.applies[0];
    assert_eq!((header.epoch, header.full_sync), (1, false));
    assert!(header.received_at.is_some() && header.listed_since.is_some());
    assert_eq!(kinds(scopes), ["event a"]);
    assert_eq!(told.coverage.len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn all_pages_are_fetched_before_anything_is_applied(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let first = json!({ "items": [event("a", 9)], "accessRole": "writer", "nextPageToken": "p2" });
    Mock::given(method("GET"))
        .and(path_regex("/events$"))
        .and(query_param("pageToken", "p2"))
        .and(query_param("syncToken", "c1"))
        .respond_with(page(&[event("b", 10)], Some("c2")))
        .with_priority(1)
        .mount(&fixture.google)
        .await;
    fixture
        .delta(
            "c1",
            wiremock::ResponseTemplate::new(200).set_body_json(first),
        )
        .await;
    fixture.push().await.unwrap();
    assert_eq!(kinds(&fixture.told().applies[0].1), ["event a", "event b"]);
    assert_eq!(fixture.told().applies.len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_delta_without_changes_only_moves_the_cursor(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    assert!(fixture.told().applies.is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_import_lists_for_the_cursor_then_the_window_then_the_cursor(pool: PgPool) {
    let fixture = Fixture::new(pool).await.opened().await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9), event("b", 10)]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.full_sync().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    let told = fixture.told();
    assert_eq!(told.applies.len(), 1);
    assert!(told.applies[0].0.full_sync);
    assert_eq!(kinds(&told.applies[0].1), ["window 2"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_dead_cursor_becomes_a_full_sync(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("dead").await;
    fixture
        .delta("dead", refusal(410, "fullSyncRequired"))
        .await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    assert_eq!(kinds(&fixture.told().applies[0].1), ["window 1"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_touched_series_is_expanded_into_the_same_apply(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let sparse = json!({ "id": "s_20261202T080000Z", "status": "cancelled" });
    let gone = json!({ "id": "gone", "status": "cancelled" });
    fixture
        .delta("c1", page(&[event("a", 9), sparse, gone], Some("c2")))
        .await;
    fixture
        .instances("s", page(&[instance("s", 1, 9)], None))
        .await;
    fixture.push().await.unwrap();
    let told = fixture.told();
    assert_eq!(told.applies.len(), 1);
    assert_eq!(
        kinds(&told.applies[0].1),
        [
            "event a",
            "event gone",
            "event s_20261202T080000Z",
            "series s 1"
        ]
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn garbage_among_the_items_does_not_spoil_the_rest(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let odd = json!({ "id": "odd", "status": "confirmed" });
    fixture
        .delta("c1", page(&[odd, json!("?"), event("a", 9)], Some("c2")))
        .await;
    fixture.push().await.unwrap();
    assert_eq!(kinds(&fixture.told().applies[0].1), ["event a"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn after_a_write_of_ours_it_is_listed_again_from_the_old_cursor(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture
        .told()
        .refusals
        .push_back(problem(Code::Aborted, "WRITTEN_SINCE", "", &[]));
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.asked("syncToken=c1").await, 2);
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    let told = fixture.told();
    let [(first, _), (second, _)] = told.applies.as_slice() else {
        panic!("two applies")
    };
    assert!(second.epoch > first.epoch);
    let since = |header: &proto::ApplyHeader| {
        let since = header.listed_since.as_ref().unwrap();
        (since.seconds, since.nanos)
    };
    assert!(
        since(second) > since(first),
        "the second listing began after the write"
    );
    assert!(second.received_at.is_some(), "the push is still the same");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_listing_that_is_always_too_old_leaves_the_calendar_dirty(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    for _ in 0..3 {
        fixture
            .told()
            .refusals
            .push_back(problem(Code::Aborted, "WRITTEN_SINCE", "", &[]));
    }
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c1".to_owned()), true));
    let swept = fixture
        .worker
        .calendars
        .sweep(Duration::ZERO, 10)
        .await
        .unwrap();
    assert_eq!(swept.len(), 1, "free for the sweep");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_stale_epoch_is_overtaken(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let stale = problem(
        Code::FailedPrecondition,
        "STALE_EPOCH",
        "",
        &[("epoch", "41")],
    );
    fixture.told().refusals.push_back(stale);
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.push().await.unwrap();
    assert!(fixture.told().applies[1].0.epoch > 41);
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_calendar_of_a_removed_link_is_closed(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let removed = problem(Code::FailedPrecondition, "LINK_REMOVED", "", &[]);
    fixture.told().refusals.push_back(removed);
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.told().closed.len(), 1);
    let row = fixture
        .worker
        .calendars
        .find(fixture.calendar.id)
        .await
        .unwrap()
        .unwrap();
    assert!(row.closed);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn throttling_is_reported_and_waited_for(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let throttled = refusal(429, "rateLimitExceeded").insert_header("retry-after", "30");
    fixture.delta("c1", throttled).await;
    assert!(retry_after(fixture.push().await) >= Duration::from_secs(30));
    let troubles = fixture.told().troubles.clone();
    assert_eq!(troubles[0].trouble(), proto::Trouble::Throttled);
    assert_eq!(troubles[0].retry_after_ms, 30_000);
    assert_eq!(fixture.row().await, (Some("c1".to_owned()), true));
    let swept = fixture
        .worker
        .calendars
        .sweep(Duration::ZERO, 10)
        .await
        .unwrap();
    assert!(swept.is_empty(), "not before it is due");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_that_stays_unknown_fails_its_link_once_and_removes_nothing(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.delta("c1", refusal(404, "notFound")).await;
    for expected in [0, 1, 1] {
        retry_after(fixture.push().await);
        assert_eq!(fixture.told().verdicts.len(), expected);
        due_again(&fixture).await;
    }
    let told = fixture.told();
    assert_eq!(told.verdicts[0].verdict(), proto::LinkVerdict::Failed);
    assert_eq!(told.verdicts[0].reason, "NO_CALENDAR_ACCESS");
    assert!(told.applies.is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_shows_times_only_is_not_applied(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let answer = json!({ "items": [], "accessRole": "freeBusyReader", "nextSyncToken": "c2" });
    fixture
        .delta(
            "c1",
            wiremock::ResponseTemplate::new(200).set_body_json(answer),
        )
        .await;
    retry_after(fixture.push().await);
    let told = fixture.told();
    assert_eq!(told.verdicts[0].reason, "TIMES_ONLY");
    assert!(told.applies.is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_changed_role_is_reported_with_the_next_listing(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    let answer = json!({ "items": [], "accessRole": "reader", "nextSyncToken": "c2" });
    fixture
        .delta(
            "c1",
            wiremock::ResponseTemplate::new(200).set_body_json(answer),
        )
        .await;
    fixture.push().await.unwrap();
    let told = fixture.told();
    assert_eq!(told.verdicts[0].verdict(), proto::LinkVerdict::Verified);
    assert_eq!(told.verdicts[0].access_role, "reader");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_cursor_that_google_refuses_becomes_a_full_sync(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("foreign").await;
    fixture.delta("foreign", refusal(400, "invalid")).await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_epoch_that_another_listing_had_stores_no_cursor_without_its_data(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.told().already_applied = true;
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    let told = fixture.told();
    assert_eq!(told.applies.len(), 2, "listed and applied again");
    assert!(told.applies[1].0.epoch > told.applies[0].0.epoch);
    assert_eq!(kinds(&told.applies[1].1), ["event a"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nothing_is_absent_from_an_answer_that_does_not_say_our_role(pool: PgPool) {
    let fixture = Fixture::new(pool).await.opened().await;
    fixture.fresh_cursor("c1").await;
    Mock::given(method("GET"))
        .and(path_regex("/events$"))
        .and(query_param("singleEvents", "true"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_json(json!({})))
        .mount(&fixture.google)
        .await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.full_sync().await.unwrap();
    let told = fixture.told();
    assert_eq!(kinds(&told.applies[0].1), [""; 0]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_listing_that_has_begun_waits_for_the_budget(pool: PgPool) {
    let fixture = Fixture::new(pool).await.opened().await;
    fixture.told().no_budget_at = Some(2);
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.full_sync().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    assert_eq!(
        fixture.told().applies[0].0.epoch,
        1,
        "under the first claim"
    );
}

/// A page that is not the last.
fn first_page(items: &[serde_json::Value], next: &str) -> wiremock::ResponseTemplate {
    let first = json!({ "items": items, "accessRole": "writer", "nextPageToken": next });
    wiremock::ResponseTemplate::new(200).set_body_json(first)
}

async fn page_of(fixture: &Fixture, token: &str, answer: wiremock::ResponseTemplate) {
    Mock::given(method("GET"))
        .and(path_regex("/events$"))
        .and(query_param("pageToken", token))
        .respond_with(answer)
        .with_priority(1)
        .mount(&fixture.google)
        .await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_cursor_that_dies_between_two_pages_becomes_a_full_sync(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("dead").await;
    page_of(&fixture, "p2", refusal(410, "fullSyncRequired")).await;
    let first = first_page(&[event("half", 9)], "p2");
    fixture.delta("dead", first).await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    let told = fixture.told();
    assert_eq!(told.applies.len(), 1, "nothing of the half delta");
    assert_eq!(kinds(&told.applies[0].1), ["window 1"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_whose_cursors_die_at_once_is_not_listed_for_ever(pool: PgPool) {
    let fixture = Fixture::new(pool).await.opened().await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", refusal(410, "fullSyncRequired")).await;
    let mut waited = Vec::new();
    waited.push(retry_after(fixture.full_sync().await));
    for _ in 0..3 {
        due_again(&fixture).await;
        waited.push(retry_after(fixture.push().await));
    }
    assert!(
        waited.is_sorted() && waited[3] >= waited[0] * 8,
        "{waited:?}"
    );
    let pulls = fixture.asked("syncToken=c1").await;
    assert_eq!(pulls, 5, "once a full sync; the second came at once");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_young_cursor_that_dies_heals_at_once(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("young").await;
    sqlx::query("UPDATE sync.calendars SET cursor_since = now()")
        .execute(&fixture.pool)
        .await
        .unwrap();
    fixture
        .delta("young", refusal(410, "fullSyncRequired"))
        .await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_delta_that_is_always_refused_is_not_listed_for_ever(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", refusal(400, "invalid")).await;
    retry_after(fixture.push().await);
    due_again(&fixture).await;
    retry_after(fixture.push().await);
    assert_eq!(
        fixture.asked("syncToken=c1").await,
        3,
        "after the first, once a delay"
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn already_deleted_is_no_dead_cursor(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.delta("c1", refusal(410, "deleted")).await;
    retry_after(fixture.push().await);
    assert_eq!(fixture.row().await, (Some("c1".to_owned()), true));
    assert_eq!(fixture.asked("timeMin").await, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_delta_that_always_ends_without_a_cursor_becomes_a_full_sync(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("odd").await;
    fixture.delta("odd", page(&[event("a", 9)], None)).await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    for _ in 0..3 {
        retry_after(fixture.push().await);
        assert_eq!(fixture.row().await, (Some("odd".to_owned()), true));
        due_again(&fixture).await;
    }
    assert!(fixture.told().applies.is_empty(), "it may be anything");
    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_window_comes_in_pages_and_some_of_them_are_empty(pool: PgPool) {
    let fixture = Fixture::new(pool).await.opened().await;
    fixture.fresh_cursor("c1").await;
    let many = |from: usize| -> Vec<_> {
        let ids = from..from + 1300;
        ids.map(|number| event(&format!("e{number}"), 9)).collect()
    };
    Mock::given(method("GET"))
        .and(path_regex("/events$"))
        .and(query_param("singleEvents", "true"))
        .respond_with(first_page(&many(0), "p2"))
        .mount(&fixture.google)
        .await;
    page_of(&fixture, "p2", first_page(&[], "p3")).await;
    page_of(&fixture, "p3", page(&many(1300), None)).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    fixture.full_sync().await.unwrap();
    let told = fixture.told();
    let seen = told.applies[0]
        .1
        .iter()
        .map(|scope| scope.occurrences.len());
    assert_eq!(seen.sum::<usize>(), 2600);
}
