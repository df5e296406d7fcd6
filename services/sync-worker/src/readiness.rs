//! Whether what this service needs is there, for `/readyz`.

use std::time::Duration;

use roomsync_broker::Broker;
use roomsync_postgres::Database;
use roomsync_process::ReadyFlag;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::mirror::Mirror;

/// How often PostgreSQL and booking-command are asked whether they are there.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// PostgreSQL.
pub(crate) async fn database(database: Database, ready: ReadyFlag, soft: CancellationToken) {
    watch(ready, soft, async || database.is_reachable().await).await;
}

/// booking-command: its internal listener answers, and takes our token.
pub(crate) async fn booking_command(mirror: Mirror, ready: ReadyFlag, soft: CancellationToken) {
    watch(ready, soft, async || mirror.is_reachable().await).await;
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

async fn watch(ready: ReadyFlag, soft: CancellationToken, is_there: impl AsyncFn() -> bool) {
    let mut ticks = interval(CHECK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while soft.run_until_cancelled(ticks.tick()).await.is_some() {
        ready.set(is_there().await);
    }
}
