//! What every process does, so that a service is only its own work.
//!
//! A binary is three lines: [`main`] with a [`Service`] and the service's `run`. The harness
//! installs the crypto provider, reads and validates the configuration before any port opens (exit
//! code 64 when it is bad), sets up logs, traces and metrics, opens the admin port, hands a
//! [`Context`] to `run`, and stops in two stages: soft (finish what is in hand), then hard.
//!
//! Guarantees: nothing of a service starts with a bad configuration; a critical task that fails
//! stops the process with exit code 1; after the grace period nothing keeps the process alive;
//! secrets never appear in `config print`, in errors or in logs.
//!
//! This crate names nothing of ours. To add something every process shall do: give it a module
//! here, a section in [`config::ProcessConfig`] when it has settings, and start it in
//! `lifecycle::live`, so that [`start_in_process`] (tests) and [`main`] stay one path.

mod cli;
pub mod config;
mod context;
mod exit;
pub mod grpc;
mod healthcheck;
mod lifecycle;
mod ports;
mod readiness;
mod service;
mod shutdown;
mod spawner;
pub mod telemetry;
pub mod trace;

pub use config::{ConfigError, ProcessConfig, ServiceConfig};
pub use context::Context;
pub use lifecycle::{Running, main, start_in_process};
pub use ports::Ports;
pub use readiness::{Readiness, ReadyFlag};
pub use service::{AnswerFn, CommandFailure, MigrateFn, OwnCommand, Service};
pub use shutdown::Shutdown;
pub use spawner::Spawner;
pub use tokio_util::{sync::CancellationToken, task::TaskTracker};
