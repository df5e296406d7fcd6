//! Brings Google to what a booking's row says: what a process did not get done while its caller waited, and what
//! it had no chance to begin. No inbox: the state of the row makes it idempotent.

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler};
use roomsync_messages::GoogleWriteRequested;

use super::Consumer;
use crate::writing::WriteError;

#[async_trait]
impl Handler<GoogleWriteRequested> for Consumer {
    async fn handle(
        &self,
        message: GoogleWriteRequested,
        _delivery: &Delivery,
    ) -> Result<(), Failure> {
        let GoogleWriteRequested { tenant, booking } = message;
        match self.writer.bring(&tenant, booking).await {
            Ok(_) => Ok(()),
            Err(WriteError::Later { after: Some(after) }) => {
                Err(Failure::retry_after(WriteError::later(), after))
            }
            Err(error) => Err(Failure::retry(error)),
        }
    }
}
