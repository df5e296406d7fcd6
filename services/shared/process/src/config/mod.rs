//! Configuration: a commented default TOML, a file over it, the environment over both.
//!
//! * A service's configuration is a struct with `#[serde(deny_unknown_fields)]` and a field
//!   `process: ProcessConfig`. In the TOML the three sections of [`ProcessConfig`] stand at the top
//!   like any other (`[admin]`, `[telemetry]`, `[shutdown]`); loading gathers them.
//! * `ROOMSYNC__BROKER__PREFETCH=16` sets `broker.prefetch`; values are read as TOML where they
//!   look like it, and taken literally for keys that hold secrets.
//! * Every key can be given as `<key>_file`: its value is then the content of that file, without
//!   the line end. So no struct has a field that ends in `_file`.
//! * Every error names the key and where its value came from, and never repeats a secret.
//!
//! To add a section: a struct in the crate that uses it, a field here or in the service's config,
//! its keys commented in `config.default.toml`, its rules in [`ServiceConfig::validate`].

mod error;
mod layer;
mod loaded;
mod secret;
mod sections;
mod value_files;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use error::ConfigError;
pub(crate) use loaded::Loaded;
pub use sections::{AdminConfig, LogFormat, ProcessConfig, ShutdownConfig, TelemetryConfig};

/// The configuration of a service.
pub trait ServiceConfig: DeserializeOwned + Send + Sync + 'static {
    /// The sections every process has.
    fn process(&self) -> &ProcessConfig;

    /// The rules a type cannot say. Use [`ConfigError::invalid`] with the dotted key; the loader
    /// adds where the value came from. Runs before any port opens.
    fn validate(&self) -> Result<(), ConfigError>;
}

/// Loads and validates a configuration: `defaults`, then `file`, then `env`.
pub fn load<C: ServiceConfig>(
    defaults: &str,
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<C, ConfigError> {
    Loaded::read(defaults, file, env)?.config()
}

#[cfg(test)]
mod tests;
