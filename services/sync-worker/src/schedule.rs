//! What happens by the clock: the sweep, the poll, channels, the comparison of links. Every replica
//! runs this; what only one may do is taken in PostgreSQL first.
//!
//! Trouble is logged and waits for the next turn: nothing here may end.

use std::{sync::Arc, time::Duration};

use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};
use tokio::time::{MissedTickBehavior, interval};
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
    every(worker.config.sync.sweep, soft, "sweep", async || {
        // A poll only makes the calendar dirty; the sweep right after finds it.
        worker.calendars.poll(BATCH).await?;
        let again = worker.config.sync.sweep_again;
        let swept = worker.calendars.sweep(again, BATCH).await?;
        worker.metrics.swept(swept.len());
        for found in swept {
            let lane = if found.pushed {
                RefreshLane::Live
            } else {
                RefreshLane::Background
            };
            let why = RefreshWhy::Sweep;
            worker
                .hint(&CalendarRefresh {
                    calendar: found.calendar,
                    why,
                    lane,
                })
                .await;
        }
        worker.metrics.counts(worker.calendars.counts().await?);
        Ok(())
    })
    .await;
}

/// Keeps channels open until the soft shutdown.
pub(crate) async fn channels(worker: Arc<Worker>, soft: CancellationToken) {
    every(worker.config.sync.sweep, soft, "channels", async || {
        renew_channel::renew_due(&worker).await
    })
    .await;
}

/// Compares links until the soft shutdown, each time in one replica.
pub(crate) async fn compare(worker: Arc<Worker>, pool: sqlx::PgPool, soft: CancellationToken) {
    let every_one = worker.config.sync.compare;
    every(
        worker.config.sync.sweep.min(every_one),
        soft,
        "compare links",
        async || {
            if jobs::take(&pool, jobs::COMPARE_LINKS, every_one).await? {
                compare_links::compare(&worker).await?;
                worker.channels.forget_old(FORGET).await?;
            }
            Ok(())
        },
    )
    .await;
}

/// Does `work` at every tick; a tick that was missed is not made up for.
async fn every(
    period: Duration,
    soft: CancellationToken,
    name: &'static str,
    work: impl AsyncFn() -> Result<(), Trouble>,
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while soft.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(trouble) = work().await {
            let cause = anyhow::Error::new(trouble);
            tracing::warn!(
                work = name,
                error = format!("{cause:#}"),
                "failed; waiting for the next turn"
            );
        }
    }
}
