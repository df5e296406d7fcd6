//! Readiness: PostgreSQL and RabbitMQ, really checked.

use std::time::Duration;

use roomsync_broker::Broker;
use roomsync_postgres::Database;
use roomsync_process::ReadyFlag;
use tokio_util::sync::CancellationToken;

/// How often PostgreSQL is asked whether it is there.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// Follows PostgreSQL until the soft shutdown.
pub(crate) async fn follow_database(database: Database, ready: ReadyFlag, soft: CancellationToken) {
    if !database.wait_until_reachable(&soft).await {
        return;
    }
    loop {
        ready.set(database.is_reachable().await);
        tokio::select! {
            () = soft.cancelled() => return,
            () = tokio::time::sleep(CHECK_EVERY) => {}
        }
    }
}

/// Follows RabbitMQ until the soft shutdown.
pub(crate) async fn follow_broker(broker: Broker, ready: ReadyFlag, soft: CancellationToken) {
    let mut changes = broker.connected_changes();
    loop {
        ready.set(*changes.borrow_and_update());
        tokio::select! {
            () = soft.cancelled() => return,
            told = changes.changed() => if told.is_err() { return },
        }
    }
}
