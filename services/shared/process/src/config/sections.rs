//! The sections every process has.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use super::ConfigError;

/// `[admin]`, `[telemetry]` and `[shutdown]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessConfig {
    /// The admin port.
    pub admin: AdminConfig,
    /// Logs, traces and metrics.
    pub telemetry: TelemetryConfig,
    /// How the process stops.
    pub shutdown: ShutdownConfig,
}

/// The port for probes and metrics. Not for the outside world.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where to listen.
    pub listen: SocketAddr,
}

/// Logs, traces and metrics.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Where traces go by OTLP over gRPC; empty or absent: nowhere.
    pub otlp_endpoint: Option<String>,
    /// What is logged, in the directives of `tracing-subscriber`: `info,lapin=warn`.
    pub log: String,
    /// How it is written.
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// An object per line, for machines.
    Json,
    /// For people.
    Text,
}

/// How the process stops.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownConfig {
    /// How long work in hand may take after the first signal.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 9000)),
        }
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            log: "info".to_owned(),
            log_format: LogFormat::Json,
        }
    }
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
        }
    }
}

impl ProcessConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.telemetry.filter()?;
        match self.telemetry.endpoint().map(url::Url::parse) {
            None => Ok(()),
            Some(Ok(url)) if matches!(url.scheme(), "http" | "https") => Ok(()),
            Some(_) => {
                let problem = "expected an http:// or https:// address";
                Err(ConfigError::invalid("telemetry.otlp_endpoint", problem))
            }
        }
    }
}

impl TelemetryConfig {
    pub(crate) fn filter(&self) -> Result<EnvFilter, ConfigError> {
        EnvFilter::builder().parse(&self.log).map_err(|error| {
            ConfigError::invalid("telemetry.log", format!("not a log filter: {error}"))
        })
    }

    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.otlp_endpoint
            .as_deref()
            .filter(|endpoint| !endpoint.is_empty())
    }
}
