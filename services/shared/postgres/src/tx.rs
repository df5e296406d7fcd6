//! Named transactions that run again when PostgreSQL asks for it.

use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram},
};
use sqlx::{PgConnection, Postgres, Transaction, error::DatabaseError};
use tracing::Instrument;

use crate::{Database, error::is_abort, is_worth_retrying};

/// How often a transaction runs at most.
const MAX_RUNS: u32 = 6;

#[derive(Debug)]
pub(crate) struct Metrics {
    duration: Histogram<f64>,
    retries: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("roomsync");
        Self {
            duration: meter
                .f64_histogram("roomsync.db.tx.duration")
                .with_unit("s")
                .with_description("How long a named transaction took, its reruns included")
                .with_boundaries(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
                ])
                .build(),
            retries: meter
                .u64_counter("roomsync.db.tx.retries")
                .with_description(
                    "Reruns of a named transaction after a serialization failure or deadlock",
                )
                .build(),
        }
    }
}

/// Whether the database's refusal is among the causes. A transparent variant leaves out
/// [`sqlx::Error`] itself and shows only the cause of that, so both are looked for.
fn retryable<E: std::error::Error + 'static>(error: &E) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<sqlx::Error>() {
            return is_worth_retrying(error);
        }
        if let Some(error) = error.downcast_ref::<Box<dyn DatabaseError>>() {
            return is_abort(error.as_ref());
        }
        next = error.source();
    }
    false
}

/// A transaction, as its body sees it: it dereferences to the connection.
///
/// `'env` is the life of what the body borrows from its surroundings. It stands here so that the
/// compiler knows that the borrowed outlives the body's future, which an `async` closure cannot yet
/// say in a way that spawned tasks accept.
#[derive(Debug)]
pub struct Tx<'env> {
    inner: Transaction<'static, Postgres>,
    env: PhantomData<&'env ()>,
}

impl Deref for Tx<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

impl Database {
    /// Runs `body` in a transaction and commits it when it returns `Ok`.
    ///
    /// `name` is the label of its metric and its span. When PostgreSQL aborts the transaction in
    /// favour of another, it runs again from the start: `body` does nothing but SQL.
    ///
    /// ```no_run
    /// # use roomsync_postgres::{Database, inbox};
    /// # async fn example(database: Database, id: uuid::Uuid, name: String) -> Result<bool, sqlx::Error> {
    /// let name = &name; // the body may run twice, so it borrows
    /// database.tx("note", |tx| Box::pin(async move {
    ///     inbox::first_time(tx, id, name).await
    /// })).await
    /// # }
    /// ```
    pub async fn tx<'env, T, E, F>(&self, name: &'static str, mut body: F) -> Result<T, E>
    where
        F: for<'c> FnMut(&'c mut Tx<'env>) -> BoxFuture<'c, Result<T, E>> + Send + 'env,
        E: From<sqlx::Error> + std::error::Error + 'static,
    {
        let span = tracing::info_span!("tx", otel.name = name, db.system.name = "postgresql");
        let started = Instant::now();
        let result = self.run(name, &mut body).instrument(span).await;
        let outcome = if result.is_ok() {
            "committed"
        } else {
            "failed"
        };
        self.metrics.duration.record(
            started.elapsed().as_secs_f64(),
            &[KeyValue::new("tx", name), KeyValue::new("outcome", outcome)],
        );
        result
    }

    async fn run<'env, T, E, F>(&self, name: &'static str, body: &mut F) -> Result<T, E>
    where
        F: for<'c> FnMut(&'c mut Tx<'env>) -> BoxFuture<'c, Result<T, E>> + Send + 'env,
        E: From<sqlx::Error> + std::error::Error + 'static,
    {
        let mut run = 1;
        loop {
            match self.answer(self.run_once(body)).await {
                Err(error) if run < MAX_RUNS && retryable(&error) => {
                    self.metrics.retries.add(1, &[KeyValue::new("tx", name)]);
                    tokio::time::sleep(pause(run)).await;
                    run += 1;
                }
                result => return result,
            }
        }
    }

    async fn run_once<'env, T, E, F>(&self, body: &mut F) -> Result<T, E>
    where
        F: for<'c> FnMut(&'c mut Tx<'env>) -> BoxFuture<'c, Result<T, E>> + Send + 'env,
        E: From<sqlx::Error>,
    {
        let mut tx = Tx {
            inner: self.pool().begin().await?,
            env: PhantomData,
        };
        // Dropping the transaction rolls it back, so an error, and a caller that goes away, does.
        let value = body(&mut tx).await?;
        tx.inner.commit().await?;
        Ok(value)
    }
}

/// Grows with every run, and is random so that two that met do not meet again.
fn pause(run: u32) -> Duration {
    let random = u64::from(uuid::Uuid::new_v4().as_fields().0) % 1000;
    Duration::from_micros((4000 << run.min(5)) * (500 + random) / 1000)
}
