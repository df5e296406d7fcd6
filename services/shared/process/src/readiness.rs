//! What `/readyz` answers: a named flag per dependency that is really checked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::sync::watch;

use crate::Shutdown;

/// The flags of a process. Ready means: at least one flag or a finished start, all flags true, and
/// no shutdown begun.
#[derive(Clone, Debug)]
pub struct Readiness {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    shutdown: Shutdown,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    flags: BTreeMap<&'static str, bool>,
}

/// One dependency's flag.
#[derive(Clone, Debug)]
pub struct ReadyFlag {
    name: &'static str,
    inner: Arc<Inner>,
}

/// The body of `/readyz`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) ready: bool,
    /// The names one has to look at, also `start` and `shutdown`.
    pub(crate) not_ready: Vec<&'static str>,
    pub(crate) checks: BTreeMap<&'static str, bool>,
}

impl Readiness {
    /// No flags yet, so not ready.
    pub fn new(shutdown: Shutdown) -> Self {
        let inner = Inner {
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            shutdown,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Adds a dependency, not ready until its flag is set. Register all of them before the first
    /// `await` of `run`, so that `/readyz` never speaks for only some.
    pub fn register(&self, name: &'static str) -> ReadyFlag {
        self.inner.change(|state| state.flags.insert(name, false));
        ReadyFlag {
            name,
            inner: self.inner.clone(),
        }
    }

    /// `run` has returned: a service without flags is ready now.
    pub(crate) fn started(&self) {
        self.inner.change(|state| state.started = true);
    }

    pub(crate) fn report(&self) -> Report {
        let state = self.inner.lock();
        let mut not_ready: Vec<_> = state
            .flags
            .iter()
            .filter(|(_, ready)| !**ready)
            .map(|(name, _)| *name)
            .collect();
        if !state.started && state.flags.is_empty() {
            not_ready.push("start");
        }
        if self.inner.shutdown.soft().is_cancelled() {
            not_ready.push("shutdown");
        }
        Report {
            ready: not_ready.is_empty(),
            not_ready,
            checks: state.flags.clone(),
        }
    }

    /// Returns once everything is ready.
    pub(crate) async fn ready(&self) {
        let mut changes = self.inner.changed.subscribe();
        while !self.report().ready {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

impl ReadyFlag {
    /// Says whether the dependency is there.
    pub fn set(&self, ready: bool) {
        let before = self
            .inner
            .change(|state| state.flags.insert(self.name, ready));
        if before != Some(ready) {
            tracing::info!(check = self.name, ready, "readiness changed");
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_replace(());
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readiness() -> (Readiness, Shutdown) {
        let shutdown = Shutdown::new();
        (Readiness::new(shutdown.clone()), shutdown)
    }

    #[test]
    fn a_process_without_flags_is_ready_once_it_has_started() {
        let (readiness, _) = readiness();
        assert_eq!(readiness.report().not_ready, ["start"]);
        readiness.started();
        assert!(readiness.report().ready);
    }

    #[test]
    fn the_report_names_what_is_not_ready() {
        let (readiness, _) = readiness();
        let (database, broker) = (readiness.register("database"), readiness.register("broker"));
        broker.set(true);
        assert_eq!(
            serde_json::to_value(readiness.report()).unwrap(),
            serde_json::json!({
                "ready": false,
                "not_ready": ["database"],
                "checks": { "broker": true, "database": false },
            }),
        );
        database.set(true);
        assert!(readiness.report().ready);
    }

    #[test]
    fn a_process_that_stops_is_not_ready() {
        let (readiness, shutdown) = readiness();
        readiness.register("database").set(true);
        shutdown.trigger();
        assert_eq!(readiness.report().not_ready, ["shutdown"]);
    }
}
