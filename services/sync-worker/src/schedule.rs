//! What happens by the clock: the sweep, the wake, polls, reconciles, channels, the comparison of links. Every replica
//! runs this; what only one may do is taken in PostgreSQL first.
//!
//! Trouble is logged and waits for the next turn: nothing here may end.

use std::{sync::Arc, time::Duration};

use roomsync_domain::CalendarId;
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use roomsync_postgres::Database;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    steps::{compare_links, renew_channel},
    store::jobs,
    trouble::Trouble,
    worker::Worker,
};

/// So many calendars are swept or polled in one turn.
const BATCH: i64 = 500;
/// Channels that are over for long are forgotten in batches of this.
const FORGET: i64 = 500;

/// Looks for due calendars until the soft shutdown.
pub(crate) async fn sweep(worker: Arc<Worker>, soft: CancellationToken) {
    let mut turns = Turns::new(worker.config.sync.sweep, soft);
    while turns.next().await {
        log("sweep", sweep_once(&worker).await);
    }
}

/// Looks, at short intervals, for what a push or a waiting booking left dirty, until the soft shutdown.
pub(crate) async fn wake(worker: Arc<Worker>, soft: CancellationToken) {
    let mut turns = Turns::new(worker.config.sync.wake, soft);
    while turns.next().await {
        log("wake", wake_once(&worker).await);
    }
}

/// Keeps channels open until the soft shutdown.
pub(crate) async fn channels(worker: Arc<Worker>, soft: CancellationToken) {
    let mut turns = Turns::new(worker.config.sync.sweep, soft);
    while turns.next().await {
        log("channels", channels_once(&worker).await);
    }
}

/// Compares links until the soft shutdown, each time in one replica.
pub(crate) async fn compare(worker: Arc<Worker>, database: Database, soft: CancellationToken) {
    let sync = &worker.config.sync;
    let mut turns = Turns::new(sync.sweep.min(sync.compare), soft);
    while turns.next().await {
        log("compare links", compare_once(&worker, &database).await);
    }
}

async fn sweep_once(worker: &Worker) -> Result<(), Trouble> {
    // Polls and reconciles only make the calendar dirty; the sweep right after finds it.
    worker.calendars.poll(BATCH).await?;
    worker.calendars.reconcile_due(BATCH).await?;
    let swept = worker
        .calendars
        .sweep(worker.config.sync.sweep_again, BATCH)
        .await?;
    worker.metrics.swept(swept.len());
    for found in swept {
        let lane = if found.live {
            RefreshLane::Live
        } else {
            RefreshLane::Background
        };
        if !found_dirty(worker, found.calendar, lane).await {
            break;
        }
    }
    worker.metrics.counts(worker.calendars.counts().await?);
    Ok(())
}

/// A calendar rests after a pull, and the messages of pushes and of waiting bookings that come meanwhile
/// find nothing to do. This is what takes them up, together. In the live lane: somebody changed something,
/// or waits.
async fn wake_once(worker: &Worker) -> Result<(), Trouble> {
    let again = worker.config.sync.sweep_again;
    let woken = worker.calendars.wake(again, BATCH).await?;
    worker.metrics.swept(woken.len());
    for calendar in woken {
        if !found_dirty(worker, calendar, RefreshLane::Live).await {
            break;
        }
    }
    Ok(())
}

async fn found_dirty(worker: &Worker, calendar: CalendarId, lane: RefreshLane) -> bool {
    let why = RefreshWhy::Sweep;
    worker
        .hint(&CalendarRefresh {
            calendar,
            why,
            lane,
        })
        .await
}

async fn channels_once(worker: &Worker) -> Result<(), Trouble> {
    renew_channel::renew_due(worker).await?;
    worker.metrics.coverage(worker.channels.coverage().await?);
    Ok(())
}

async fn compare_once(worker: &Worker, database: &Database) -> Result<(), Trouble> {
    if jobs::take(database, jobs::COMPARE_LINKS, worker.config.sync.compare).await? {
        worker.channels.forget_old(FORGET).await?;
        compare_links::compare(worker).await?;
    }
    Ok(())
}

fn log(work: &'static str, done: Result<(), Trouble>) {
    if let Err(trouble) = done {
        let cause = anyhow::Error::new(trouble);
        tracing::warn!(
            work,
            error = format!("{cause:#}"),
            "failed; waiting for the next turn"
        );
    }
}

/// Turns at a fixed distance; one that was missed is not made up for.
pub(crate) struct Turns {
    ticks: Interval,
    soft: CancellationToken,
}

impl Turns {
    /// Turns every `period`, the first at once.
    pub(crate) fn new(period: Duration, soft: CancellationToken) -> Self {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, soft }
    }

    /// Waits for the next turn; `false` when the soft shutdown has begun.
    pub(crate) async fn next(&mut self) -> bool {
        self.soft
            .run_until_cancelled(self.ticks.tick())
            .await
            .is_some()
    }
}
