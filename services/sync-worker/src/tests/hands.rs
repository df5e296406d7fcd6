//! A calendar whose tenant has no hand free.

use std::{sync::Arc, time::Duration};

use roomsync_broker::Handler as _;
use roomsync_domain::CalendarId;
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use sqlx::PgPool;

use super::fixture::{Fixture, consumer, delivery, page};
use crate::store::rows::Calendar;

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_calendar_without_a_hand_is_looked_at_when_one_is_free_without_another_message(
    pool: PgPool,
) {
    let mut fixture = Fixture::new(pool.clone()).await.opened().await;
    Arc::get_mut(&mut fixture.worker)
        .unwrap()
        .config
        .broker
        .prefetch = 2;
    let other = Calendar {
        id: CalendarId::new(),
        resource: "other@resource.calendar.google.com".parse().unwrap(),
        ..fixture.calendar.clone()
    };
    let opened = fixture.worker.calendars.open(&other, "writer").await;
    opened.unwrap();
    sqlx::query("UPDATE sync.calendars SET cursor = 'c'")
        .execute(&pool)
        .await
        .unwrap();
    let slow = page(&[], Some("c")).set_delay(Duration::from_millis(500));
    fixture.delta("c", slow).await;

    let consumer = consumer(&fixture.worker);
    let poll = |calendar| CalendarRefresh {
        calendar,
        why: RefreshWhy::Poll,
        lane: RefreshLane::Live,
    };
    let first = async {
        let message = poll(fixture.calendar.id);
        consumer.handle(message, &delivery()).await.unwrap();
    };
    let second = async {
        until(async || fixture.asked("syncToken=c").await == 1).await;
        consumer.handle(poll(other.id), &delivery()).await.unwrap();
        assert_eq!(fixture.asked("syncToken=c").await, 1, "it has to wait");
    };
    tokio::join!(first, second);

    let dirty = "SELECT count(*) FROM sync.calendars WHERE generation_done < generation_wanted";
    until(async || {
        let left: i64 = sqlx::query_scalar(dirty).fetch_one(&pool).await.unwrap();
        left == 0
    })
    .await;
    assert_eq!(fixture.asked("syncToken=c").await, 2);
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}
