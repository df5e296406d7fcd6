//! Waiting until nothing is left to do, so that what is counted afterwards is complete and what is
//! measured next is not disturbed by what was before.

use std::time::Duration;

use anyhow::{Context as _, bail};
use roomsync_testkit::{Cluster, Service, found_within};

/// Calendars that are dirty or being listed, channels that are being opened, and messages that wait to
/// be published.
const LEFT: &str = "
    SELECT (SELECT count(*) FROM sync.calendars
            WHERE state = 'open'
              AND (generation_done < generation_wanted OR lease_until > now()))
         + (SELECT count(*) FROM sync.channels WHERE state = 'opening')
         + (SELECT count(*) FROM booking.outbox)";

/// Waits until every push that was taken is handled, no calendar is dirty or being listed, and no change
/// waits to be published. `replicas`: of sync-worker.
pub(crate) async fn wait(
    cluster: &Cluster,
    replicas: usize,
    within: Duration,
) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .build()?;
    let mut seen = String::new();
    let quiet = found_within(within, async || {
        match left(cluster, replicas, &client).await {
            Ok(None) => Some(()),
            Ok(Some(left)) => {
                seen = left;
                None
            }
            Err(error) => {
                seen = format!("{error:#}");
                None
            }
        }
    });
    if quiet.await.is_none() {
        bail!("it did not become quiet within {within:?}: {seen}");
    }
    Ok(())
}

/// What is left to do; `None` for nothing.
async fn left(
    cluster: &Cluster,
    replicas: usize,
    client: &reqwest::Client,
) -> anyhow::Result<Option<String>> {
    let pushes = cluster.google().pushes();
    let taken = pushes
        .iter()
        .filter(|push| {
            push.answers
                .last()
                .is_some_and(|answer| *answer == Some(200))
        })
        .count();
    let mut handled = 0;
    for index in 0..replicas {
        let admin = cluster.address(Service::SyncWorker, index, "admin");
        let text = client
            .get(format!("http://{admin}/metrics"))
            .send()
            .await?
            .text()
            .await?;
        handled += settled(&text);
    }
    if handled < taken {
        return Ok(Some(format!("{handled} of {taken} pushes are handled")));
    }
    // After the pushes: each made its calendar dirty before it counted as handled.
    let left: i64 = sqlx::query_scalar(LEFT)
        .fetch_one(cluster.database().pool())
        .await
        .context("the database could not be looked into")?;
    Ok((left > 0).then(|| format!("{left} rows have something to do")))
}

/// How many messages `calendar.changed` a sync-worker is through with, in Prometheus' text.
fn settled(metrics: &str) -> usize {
    metrics
        .lines()
        .filter(|line| line.starts_with("roomsync_messages_consumed_total{"))
        .filter(|line| line.contains("type=\"calendar.changed\""))
        .filter(|line| !line.contains("outcome=\"retried\""))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_tried_again_is_not_handled_yet() {
        let metrics = "# HELP roomsync_messages_consumed_total Messages handled, by outcome\n\
            roomsync_messages_consumed_total{outcome=\"done\",type=\"calendar.changed\"} 5\n\
            roomsync_messages_consumed_total{outcome=\"retried\",type=\"calendar.changed\"} 2\n\
            roomsync_messages_consumed_total{outcome=\"rejected\",type=\"calendar.changed\"} 1\n\
            roomsync_messages_consumed_total{outcome=\"done\",type=\"link.due\"} 9\n";
        assert_eq!(settled(metrics), 6);
    }
}
