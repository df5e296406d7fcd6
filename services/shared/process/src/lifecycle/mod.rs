//! From start to end of a process: one path for the binary and for tests.

mod admin;
mod drive;
mod in_process;
mod main;
mod signals;

use std::{future::Future, sync::Arc};

use anyhow::Context as _;
use tokio_util::task::TaskTracker;

pub use in_process::{Running, start_in_process};
pub use main::main;

use crate::{Context, Ports, Readiness, ServiceConfig, Shutdown, Spawner};

/// What the harness and the service share.
#[derive(Clone)]
struct Parts {
    shutdown: Shutdown,
    tasks: TaskTracker,
    spawner: Spawner,
    readiness: Readiness,
    ports: Ports,
    instance: Arc<str>,
}

impl Parts {
    fn new(service: &str) -> Self {
        let (shutdown, tasks) = (Shutdown::new(), TaskTracker::new());
        Self {
            spawner: Spawner::new(tasks.clone(), shutdown.clone()),
            readiness: Readiness::new(shutdown.clone()),
            shutdown,
            tasks,
            ports: Ports::default(),
            instance: instance(service).into(),
        }
    }
}

/// The name of this replica: the host's (a pod's name is one) and something that tells apart two
/// processes of one host.
fn instance(service: &str) -> String {
    let host = std::env::var_os("HOSTNAME").and_then(|host| host.into_string().ok());
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", host.as_deref().unwrap_or(service), &unique[..6])
}

/// Opens the admin port, runs the service, and returns once it has stopped.
async fn live<C, F, Fut>(config: C, parts: Parts, run: F) -> anyhow::Result<()>
where
    C: ServiceConfig,
    F: FnOnce(Context<C>) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let process = config.process().clone();
    let admin = admin::Admin::bind(process.admin.listen)
        .await
        .with_context(|| format!("failed to open the admin port {}", process.admin.listen))?;
    parts.ports.announce("admin", admin.address);

    let context = Context {
        config,
        shutdown: parts.shutdown.clone(),
        tasks: parts.tasks.clone(),
        readiness: parts.readiness.clone(),
        spawner: parts.spawner.clone(),
        ports: parts.ports.clone(),
        instance: parts.instance.to_string(),
    };
    // The admin port answers until the very end, so that a probe sees the shutdown.
    tokio::select! {
        outcome = drive::drive(run(context), &parts, process.shutdown.grace) => outcome,
        outcome = admin.serve(parts.readiness.clone()) => outcome.context("the admin port failed"),
    }
}

#[cfg(test)]
mod tests;
