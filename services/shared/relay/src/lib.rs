//! The outbox's way to the broker: the one place that needs both.
//!
//! What it guarantees:
//!
//! * A message whose transaction committed is published, at least once, not before its
//!   `publish_after`, and deleted from the outbox only after the broker's confirm.
//! * Messages for the same queue arrive in the order of their positions. What is published twice,
//!   because the relay or a connection died in between, arrives again under the same id, and its
//!   first arrival is in order.
//! * One relay per schema publishes at a time, whichever replica that is: it holds an advisory lock
//!   of PostgreSQL for as long as its connection lives, and reads and deletes over that same
//!   connection. When the connection dies, the lock and the right to delete die with it.
//!
//! The lock belongs to a session, so the relay must reach PostgreSQL itself or through a pooler that
//! keeps sessions together.
//!
//! To have something published, push it with `roomsync_postgres::outbox`: nothing is added here.

mod metrics;
mod outbox;
mod turn;

use std::time::Duration;

use roomsync_broker::Publisher;
use roomsync_postgres::Database;
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{metrics::Metrics, turn::Turn};

/// How long to wait after the database failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Publishes what is in the schema's outbox until the soft shutdown. PostgreSQL or RabbitMQ may be
/// away at any time, also at the start.
pub async fn run(database: Database, publisher: Publisher, soft: CancellationToken) {
    let metrics = Metrics::new(database.schema());
    let mut failures = 0_u32;
    while !soft.is_cancelled() {
        let turn = tokio::select! {
            () = soft.cancelled() => return,
            turn = Turn::take(&database) => turn,
        };
        let served = match turn {
            Ok(turn) => {
                failures = 0;
                turn.serve(&publisher, &metrics, &soft).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            failures = failures.saturating_add(1);
            if failures == 1 {
                tracing::warn!(%error, schema = database.schema(), "the relay lost postgresql");
            }
            tokio::select! {
                () = soft.cancelled() => return,
                () = time::sleep(AGAIN) => {}
            }
        }
    }
}
