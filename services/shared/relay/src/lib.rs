//! The outbox's way to the broker.
use roomsync_broker::Publisher;
use roomsync_postgres::Database;
use tokio_util::sync::CancellationToken;

/// Publishes what is in the outbox until the soft shutdown.
pub async fn run(_database: Database, _publisher: Publisher, soft: CancellationToken) {
    soft.cancelled().await;
}
