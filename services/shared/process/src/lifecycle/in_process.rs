//! Runs a service inside a test: the same path as `main`, without signals, logs and command line.

use std::{future::Future, net::SocketAddr, thread, time::Duration};

use anyhow::{Context as _, anyhow};
use tokio::{
    runtime::Runtime,
    sync::{oneshot, watch},
    time::timeout,
};

use super::{Parts, live, main::install_crypto};
use crate::{Context, Service, ServiceConfig, telemetry};

/// How long a started service may take to open a port or get ready.
const PATIENCE: Duration = Duration::from_secs(30);
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// A service that runs on a runtime of its own, so that [`Running::kill`] is like SIGKILL: every
/// task, connection and port of it is gone, and nothing of it was told.
pub struct Running {
    /// Where the admin port listens.
    pub admin_addr: SocketAddr,
    parts: Parts,
    runtime: Option<Runtime>,
    /// With what, once it has.
    ended: watch::Receiver<Option<String>>,
    outcome: Option<oneshot::Receiver<anyhow::Result<()>>>,
}

/// Starts a service with a configuration that is at hand. Returns once the admin port is open.
pub async fn start_in_process<C, F, Fut>(
    service: Service<C>,
    config: C,
    run: F,
) -> anyhow::Result<Running>
where
    C: ServiceConfig,
    F: FnOnce(Context<C>) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    install_crypto();
    telemetry::install_globals();
    config
        .process()
        .validate()
        .and_then(|()| config.validate())?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(service.name)
        .enable_all()
        .build()
        .context("failed to start a runtime")?;
    let parts = Parts::new(service.name);
    let (report, mut outcome) = oneshot::channel();
    let (end, ended) = watch::channel(None);
    let work = live(config, parts.clone(), run);
    runtime.spawn(async move {
        let result = work.await;
        let with = match &result {
            Ok(()) => "well".to_owned(),
            Err(error) => format!("with: {error:#}"),
        };
        // Nobody may be listening any more; then nobody wants to know.
        let _ = report.send(result);
        end.send_replace(Some(with));
    });

    let announced = parts.ports.clone();
    tokio::select! {
        // In this order: of a service that fails just after, its `Running` tells.
        biased;
        admin_addr = announced.get("admin") => {
            let (runtime, outcome) = (Some(runtime), Some(outcome));
            Ok(Running { admin_addr, parts, runtime, ended, outcome })
        }
        result = &mut outcome => {
            runtime.shutdown_background();
            let failed = result.context("the service vanished")?;
            Err(failed.err().unwrap_or_else(|| anyhow!("the service ended at once")))
        }
    }
}

impl Running {
    /// The address a service announced under `name`.
    pub async fn port(&self, name: &str) -> anyhow::Result<SocketAddr> {
        self.while_running(self.parts.ports.get(name))
            .await
            .with_context(|| format!("the service opened no port called {name}"))
    }

    /// Returns once `/readyz` says 200.
    pub async fn ready(&self) -> anyhow::Result<()> {
        self.while_running(self.parts.readiness.ready())
            .await
            .with_context(|| format!("not ready: {:?}", self.parts.readiness.report().not_ready))
    }

    /// The name of this replica.
    pub fn instance(&self) -> &str {
        &self.parts.instance
    }

    /// Stops like a first SIGTERM and returns what the service ended with.
    pub async fn shutdown(mut self) -> anyhow::Result<()> {
        self.parts.shutdown.trigger();
        let outcome = match self.outcome.take() {
            Some(outcome) => outcome.await.context("the service vanished"),
            None => Ok(Ok(())),
        };
        self.drop_runtime().await;
        outcome?
    }

    /// Stops like SIGKILL: drops everything without a word. Its ports are closed on return.
    pub async fn kill(mut self) {
        self.drop_runtime().await;
    }

    async fn while_running<T>(&self, wait: impl Future<Output = T>) -> anyhow::Result<T> {
        let mut ended = self.ended.clone();
        tokio::select! {
            result = timeout(PATIENCE, wait) => {
                result.with_context(|| format!("waited {PATIENCE:?}"))
            }
            ended = ended.wait_for(Option::is_some) => {
                let with = ended.ok().and_then(|with| with.clone());
                Err(anyhow!("the service has ended {}", with.as_deref().unwrap_or("by a panic")))
            }
        }
    }

    /// Waits outside the runtimes, which must not be blocked.
    async fn drop_runtime(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let (done, gone) = oneshot::channel();
        thread::spawn(move || {
            runtime.shutdown_timeout(LAST_MOMENTS);
            // The test may have ended meanwhile.
            let _ = done.send(());
        });
        // Cannot fail: the thread always answers.
        let _ = gone.await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
