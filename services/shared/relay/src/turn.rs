//! A relay's turn: from taking the schema's lock to the loss of the connection that holds it.

use std::time::Duration;

use roomsync_broker::{Envelope, Publisher};
use roomsync_postgres::{Database, outbox::channel};
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{metrics::Metrics, outbox};

/// How often the outbox and, while another relay has its turn, the lock are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long an answer of PostgreSQL may take; one that does not come means a dead connection.
const ANSWER: Duration = Duration::from_secs(10);
/// How many messages are under way at once.
const BATCH: usize = 500;

/// What became of one look into the outbox.
enum Pass {
    /// There may be more.
    More,
    /// There is no more for now.
    Empty,
    /// Something could not be published and stays.
    Stuck,
}

/// The right to publish the schema's outbox. It lives as long as its connection.
pub(crate) struct Turn {
    connection: PgConnection,
    options: PgConnectOptions,
    schema: &'static str,
}

impl Turn {
    /// Waits for the schema's lock.
    pub(crate) async fn take(database: &Database) -> Result<Self, sqlx::Error> {
        let schema = database.schema();
        let options = database
            .connect_options()
            .clone()
            .application_name(&format!("roomsync-{schema}-relay"));
        let connection = answer(PgConnection::connect_with(&options)).await?;
        let mut turn = Self {
            connection,
            options,
            schema,
        };
        while !turn.try_lock().await? {
            time::sleep(TICK).await;
        }
        tracing::info!(schema, "this relay publishes the outbox");
        Ok(turn)
    }

    async fn try_lock(&mut self) -> Result<bool, sqlx::Error> {
        let lock = sqlx::query_scalar(
            "-- relay.lock
            SELECT pg_try_advisory_lock(hashtextextended('roomsync.relay.' || current_schema(), 0))",
        );
        answer(lock.fetch_one(&mut self.connection)).await
    }

    /// Publishes until the shutdown; fails when the connection does.
    pub(crate) async fn serve(
        mut self,
        publisher: &Publisher,
        metrics: &Metrics,
        soft: &CancellationToken,
    ) -> Result<(), sqlx::Error> {
        let mut bell = self.listen().await;
        while !soft.is_cancelled() {
            match self.pass(publisher, metrics).await? {
                Pass::More => {}
                Pass::Empty => ring(&mut bell, soft).await,
                Pass::Stuck => tick(soft).await,
            }
            if bell.is_none() {
                bell = self.listen().await;
            }
        }
        // The lock goes with the connection; another replica's turn begins at once.
        answer(self.connection.close()).await
    }

    /// One look: what is due is published in order, what is confirmed is deleted.
    async fn pass(
        &mut self,
        publisher: &Publisher,
        metrics: &Metrics,
    ) -> Result<Pass, sqlx::Error> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let rows = answer(outbox::due(&mut self.connection, limit)).await?;
        metrics.oldest(rows.iter().map(|row| row.due_for).fold(0.0, f64::max));
        if rows.is_empty() {
            return Ok(Pass::Empty);
        }
        let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
        let envelopes = rows.into_iter().map(Envelope::from).collect();
        let results = publisher.publish_in_order(envelopes).await;

        let of_each = || positions.iter().zip(&results);
        let confirmed: Vec<_> = of_each()
            .filter(|(_, result)| result.is_ok())
            .map(|(position, _)| *position)
            .collect();
        let first_error =
            of_each().find_map(|(position, result)| Some((position, result.as_ref().err()?)));
        if let Some((position, error)) = first_error {
            let failed = positions.len() - confirmed.len();
            tracing::warn!(%error, position, failed, schema = self.schema, "messages stay in the outbox");
            metrics.failed(failed);
        }
        let stuck = first_error.is_some();
        if !confirmed.is_empty() {
            metrics.published(&answer(outbox::delete(&mut self.connection, &confirmed)).await?);
        }
        Ok(match (stuck, positions.len() == BATCH) {
            (true, _) => Pass::Stuck,
            (false, true) => Pass::More,
            (false, false) => Pass::Empty,
        })
    }

    /// Listens for the outbox's bell. Without it the relay goes by its tick.
    async fn listen(&self) -> Option<PgListener> {
        // A pool of its own: a listener keeps its connection, which the service's pool would miss.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ANSWER)
            .connect_lazy_with(self.options.clone());
        let listening = async {
            let mut bell = PgListener::connect_with(&pool).await?;
            bell.listen(&channel(self.schema)).await?;
            Ok(bell)
        };
        answer(listening).await.ok()
    }
}

/// Waits for the bell, for at most a tick.
async fn ring(bell: &mut Option<PgListener>, soft: &CancellationToken) {
    let Some(listener) = bell else {
        return tick(soft).await;
    };
    let rung = tokio::select! {
        () = soft.cancelled() => return,
        () = time::sleep(TICK) => return,
        rung = listener.recv() => rung,
    };
    if rung.is_err() {
        *bell = None;
        return tick(soft).await;
    }
    // One look answers all that rang meanwhile.
    while listener.next_buffered().is_some() {}
}

async fn tick(soft: &CancellationToken) {
    tokio::select! {
        () = soft.cancelled() => {}
        () = time::sleep(TICK) => {}
    }
}

async fn answer<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    time::timeout(ANSWER, asked)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
