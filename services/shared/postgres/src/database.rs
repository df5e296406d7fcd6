//! A service's pool of connections.

use std::{io, sync::Arc, time::Duration};

use sqlx::{
    PgConnection, PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{DatabaseConfig, InvalidConfig, tx::Metrics};

/// How long a check of reachability may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait between two checks.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// How long a connection may take to say that it is whole when it goes back into the pool.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// The database of one service, in that service's schema.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
    schema: &'static str,
    options: Arc<PgConnectOptions>,
    patience: Duration,
    pub(crate) metrics: Arc<Metrics>,
}

/// Whether a connection may serve somebody else; one that may not is closed.
///
/// sqlx (0.9.0) knows of a transaction once it has read the answer to `BEGIN`. Whoever is cut off before, by a
/// deadline, leaves one that nobody ends: all that comes over the connection would be part of it, and fail
/// for ever after the first error. In a transaction time stands still; that tells.
async fn is_clean(connection: &mut PgConnection) -> sqlx::Result<bool> {
    // Sent as it is: a prepared statement's time is later than its transaction's in any case.
    let row = sqlx::raw_sql("SELECT now() = statement_timestamp() AS clean")
        .fetch_one(connection)
        .await?;
    row.try_get("clean")
}

impl Database {
    /// Makes the pool without connecting. Fails only when the address cannot be read.
    pub fn connect_lazy(
        config: &DatabaseConfig,
        schema: &'static str,
    ) -> Result<Self, InvalidConfig> {
        let options = config
            .connect_options()?
            .application_name(&format!("roomsync-{schema}"))
            .options([
                ("search_path", format!("{schema},public")),
                (
                    "statement_timeout",
                    config.statement_timeout.as_millis().to_string(),
                ),
                ("timezone", "UTC".to_owned()),
                // A peer that vanished without a word must not hold the relay's lock for two hours.
                ("tcp_keepalives_idle", "10".to_owned()),
                ("tcp_keepalives_interval", "5".to_owned()),
                ("tcp_keepalives_count", "3".to_owned()),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            // A connection whose peer is silent would go back for ever and keep its place in the pool.
            .after_release(|connection, _| {
                Box::pin(async move {
                    let clean = timeout(RELEASE_TIMEOUT, is_clean(connection)).await;
                    clean.unwrap_or_else(|_| Err(silent()))
                })
            })
            .connect_lazy_with(options.clone());
        Ok(Self {
            pool,
            schema,
            options: Arc::new(options),
            patience: config
                .statement_timeout
                .saturating_mul(3)
                .saturating_add(config.acquire_timeout),
            metrics: Arc::new(Metrics::new()),
        })
    }

    /// The pool, for single statements.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The service's schema.
    pub fn schema(&self) -> &'static str {
        self.schema
    }

    /// How to open a connection that is not the pool's, for who holds one for long.
    pub fn connect_options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// Waits for what was asked of PostgreSQL, but not for ever: `statement_timeout` is kept by the
    /// server, and one that vanished keeps nothing. The bound is that of a transaction's run, three
    /// statements of the longest kind and the wait for a connection.
    pub async fn answer<T, E: From<sqlx::Error>>(
        &self,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        timeout(self.patience, asked)
            .await
            .unwrap_or_else(|_| Err(silent().into()))
    }

    /// PostgreSQL answers right now.
    pub async fn is_reachable(&self) -> bool {
        let check = sqlx::query("-- database.is_reachable\nSELECT 1").execute(&self.pool);
        matches!(timeout(CHECK_TIMEOUT, check).await, Ok(Ok(_)))
    }

    /// Waits until PostgreSQL answers; `false` when the shutdown came first.
    pub async fn wait_until_reachable(&self, shutdown: &CancellationToken) -> bool {
        let mut told = false;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return false,
                reachable = self.is_reachable() => if reachable { return true },
            }
            if !told {
                tracing::warn!(schema = self.schema, "waiting for postgresql");
                told = true;
            }
            tokio::select! {
                () = shutdown.cancelled() => return false,
                () = tokio::time::sleep(CHECK_EVERY) => {}
            }
        }
    }
}

fn silent() -> sqlx::Error {
    let error = io::Error::new(io::ErrorKind::TimedOut, "postgresql fell silent");
    sqlx::Error::Io(error)
}
