//! Runs the service and stops it in two stages.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use anyhow::{anyhow, bail};
use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::Parts;
use crate::spawner::panic_text;

/// How long dropped tasks may take to be gone. They only have to reach their next await.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// Polls `run` until shutdown; then gives it and every task `grace` to finish; then drops all.
pub(super) async fn drive(
    run: impl Future<Output = anyhow::Result<()>>,
    parts: &Parts,
    grace: Duration,
) -> anyhow::Result<()> {
    let (soft, hard) = (parts.shutdown.soft(), parts.shutdown.hard());
    let mut outcome = None;
    let forced = {
        let run = async {
            let result = AssertUnwindSafe(run).catch_unwind().await;
            result.unwrap_or_else(|panic| Err(anyhow!("run panicked: {}", panic_text(&*panic))))
        };
        let mut run = std::pin::pin!(run);
        tokio::select! {
            biased;
            result = &mut run => {
                let failed = result.is_err();
                outcome = Some(result);
                if failed {
                    parts.shutdown.trigger();
                } else {
                    parts.readiness.started();
                }
                soft.cancelled().await;
            }
            () = soft.cancelled() => {}
        }
        tracing::info!(
            tasks = parts.tasks.len(),
            "stopping: finishing what is in hand"
        );

        let finish = async {
            if outcome.is_none() {
                outcome = Some(run.await);
            }
            parts.tasks.close();
            parts.tasks.wait().await;
        };
        tokio::select! {
            biased;
            // First: the hard stage drops tasks, and to be dropped is not to be finished.
            () = hard.cancelled() => true,
            () = finish => false,
            () = tokio::time::sleep(grace) => true,
        }
    };
    let left = parts.spawner.running();
    parts.shutdown.stop_hard();
    parts.tasks.close();
    let gone = timeout(LAST_MOMENTS, parts.tasks.wait()).await.is_ok();

    outcome.unwrap_or(Ok(()))?;
    if parts.spawner.has_failed() {
        bail!("a critical task failed");
    }
    if forced {
        bail!(
            "stopped hard with work in hand{}{left}{}",
            if left.is_empty() { "" } else { ": " },
            if gone { "" } else { ", and not all let go" }
        );
    }
    tracing::info!("stopped");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(20);

    struct OnDrop(Arc<AtomicBool>);

    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// A task that never ends by itself, and a flag that says it was dropped.
    fn endless(parts: &Parts) -> Arc<AtomicBool> {
        let dropped = Arc::new(AtomicBool::new(false));
        let guard = OnDrop(dropped.clone());
        parts.spawner.spawn("endless", async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        dropped
    }

    #[tokio::test]
    async fn the_soft_stage_waits_for_what_is_in_hand() {
        let parts = Parts::new("test");
        let soft = parts.shutdown.soft();
        let done = Arc::new(AtomicBool::new(false));
        let (finished, (last_word, word)) = (done.clone(), tokio::sync::oneshot::channel());
        parts.spawner.spawn("careful", async move {
            soft.cancelled().await;
            finished.store(word.await.is_ok(), Ordering::SeqCst);
        });
        parts.shutdown.trigger();
        let stopping = drive(async { Ok(()) }, &parts, LONG);
        let (outcome, _) = tokio::join!(stopping, async {
            tokio::task::yield_now().await;
            last_word.send(())
        });
        outcome.unwrap();
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn the_hard_stage_begins_when_the_grace_is_over() {
        let parts = Parts::new("test");
        let dropped = endless(&parts);
        let started = tokio::time::Instant::now();
        parts.shutdown.trigger();
        let error = drive(async { Ok(()) }, &parts, SHORT).await.unwrap_err();
        assert_eq!(error.to_string(), "stopped hard with work in hand: endless");
        assert!(started.elapsed() >= SHORT);
        assert!(dropped.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_second_signal_ends_the_grace_at_once() {
        let parts = Parts::new("test");
        let dropped = endless(&parts);
        let started = tokio::time::Instant::now();
        parts.shutdown.stop_hard();
        drive(std::future::pending(), &parts, LONG)
            .await
            .unwrap_err();
        assert!(started.elapsed() < LONG);
        assert!(dropped.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_run_that_fails_or_panics_ends_the_process_with_its_error() {
        let parts = Parts::new("test");
        let error = drive(async { Err(anyhow!("no luck")) }, &parts, LONG)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "no luck");

        let parts = Parts::new("test");
        let run = async { if true { panic!("on purpose") } else { Ok(()) } };
        let error = drive(run, &parts, LONG).await.unwrap_err();
        assert_eq!(error.to_string(), "run panicked: on purpose");
    }

    #[tokio::test]
    async fn a_failed_critical_task_ends_the_process_with_an_error() {
        let parts = Parts::new("test");
        parts
            .spawner
            .spawn_critical("broken", async { Err(anyhow!("no luck")) });
        let error = drive(async { Ok(()) }, &parts, LONG).await.unwrap_err();
        assert_eq!(error.to_string(), "a critical task failed");
    }
}
