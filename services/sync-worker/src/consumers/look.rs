//! Looks at a calendar in the hand of its tenant; see [`crate::shares`].

use std::sync::Arc;

use roomsync_broker::{Failure, ResultExt as _};
use roomsync_domain::CalendarId;
use tokio::sync::Semaphore;

use super::Consumer;
use crate::{access::Lane, shares::Hand, steps::check, worker::Worker};

impl Consumer {
    /// Looks at a calendar, or has it looked at when its tenant has a hand free.
    pub(super) async fn look(&self, calendar: CalendarId, lane: Lane) -> Result<(), Failure> {
        let worker = &self.worker;
        let Some(tenant) = worker.tenant_of(calendar).await.or_retry()? else {
            return Ok(());
        };
        let Some(hand) = self.pools.of(lane).take(&tenant, calendar) else {
            return Ok(());
        };
        let looked = check::check(worker, calendar, lane).await;
        if let Some((hand, waiting)) = hand.next() {
            let (worker, turns) = (worker.clone(), self.turns.clone());
            self.spawner
                .spawn("looks", go_on(worker, turns, hand, waiting, lane));
        }
        looked
    }
}

/// Takes up what waited, without a message in hand: of many tenants one calendar each in turn, so that no more
/// is under way than there are hands. What cannot be done now is left to the sweep.
async fn go_on(
    worker: Arc<Worker>,
    turns: Arc<Semaphore>,
    mut hand: Hand,
    mut calendar: CalendarId,
    lane: Lane,
) {
    while let Some(Ok(_turn)) = worker.soft.run_until_cancelled(turns.acquire()).await {
        if check::check(&worker, calendar, lane).await.is_err()
            && let Err(error) = worker.calendars.leave_to_the_sweep(calendar).await
        {
            tracing::warn!(%calendar, %error, "a calendar is swept late");
        }
        let Some(next) = hand.next() else {
            return;
        };
        (hand, calendar) = next;
    }
}
