//! Brings Google to what a booking's row says: what a process did not get done while its caller waited, and what
//! it had no chance to begin. No inbox: the state of the row makes it idempotent.

use std::time::Duration;

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler};
use roomsync_messages::GoogleWriteRequested;

use super::Consumer;
use crate::writing::WriteError;

/// How soon a write is tried again whose tenant has its share of hands.
const AFTER_OTHERS: Duration = Duration::from_secs(1);

#[async_trait]
impl Handler<GoogleWriteRequested> for Consumer {
    async fn handle(
        &self,
        message: GoogleWriteRequested,
        _delivery: &Delivery,
    ) -> Result<(), Failure> {
        let GoogleWriteRequested { tenant, booking } = message;
        let Some(_hand) = self.shares.take(&tenant) else {
            let cause = anyhow::anyhow!("other writes of the tenant come first");
            return Err(Failure::not_now(cause, AFTER_OTHERS));
        };
        match self.writer.bring(&tenant, booking).await {
            Ok(_) => Ok(()),
            Err(WriteError::Later { after: Some(after) }) => {
                Err(Failure::retry_after(WriteError::later(), after))
            }
            Err(error) => Err(Failure::retry(error)),
        }
    }
}
