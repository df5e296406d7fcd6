//! SIGTERM and SIGINT: the first begins the soft stage, the second the hard one.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Shutdown;

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on the signals no longer end the process by themselves.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Passes signals on, for ever.
    pub(super) async fn pass_on(mut self, shutdown: Shutdown) {
        self.next().await;
        tracing::info!("signal received: stopping");
        shutdown.trigger();
        self.next().await;
        tracing::warn!("second signal received: stopping hard");
        shutdown.stop_hard();
        std::future::pending::<()>().await;
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
