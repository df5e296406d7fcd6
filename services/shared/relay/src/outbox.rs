//! The outbox's rows, as the relay reads and deletes them.

use chrono::{DateTime, Utc};
use roomsync_broker::Envelope;
use sqlx::PgConnection;
use uuid::Uuid;

/// A message that is due.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) position: i64,
    message_id: Uuid,
    message_type: String,
    exchange: String,
    body: String,
    traceparent: Option<String>,
    created_at: DateTime<Utc>,
    /// How long it has been due, in seconds.
    pub(crate) due_for: f64,
}

impl From<Row> for Envelope {
    fn from(row: Row) -> Self {
        Self {
            message_id: row.message_id,
            message_type: row.message_type,
            exchange: row.exchange,
            body: row.body.into_bytes(),
            traceparent: row.traceparent,
            timestamp: row.created_at,
        }
    }
}

/// The first messages that are due.
pub(crate) async fn due(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "-- relay.outbox.due
        SELECT position, message_id, message_type, exchange, body::text AS body, traceparent,
            created_at, extract(epoch FROM clock_timestamp() - publish_after)::float8 AS due_for
        FROM outbox
        WHERE publish_after <= now()
        ORDER BY position
        LIMIT $1",
    )
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Forgets what was confirmed; returns how long each had been due.
pub(crate) async fn delete(
    connection: &mut PgConnection,
    positions: &[i64],
) -> Result<Vec<f64>, sqlx::Error> {
    sqlx::query_scalar(
        "-- relay.outbox.delete
        DELETE FROM outbox
        WHERE position = ANY($1)
        RETURNING extract(epoch FROM clock_timestamp() - publish_after)::float8",
    )
    .bind(positions)
    .fetch_all(connection)
    .await
}
