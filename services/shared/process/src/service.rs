//! The description of a service that the harness works from.

use futures_util::future::BoxFuture;

/// Brings the schema of a service up to date. A plain function, so that [`Service`] can be a
/// constant: `.with_migrate(|config| Box::pin(migrate(config)))`.
pub type MigrateFn<C> = fn(C) -> BoxFuture<'static, anyhow::Result<()>>;

/// A further command of a binary, beside those that every binary has.
///
/// It runs with the service's configuration and its own arguments, without the service: no port opens.
/// What it returns is printed. Its log, on standard error, has warnings only.
pub struct OwnCommand<C> {
    /// Its name, help and arguments.
    pub describe: fn() -> clap::Command,
    /// What it does.
    pub answer: AnswerFn<C>,
}

/// What a further command does.
pub type AnswerFn<C> =
    fn(C, clap::ArgMatches) -> BoxFuture<'static, Result<String, CommandFailure>>;

/// Why a further command did not do what it was told.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct CommandFailure {
    /// The exit code that says so.
    pub exit_code: u8,
    /// For whoever called it.
    pub why: String,
}

/// A service, as the harness needs to know it.
pub struct Service<C> {
    /// The name of the binary; also `service.name` of its telemetry.
    pub name: &'static str,
    /// The commented default configuration: `include_str!("../config.default.toml")`.
    pub default_config: &'static str,
    /// What `migrate` does; `None` for a service without a schema.
    pub migrate: Option<MigrateFn<C>>,
    /// A command of its own.
    pub own_command: Option<OwnCommand<C>>,
}

impl<C> Service<C> {
    /// A service without a schema.
    pub const fn new(name: &'static str, default_config: &'static str) -> Self {
        Self {
            name,
            default_config,
            migrate: None,
            own_command: None,
        }
    }

    /// The same service, with a schema of its own.
    #[must_use]
    pub const fn with_migrate(mut self, migrate: MigrateFn<C>) -> Self {
        self.migrate = Some(migrate);
        self
    }

    /// The same service, with a command of its own.
    #[must_use]
    pub const fn with_command(mut self, command: OwnCommand<C>) -> Self {
        self.own_command = Some(command);
        self
    }
}

impl<C> Clone for OwnCommand<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for OwnCommand<C> {}

impl<C> Clone for Service<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Service<C> {}
