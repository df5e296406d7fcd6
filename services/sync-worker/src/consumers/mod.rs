//! What the messages make this service do, a message a file. Each may arrive twice: the state of the
//! calendar's row makes the work idempotent, there is no inbox.

mod calendar_changed;
mod calendar_refresh;
mod link_due;

use std::sync::Arc;

use crate::worker::Worker;

/// Handles every message of this service.
pub(crate) struct Consumer {
    pub(crate) worker: Arc<Worker>,
}
