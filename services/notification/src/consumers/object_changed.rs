//! `object.changed`: into the log. Only SQL: transaction, inbox, append, commit, ack.
//!
//! The queue is consumed in order, by one replica at a time; the others stand by. When another one takes
//! over, the two may hold neighbouring versions of one object and commit them the wrong way round. The
//! versions repair that: see [`crate::log`].

use std::sync::Arc;

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler, ResultExt as _};
use roomsync_messages::{Message as _, ObjectChanged};
use roomsync_postgres::{Database, inbox};

use crate::{
    log::append::{self, Change, Outcome, Waits},
    metrics::Metrics,
};

/// Appends what booking-command says has changed.
#[derive(Debug)]
pub struct ObjectChangedConsumer {
    /// Where the log is.
    pub database: Database,
    /// How long what comes of a change waits.
    pub waits: Waits,
    /// What is measured.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl Handler<ObjectChanged> for ObjectChangedConsumer {
    async fn handle(&self, message: ObjectChanged, delivery: &Delivery) -> Result<(), Failure> {
        if message.version < 1 {
            return Err(Failure::reject(anyhow::Error::msg(
                "versions of objects begin at 1",
            )));
        }
        let (message_id, waits) = (delivery.message_id, self.waits);
        let change = &Change {
            change_id: message_id.to_string(),
            body: message,
        };
        let appended: Result<_, sqlx::Error> = self
            .database
            .tx("append_change", |tx| {
                Box::pin(async move {
                    if inbox::first_time(tx, message_id, ObjectChanged::QUEUE).await? {
                        append::append(tx, change, waits).await
                    } else {
                        Ok(Outcome::Duplicate)
                    }
                })
            })
            .await;
        let outcome = appended.or_retry()?;
        if outcome == Outcome::Held {
            tracing::debug!(
                tenant = %change.body.tenant,
                object = %change.body.object,
                version = change.body.version,
                "a version came before its predecessor and is held"
            );
        }
        self.metrics.arrived(&outcome);
        Ok(())
    }
}
