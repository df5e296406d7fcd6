//! The comparison without the cursor.

use std::time::Duration;

use chrono::TimeDelta;
use roomsync_broker::Handler as _;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use sqlx::PgPool;
use wiremock::{Mock, ResponseTemplate, matchers::query_param};

use super::fixture::{Fixture, consumer, delivery, event, kinds, page};
use crate::timestamps::from_proto;

async fn refresh(fixture: &Fixture, why: RefreshWhy) {
    let consumer = consumer(&fixture.worker);
    let (calendar, lane) = (fixture.calendar.id, RefreshLane::Background);
    let refresh = CalendarRefresh {
        calendar,
        why,
        lane,
    };
    consumer.handle(refresh, &delivery()).await.unwrap();
}

async fn drifts(pool: &PgPool) -> (i64, i64, bool) {
    sqlx::query_as(
        "SELECT reconcile_wanted, reconcile_done, next_reconcile_at > now() + interval '17 hours'
            AND next_reconcile_at < now() + interval '31 hours'
        FROM sync.calendars",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_reconcile_pulls_first_and_then_compares_the_window(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.told().drift = 2;
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.window(&[event("a", 9), event("missed", 11)]).await;
    refresh(&fixture, RefreshWhy::ByHand).await;
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    assert_eq!(drifts(&fixture.pool).await, (1, 1, true));
    let told = fixture.told();
    let applies: Vec<_> = told
        .applies
        .iter()
        .map(|(header, scopes)| (header.reconcile, header.full_sync, kinds(scopes)))
        .collect();
    assert_eq!(
        applies,
        [
            (false, false, vec!["event a".to_owned()]),
            (true, false, vec!["window 2".to_owned()]),
        ]
    );
    assert_eq!(told.applies[1].0.mirrored_until, None, "nobody knows yet");
    assert!(told.applies[1].0.epoch > told.applies[0].0.epoch);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn each_reconcile_says_how_far_the_one_before_reached(pool: PgPool) {
    let fixture = Fixture::new(pool).await.opened().await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[event("a", 9)]).await;
    fixture.delta("c1", page(&[], Some("c1"))).await;
    fixture.full_sync().await.unwrap();
    refresh(&fixture, RefreshWhy::Reconcile).await;
    let told = fixture.told();
    let kinds: Vec<_> = told
        .applies
        .iter()
        .map(|(header, _)| (header.full_sync, header.reconcile))
        .collect();
    assert_eq!(kinds, [(true, false), (false, true)]);
    let until = told.applies[1].0.mirrored_until.as_ref();
    let until = until.and_then(from_proto).unwrap();
    let ahead = until - SystemClock.now();
    assert!(ahead <= TimeDelta::days(400) && ahead > TimeDelta::days(399));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_full_sync_is_a_reconcile_too(pool: PgPool) {
    let fixture = Fixture::new(pool).await.opened().await;
    fixture.fresh_cursor("c1").await;
    fixture.window(&[]).await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    let calendars = &fixture.worker.calendars;
    assert!(
        calendars
            .raise_reconcile(fixture.calendar.id)
            .await
            .unwrap()
    );
    fixture.full_sync().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    assert_eq!(drifts(&fixture.pool).await, (1, 1, true));
    assert_eq!(fixture.told().applies.len(), 1);
    let covered = fixture.told().coverage.last().cloned().unwrap();
    assert!(covered.cursor_since.is_some() && covered.last_full_sync_at.is_some());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_poll_asked_for_is_a_pull_and_no_more(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    refresh(&fixture, RefreshWhy::Poll).await;
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    assert_eq!(fixture.asked("singleEvents").await, 0);
}

/// An administrator who asks sees `last_check_at` pass the time at which he asked.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn who_asks_for_a_look_is_told_of_it_however_shortly_ago_coverage_was_reported(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture
        .delta("c1", page(&[event("a", 9)], Some("c2")))
        .await;
    fixture.delta("c2", page(&[], Some("c2"))).await;
    let reports = || fixture.told().coverage.len();
    fixture.push().await.unwrap();
    assert_eq!(reports(), 1, "something changed");
    fixture.push().await.unwrap();
    assert_eq!(reports(), 1, "nothing did, and it was reported just now");
    refresh(&fixture, RefreshWhy::Poll).await;
    assert_eq!(reports(), 2, "somebody asked");
    fixture.push().await.unwrap();
    assert_eq!(reports(), 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_reconcile_whose_window_fails_holds_up_no_push_and_comes_later(pool: PgPool) {
    let fixture = Fixture::new(pool).await.imported("c1").await;
    fixture.delta("c1", page(&[], Some("c2"))).await;
    let pushed = page(&[event("pushed", 9)], Some("c3"));
    fixture.delta("c2", pushed).await;
    fixture.delta("c3", page(&[], Some("c4"))).await;
    let unreadable = ResponseTemplate::new(200).set_body_string("<html>");
    let failing = Mock::given(query_param("singleEvents", "true"))
        .respond_with(unreadable)
        .mount_as_scoped(&fixture.google)
        .await;
    refresh(&fixture, RefreshWhy::ByHand).await;
    assert_eq!(fixture.row().await, (Some("c2".to_owned()), false));
    assert_eq!(drifts(&fixture.pool).await, (1, 0, false));
    let asked = fixture.asked("singleEvents").await;

    fixture.push().await.unwrap();
    assert_eq!(fixture.row().await, (Some("c3".to_owned()), false));
    assert_eq!(kinds(&fixture.told().applies[0].1), ["event pushed"]);
    assert_eq!(fixture.asked("singleEvents").await, asked, "not due");

    drop(failing);
    fixture.window(&[event("pushed", 9)]).await;
    sqlx::query("UPDATE sync.calendars SET reconcile_attempt_at = now()")
        .execute(&fixture.pool)
        .await
        .unwrap();
    let calendars = &fixture.worker.calendars;
    let swept = calendars.sweep(Duration::ZERO, 10).await.unwrap();
    assert_eq!(swept.len(), 1, "what finds it is the sweep");
    refresh(&fixture, RefreshWhy::Sweep).await;
    assert_eq!(fixture.row().await, (Some("c4".to_owned()), false));
    assert_eq!(drifts(&fixture.pool).await, (1, 1, true));
    let told = fixture.told();
    let (header, scopes) = &told.applies[1];
    assert!(header.reconcile);
    assert_eq!(kinds(scopes), ["window 1"]);
}
