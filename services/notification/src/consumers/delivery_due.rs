//! `delivery.due`: sends a webhook what it has not taken of an object. It calls outside, so it has no
//! inbox: the row's place, its lease and its one message make a second arrival harmless.

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler, ResultExt as _};
use roomsync_messages::DeliveryDue;

use crate::webhooks::deliver::{Deliveries, End};

/// Sends what is due.
#[derive(Debug)]
pub struct DeliveryDueConsumer {
    /// How.
    pub deliveries: Deliveries,
}

#[async_trait]
impl Handler<DeliveryDue> for DeliveryDueConsumer {
    async fn handle(&self, message: DeliveryDue, delivery: &Delivery) -> Result<(), Failure> {
        let delivered = self.deliveries.deliver(&message, delivery).await;
        match delivered.or_retry()? {
            End::Done => Ok(()),
            End::Later { why, after } => Err(Failure::Retry {
                cause: anyhow::Error::msg(why),
                after,
            }),
            End::GivenUp { why } => Err(Failure::reject(anyhow::Error::msg(why))),
        }
    }
}
