//! Whether what this service needs is there, for `/readyz`.

use std::time::Duration;

use roomsync_broker::Broker;
use roomsync_postgres::Database;
use roomsync_process::ReadyFlag;
use tokio_util::sync::CancellationToken;

use crate::{mirror::Mirror, schedule::Turns};

/// How often PostgreSQL and booking-command are asked whether they are there.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// PostgreSQL.
pub(crate) async fn database(database: Database, ready: ReadyFlag, soft: CancellationToken) {
    let mut turns = Turns::new(CHECK_EVERY, soft);
    while turns.next().await {
        ready.set(database.is_reachable().await);
    }
}

/// booking-command: its internal listener answers, and takes our token.
pub(crate) async fn booking_command(mirror: Mirror, ready: ReadyFlag, soft: CancellationToken) {
    let mut turns = Turns::new(CHECK_EVERY, soft);
    while turns.next().await {
        ready.set(mirror.is_reachable().await);
    }
}

/// RabbitMQ.
pub(crate) async fn broker(broker: Broker, ready: ReadyFlag, soft: CancellationToken) {
    let mut changes = broker.connected_changes();
    loop {
        ready.set(*changes.borrow_and_update());
        match soft.run_until_cancelled(changes.changed()).await {
            Some(Ok(())) => {}
            _ => return,
        }
    }
}
