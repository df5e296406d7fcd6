//! The description of a service that the harness works from.

use futures_util::future::BoxFuture;

/// Brings the schema of a service up to date. A plain function, so that [`Service`] can be a
/// constant: `.with_migrate(|config| Box::pin(migrate(config)))`.
pub type MigrateFn<C> = fn(C) -> BoxFuture<'static, anyhow::Result<()>>;

/// A service, as the harness needs to know it.
pub struct Service<C> {
    /// The name of the binary; also `service.name` of its telemetry.
    pub name: &'static str,
    /// The commented default configuration: `include_str!("../config.default.toml")`.
    pub default_config: &'static str,
    /// What `migrate` does; `None` for a service without a schema.
    pub migrate: Option<MigrateFn<C>>,
}

impl<C> Service<C> {
    /// A service without a schema.
    pub const fn new(name: &'static str, default_config: &'static str) -> Self {
        Self {
            name,
            default_config,
            migrate: None,
        }
    }

    /// The same service, with a schema of its own.
    #[must_use]
    pub const fn with_migrate(mut self, migrate: MigrateFn<C>) -> Self {
        self.migrate = Some(migrate);
        self
    }
}

impl<C> Clone for Service<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Service<C> {}
