//! Pushes per second that webhook-ingest takes, each answered after RabbitMQ's confirm, beside
//! [`crate::floor`] under the same load, in turns. Both are processes of their own on the same
//! machine as the load and the broker, so the ratio counts, not the number.

use std::{process::Stdio, time::Duration};

use anyhow::Context as _;
use reqwest::{Client, Request};
use roomsync_domain::{CalendarId, ChannelId, channel_token::ChannelTokens};
use roomsync_testkit::{Cluster, Service};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::{
    load::{self, Outcome, percentile},
    report::{line, memory, ms},
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) async fn run(clients: usize, seconds: u64, rounds: usize) -> anyhow::Result<()> {
    let cluster = Cluster::builder("bench push")
        .without(Service::BookingCommand)
        .without(Service::Notification)
        .without(Service::SyncWorker)
        .as_process(Service::WebhookIngest)
        .config(Service::WebhookIngest, |table| {
            let key: toml::Table = [("id", "bench"), ("secret", SECRET)]
                .map(|(k, v)| (k.to_owned(), v.into()))
                .into_iter()
                .collect();
            let mut section = toml::Table::new();
            section.insert("keys".to_owned(), vec![key].into());
            table.insert("channel_tokens".to_owned(), section.into());
        })
        .start()
        .await;
    let mut floor = tokio::process::Command::new(std::env::current_exe()?)
        .arg("floor")
        .arg(cluster.vhost().amqp_url())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = floor.stdout.take().context("the floor's output")?;
    let floor_at = BufReader::new(output)
        .lines()
        .next_line()
        .await?
        .context("its address")?;
    let ingest_at = cluster.address(Service::WebhookIngest, 0, "public");

    let tokens = ChannelTokens::new([("bench", SECRET.as_bytes())])?;
    let (channel, calendar) = (ChannelId::new(), CalendarId::new());
    let token = tokens.sign(channel, calendar);
    let push = |url: String| {
        let token = token.clone();
        move |client: &Client| -> Request {
            client
                .post(&url)
                .header("X-Goog-Channel-ID", channel.to_string())
                .header("X-Goog-Channel-Token", &token)
                .header("X-Goog-Resource-ID", "R6UYSjrlMC-1EVvMMHNoFKl1jDg")
                .header("X-Goog-Resource-State", "exists")
                .header("X-Goog-Message-Number", "2")
                .build()
                .expect("a request")
        }
    };
    let duration = Duration::from_secs(seconds);
    line(&format!(
        "{clients} clients, {seconds} s each, {rounds} rounds in turns"
    ));
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let bare = load::run(clients, duration, push(format!("http://{floor_at}/"))).await?;
        let url = format!("http://{ingest_at}/google/calendar/push");
        let ours = load::run(clients, duration, push(url)).await?;
        line(&format!("round {round}  floor           {}", said(&bare)));
        line(&format!("round {round}  webhook-ingest  {}", said(&ours)));
        ratios.push(ours.per_second() / bare.per_second());
    }
    ratios.sort_by(f64::total_cmp);
    line(&format!(
        "ratio to the floor, median of rounds: {:.2}",
        ratios[ratios.len() / 2]
    ));
    if let Some(pid) = cluster.pid(Service::WebhookIngest, 0) {
        line(&format!("webhook-ingest memory: {}", memory(pid)));
    }
    Ok(())
}

fn said(outcome: &Outcome) -> String {
    format!(
        "{:>7.0}/s  p50 {}  p99 {}  refused {}",
        outcome.per_second(),
        ms(percentile(&outcome.latencies, 0.5)),
        ms(percentile(&outcome.latencies, 0.99)),
        outcome.refused
    )
}
