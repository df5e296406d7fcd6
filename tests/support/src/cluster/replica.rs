//! One replica of one service: its configuration, its ports, and the process or runtime it lives in.
//! It keeps its ports over kill and restart, so that nobody has to be told.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use chrono::TimeDelta;
use serde_json::Value;
use toml::Table;

use super::{child::Child, host::Host, settings};
use crate::{Service, eventually, found_within, ports};

/// How long a service may take to get ready.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) struct Replica {
    service: Service,
    name: String,
    table: Table,
    file: PathBuf,
    binary: Option<PathBuf>,
    addresses: BTreeMap<&'static str, SocketAddr>,
    host: Option<Host>,
    clock_off: TimeDelta,
    client: reqwest::Client,
}

impl Replica {
    pub(crate) fn new(
        service: Service,
        index: usize,
        table: Table,
        folder: &Path,
        binary: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let name = format!("{service}-{index}");
        let file = folder.join(format!("{name}.toml"));
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()?;
        let (addresses, host) = (BTreeMap::new(), None);
        Ok(Self {
            service,
            name,
            table,
            file,
            binary,
            addresses,
            host,
            clock_off: TimeDelta::zero(),
            client,
        })
    }

    /// From its next start on its clock is wrong by so much.
    pub(crate) fn clock_off(&mut self, by: TimeDelta) {
        self.clock_off = by;
    }

    pub(crate) fn service(&self) -> Service {
        self.service
    }

    pub(crate) fn is_running(&self) -> bool {
        self.host.is_some()
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        match self.host.as_ref()? {
            Host::Child(child) => child.pid(),
            Host::InProcess(_) => None,
        }
    }

    pub(crate) fn address(&self, port: &str) -> SocketAddr {
        *self
            .addresses
            .get(port)
            .unwrap_or_else(|| panic!("{} has no port called {port}", self.name))
    }

    pub(crate) async fn start(&mut self) {
        if let Err(error) = self.try_start().await {
            panic!("{} did not start: {error:#}", self.name);
        }
    }

    /// Starts it, unless it runs.
    pub(crate) async fn try_start(&mut self) -> anyhow::Result<()> {
        if self.host.is_some() {
            return Ok(());
        }
        if self.addresses.is_empty() {
            // It must find its ports free when it is started again, and a process cannot be asked.
            for (port, section) in self.service.ports() {
                let address = SocketAddr::from(([127, 0, 0, 1], ports::take(1)?));
                self.keep_port(port, section, address);
            }
        }
        std::fs::write(&self.file, self.table.to_string())?;
        let host = match &self.binary {
            Some(binary) => Host::Child(Child::spawn(binary, &self.file)?),
            None => Host::InProcess(
                super::host::start(self.service, &self.file, self.clock_off)
                    .await
                    .with_context(|| format!("failed to start {}", self.name))?,
            ),
        };
        if let Host::InProcess(running) = &host {
            for (port, _) in self.service.ports() {
                running.port(port).await?;
            }
        }
        self.host = Some(host);
        Ok(())
    }

    /// From now on it listens there.
    fn keep_port(&mut self, port: &'static str, section: &str, address: SocketAddr) {
        settings::set(
            &mut self.table,
            &format!("{section}.listen"),
            address.to_string().into(),
        );
        self.addresses.insert(port, address);
    }

    pub(crate) async fn kill(&mut self) {
        match self.host.take() {
            Some(Host::InProcess(running)) => running.kill().await,
            Some(Host::Child(child)) => child.kill().await,
            None => {}
        }
    }

    /// Stops it gracefully; panics when it does not end well.
    pub(crate) async fn stop(&mut self) {
        let ended = match self.host.take() {
            Some(Host::InProcess(running)) => running.shutdown().await,
            Some(Host::Child(child)) => child.terminate().await,
            None => Ok(()),
        };
        if let Err(error) = ended {
            panic!("{} did not stop well: {error:#}", self.name);
        }
    }

    pub(crate) async fn ready(&self) {
        let ready = async || self.not_ready().await.is_empty().then_some(());
        if found_within(PATIENCE, ready).await.is_none() {
            let missing = self.not_ready().await;
            let log = match &self.host {
                Some(Host::Child(child)) => child.log(),
                _ => String::new(),
            };
            panic!(
                "{} is not ready after {PATIENCE:?}: {missing:?}\n{log}",
                self.name
            );
        }
    }

    /// What `/readyz` says is missing.
    pub(crate) async fn not_ready(&self) -> Vec<String> {
        let url = format!("http://{}/readyz", self.address("admin"));
        let Ok(answer) = self.client.get(url).send().await else {
            return vec!["admin port".to_owned()];
        };
        let report: Value = answer.json().await.unwrap_or_default();
        match report["not_ready"].as_array() {
            Some(names) => names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
            None => vec!["an answer that says so".to_owned()],
        }
    }

    /// A metric, summed over its labels; where a label is given (`lane="live"`), over those that have it.
    pub(crate) async fn metric(&self, name: &str, label: &str) -> f64 {
        let url = format!("http://{}/metrics", self.address("admin"));
        let text = eventually(PATIENCE, "metrics", async || {
            self.client.get(&url).send().await.ok()?.text().await.ok()
        });
        sum(&text.await, name, label)
    }
}

/// Sums the samples of a metric in Prometheus' text.
fn sum(text: &str, name: &str, label: &str) -> f64 {
    text.lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_not_mistaken_for_a_longer_name() {
        let text = "# HELP a b\na{x=\"1\"} 2\na{x=\"2 3\"} 3\na_total 7\na 1\n";
        assert!((sum(text, "a", "") - 6.0).abs() < f64::EPSILON);
        assert!((sum(text, "a", "x=\"1\"") - 2.0).abs() < f64::EPSILON);
    }
}
