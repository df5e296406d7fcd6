//! Starts tasks that shutdown waits for, and notices the ones that fail.

use std::{
    any::Any,
    collections::BTreeMap,
    future::Future,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::anyhow;
use futures_util::FutureExt as _;
use tokio_util::task::TaskTracker;

use crate::Shutdown;

/// Starts tasks. Every task is waited for in the soft stage and dropped in the hard one.
#[derive(Clone, Debug)]
pub struct Spawner {
    tasks: TaskTracker,
    shutdown: Shutdown,
    failed: Arc<AtomicBool>,
    names: Names,
}

impl Spawner {
    /// A spawner on `tasks`, stopping by `shutdown`.
    pub fn new(tasks: TaskTracker, shutdown: Shutdown) -> Self {
        Self {
            tasks,
            shutdown,
            failed: Arc::default(),
            names: Names::default(),
        }
    }

    /// Starts a task. A panic in it is logged and concerns nobody else.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let hard = self.shutdown.hard();
        let running = self.names.running(name);
        // No span of its own: one that lives as long as the process would make a single endless
        // trace of everything the task ever does.
        self.tasks.spawn(async move {
            let task = hard.run_until_cancelled(task);
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                tracing::error!(task = name, "task panicked: {}", panic_text(&*panic));
            }
            drop(running);
        });
    }

    /// Starts a task the process cannot do without: an error or a panic begins the shutdown and
    /// makes the process exit with code 1. Ending well is allowed at any time.
    pub fn spawn_critical<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<anyhow::Error> + Send + 'static,
    {
        let this = self.clone();
        self.spawn(name, async move {
            let error: anyhow::Error = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.into(),
                Err(panic) => anyhow!("task panicked: {}", panic_text(&*panic)),
            };
            tracing::error!(
                task = name,
                error = format!("{error:#}"),
                "critical task failed"
            );
            this.failed.store(true, Ordering::SeqCst);
            this.shutdown.trigger();
        });
    }

    /// Whether a critical task has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// The tasks that have not ended, for the log of a shutdown: `"looks (3), sweep"`.
    pub(crate) fn running(&self) -> String {
        let names = self.names.lock();
        let said = names.iter().map(|(name, count)| match count {
            1 => (*name).to_owned(),
            count => format!("{name} ({count})"),
        });
        said.collect::<Vec<_>>().join(", ")
    }
}

/// How many tasks of a name run.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Names {
    fn running(&self, name: &'static str) -> Running {
        *self.lock().entry(name).or_default() += 1;
        Running {
            names: self.clone(),
            name,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that runs, until it is dropped.
struct Running {
    names: Names,
    name: &'static str,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut names = self.names.lock();
        if let Some(count) = names.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                names.remove(self.name);
            }
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawner() -> (Spawner, TaskTracker, Shutdown) {
        let (tasks, shutdown) = (TaskTracker::new(), Shutdown::new());
        (
            Spawner::new(tasks.clone(), shutdown.clone()),
            tasks,
            shutdown,
        )
    }

    async fn drain(tasks: TaskTracker) {
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_failing_critical_task_stops_the_process() {
        let (spawner, tasks, shutdown) = spawner();
        spawner.spawn_critical("broken", async { Err(anyhow!("no luck")) });
        shutdown.soft().cancelled().await;
        drain(tasks).await;
        assert!(spawner.has_failed());
        assert!(!shutdown.hard().is_cancelled());
    }

    #[tokio::test]
    async fn a_panicking_critical_task_stops_the_process() {
        let (spawner, tasks, shutdown) = spawner();
        let broken = async {
            if true {
                panic!("on purpose")
            } else {
                anyhow::Ok(())
            }
        };
        spawner.spawn_critical("broken", broken);
        shutdown.soft().cancelled().await;
        drain(tasks).await;
        assert!(spawner.has_failed());
    }

    #[tokio::test]
    async fn a_task_that_ends_well_or_an_ordinary_one_that_panics_stops_nothing() {
        let (spawner, tasks, shutdown) = spawner();
        spawner.spawn_critical("done", async { anyhow::Ok(()) });
        spawner.spawn("unlucky", async { panic!("on purpose") });
        drain(tasks).await;
        assert!(!spawner.has_failed());
        assert!(!shutdown.soft().is_cancelled());
    }

    #[tokio::test]
    async fn the_hard_stage_drops_tasks_that_do_not_end() {
        let (spawner, tasks, shutdown) = spawner();
        spawner.spawn("endless", std::future::pending());
        spawner.spawn("endless", std::future::pending());
        spawner.spawn("sweep", std::future::pending());
        assert_eq!(spawner.running(), "endless (2), sweep");
        shutdown.stop_hard();
        drain(tasks).await;
        assert!(shutdown.soft().is_cancelled());
        assert_eq!(spawner.running(), "");
    }
}
