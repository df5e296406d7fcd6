//! What a service is handed when it starts.

use std::future::Future;

use tokio_util::task::TaskTracker;

use crate::{Ports, Readiness, Shutdown, Spawner};

/// Everything `run` may use; nothing is read from globals. Destructure it, so that one sees what a
/// service needs.
pub struct Context<C> {
    /// The validated configuration.
    pub config: C,
    /// The two stages of stopping.
    pub shutdown: Shutdown,
    /// The tasks shutdown waits for. Prefer `spawner`, which also notices failures.
    pub tasks: TaskTracker,
    /// What `/readyz` answers.
    pub readiness: Readiness,
    /// Starts tasks that shutdown waits for; cloneable, to hand into parts of the service.
    pub spawner: Spawner,
    /// Bound addresses, announced so that tests (which bind port 0) find them.
    pub ports: Ports,
    /// The name of this replica, for leases and telemetry.
    pub instance: String,
}

impl<C> Context<C> {
    /// Starts a task the process cannot do without: when it fails or panics, the process stops
    /// with exit code 1.
    pub fn spawn_critical<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<anyhow::Error> + Send + 'static,
    {
        self.spawner.spawn_critical(name, task);
    }
}
