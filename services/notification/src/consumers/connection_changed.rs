//! `connection.changed`: administrators are told when their connection is lost, and when it works again. Only
//! SQL: transaction, inbox, the state, its mail, commit, ack. Consumed in order.

use std::time::Duration;

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler, ResultExt as _};
use roomsync_messages::{ConnectionChanged, Message as _};
use roomsync_postgres::{Database, inbox};

use crate::mail::{connections, store};

/// Notes the state of connections.
#[derive(Debug)]
pub struct ConnectionChangedConsumer {
    /// Where it is noted.
    pub database: Database,
}

#[async_trait]
impl Handler<ConnectionChanged> for ConnectionChangedConsumer {
    async fn handle(&self, message: ConnectionChanged, delivery: &Delivery) -> Result<(), Failure> {
        let (change, message_id) = (&message, delivery.message_id);
        let noted: Result<_, sqlx::Error> = self
            .database
            .tx("note_connection", |tx| {
                Box::pin(async move {
                    if !inbox::first_time(tx, message_id, ConnectionChanged::QUEUE).await? {
                        return Ok(());
                    }
                    if let Some(notice) = connections::note(tx, change).await? {
                        store::add(tx, &change.tenant, None, &[notice], Duration::ZERO).await?;
                    }
                    Ok(())
                })
            })
            .await;
        noted.or_retry()
    }
}
