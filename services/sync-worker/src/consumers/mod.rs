//! What the messages make this service do, a message a file. Each may arrive twice: the state of the
//! calendar's row makes the work idempotent, there is no inbox.

mod calendar_changed;
mod calendar_refresh;
mod link_due;
mod look;

use std::sync::Arc;

use roomsync_process::Spawner;

use tokio::sync::Semaphore;

use crate::{shares::Pools, worker::Worker};

/// Handles every message of this service.
pub(crate) struct Consumer {
    pub(crate) worker: Arc<Worker>,
    /// Whose turn it is, whatever queue its messages come from.
    pub(crate) pools: Pools,
    /// How many looks go on at once without a message in hand.
    pub(crate) turns: Arc<Semaphore>,
    pub(crate) spawner: Spawner,
}

impl Consumer {
    /// Handles messages with the hands that the worker's configuration has.
    pub(crate) fn new(worker: Arc<Worker>, spawner: Spawner) -> Self {
        let hands = usize::from(worker.config.broker.prefetch);
        Self {
            worker,
            pools: Pools::new(hands),
            turns: Arc::new(Semaphore::new(hands)),
            spawner,
        }
    }
}
