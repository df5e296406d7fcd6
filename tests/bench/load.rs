//! A closed-loop load: a fixed number of clients, each sending the next request when the last one
//! was answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Request};

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answered: usize,
    pub(crate) refused: usize,
    pub(crate) took: Duration,
    pub(crate) latencies: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of a benchmark are small"
        )]
        let answered = self.answered as f64;
        answered / self.took.as_secs_f64()
    }
}

/// The value below which `share` (0..1) of the sorted values lie.
pub(crate) fn percentile(sorted: &[Duration], share: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a benchmark's values"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// Sends what `request` makes from `clients` clients for `duration`.
pub(crate) async fn run(
    clients: usize,
    duration: Duration,
    request: impl Fn(&Client) -> Request + Send + Sync + 'static,
) -> anyhow::Result<Outcome> {
    let client = Client::builder()
        .timeout(Duration::from_secs(10))
        .pool_max_idle_per_host(clients)
        .build()?;
    let request = Arc::new(request);
    let stop = Arc::new(AtomicBool::new(false));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (client, request, stop) = (client.clone(), request.clone(), stop.clone());
        tasks.spawn(async move {
            let (mut latencies, mut refused) = (Vec::new(), 0);
            while !stop.load(Ordering::Relaxed) {
                let sent = Instant::now();
                match client.execute(request(&client)).await {
                    Ok(answer) if answer.status().is_success() => latencies.push(sent.elapsed()),
                    _ => refused += 1,
                }
            }
            (latencies, refused)
        });
    }
    tokio::time::sleep(duration).await;
    stop.store(true, Ordering::Relaxed);
    let (mut latencies, mut refused) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (some, bad) = done?;
        latencies.extend(some);
        refused += bad;
    }
    let took = started.elapsed();
    latencies.sort_unstable();
    Ok(Outcome {
        answered: latencies.len(),
        refused,
        took,
        latencies,
    })
}
