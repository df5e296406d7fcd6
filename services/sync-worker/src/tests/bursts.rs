//! Many pushes in a short time: few listings, and none is missed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, future, stream};
use roomsync_broker::Handler as _;
use roomsync_domain::{ChannelId, Clock as _, SystemClock};
use roomsync_messages::{CalendarChanged, CalendarRefresh, RefreshLane, RefreshWhy};
use sqlx::PgPool;
use wiremock::{
    Mock, Request, Respond, ResponseTemplate,
    matchers::{method, path_regex},
};

use super::fixture::{Fixture, SUBJECT, consumer, delivery, page};
use crate::{access::Lane, steps::check};

const PUSHES: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_mins(1);

/// Answers every listing, and writes down when it was asked for.
#[derive(Clone, Default)]
struct Counting(Arc<Mutex<Vec<Instant>>>);

impl Counting {
    fn asked(&self) -> Vec<Instant> {
        self.0.lock().unwrap().clone()
    }
}

impl Respond for Counting {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().push(Instant::now());
        page(&[], Some("c"))
    }
}

/// Three workers on one database, as the broker would feed them: each push goes to one of them, and
/// each takes up what it is woken for.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_thousand_pushes_cost_a_few_listings_and_none_is_missed(pool: PgPool) {
    let first = Fixture::new(pool.clone()).await.imported("c").await;
    let calendar = first.calendar.clone();
    let listings = Counting::default();
    let mut workers = vec![first];
    for _ in 0..2 {
        workers.push(Fixture::new(pool.clone()).await);
    }
    for fixture in &mut workers {
        Arc::get_mut(&mut fixture.worker).unwrap().config.sync.pause = PAUSE;
        Mock::given(method("GET"))
            .and(path_regex("/events$"))
            .respond_with(listings.clone())
            .mount(&fixture.google)
            .await;
    }
    let channel = ChannelId::new();
    let channels = &workers[0].worker.channels;
    channels
        .opening(channel, calendar.id, SUBJECT)
        .await
        .unwrap();
    channels.opened(channel, "res", None).await.unwrap();

    let pushed = AtomicBool::new(false);
    let is_clean = async || !workers[0].row().await.1;
    let waking = workers.iter().map(|fixture| async {
        let worker = &fixture.worker;
        let mut turns = tokio::time::interval(worker.config.sync.wake);
        while !(pushed.load(Ordering::SeqCst) && is_clean().await) {
            turns.tick().await;
            for found in worker.calendars.wake(PAUSE, 10).await.unwrap() {
                check::check(worker, found, Lane::Live).await.unwrap();
            }
        }
    });
    let began = Instant::now();
    let pushing = async {
        stream::iter(0..PUSHES)
            .for_each_concurrent(30, |number| {
                let worker = workers[number % workers.len()].worker.clone();
                let push = CalendarChanged {
                    calendar: calendar.id,
                    channel,
                    resource: "res".to_owned(),
                    sync: false,
                    received_at: SystemClock.now(),
                };
                async move {
                    let consumer = consumer(&worker);
                    consumer.handle(push, &delivery()).await.unwrap();
                }
            })
            .await;
        pushed.store(true, Ordering::SeqCst);
        Instant::now()
    };
    let both = future::join(pushing, future::join_all(waking));
    let (last_push, _) = tokio::time::timeout(PATIENCE, both).await.unwrap();

    let asked = listings.asked();
    let took = last_push - began;
    // One at once, one after each rest while pushes still come, and one for the last of them.
    let rests = usize::try_from(took.as_millis().div_ceil(PAUSE.as_millis())).unwrap();
    let most = 3.max(rests + 1);
    assert!(asked.len() <= most, "{} listings in {took:?}", asked.len());
    let wanted: i64 = sqlx::query_scalar("SELECT generation_done FROM sync.calendars")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(wanted, i64::try_from(PUSHES).unwrap(), "none is missed");
    let apart = asked.windows(2).all(|pair| pair[1] - pair[0] >= PAUSE);
    assert!(apart, "it rested between any two");
}

/// A booking that waits for its room asks while the calendar rests: the message finds nothing to do, and the
/// wake does not forget it.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_booking_waits_for_is_looked_at_as_soon_as_the_rest_is_over(pool: PgPool) {
    let mut fixture = Fixture::new(pool.clone()).await.imported("c").await;
    Arc::get_mut(&mut fixture.worker).unwrap().config.sync.pause = PATIENCE;
    fixture.delta("c", page(&[], Some("c"))).await;
    fixture.push().await.unwrap();
    let asked = async || {
        let consumer = consumer(&fixture.worker);
        let refresh = CalendarRefresh {
            calendar: fixture.calendar.id,
            why: RefreshWhy::Booking,
            lane: RefreshLane::Live,
        };
        consumer.handle(refresh, &delivery()).await.unwrap();
        fixture.asked("syncToken=c").await
    };
    assert_eq!(asked().await, 1, "it rests");
    let calendars = &fixture.worker.calendars;
    assert!(calendars.wake(PAUSE, 10).await.unwrap().is_empty());
    sqlx::query("UPDATE sync.calendars SET next_attempt_at = now()")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(
        calendars.wake(PAUSE, 10).await.unwrap(),
        [fixture.calendar.id]
    );
    assert_eq!(asked().await, 2);
    assert!(!fixture.row().await.1, "and with that it is clean");
}
