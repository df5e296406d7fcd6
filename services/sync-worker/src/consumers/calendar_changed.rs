//! Google pushed. The raise is committed on its own first: from then on the calendar is dirty,
//! whatever happens to this message or this worker.

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler, ResultExt as _};
use roomsync_messages::CalendarChanged;

use super::Consumer;
use crate::access::Lane;

#[async_trait]
impl Handler<CalendarChanged> for Consumer {
    async fn handle(&self, message: CalendarChanged, _: &Delivery) -> Result<(), Failure> {
        let worker = &self.worker;
        let CalendarChanged {
            calendar,
            channel,
            resource,
            sync,
            received_at,
        } = message;
        let listens = worker
            .channels
            .heard(channel, calendar, &resource)
            .await
            .or_retry()?;
        if !listens {
            worker.metrics.push_dropped();
            return Ok(());
        }
        if sync {
            return Ok(());
        }
        if !worker
            .calendars
            .raise(calendar, Some(received_at))
            .await
            .or_retry()?
        {
            worker.metrics.push_dropped();
            return Ok(());
        }
        self.look(calendar, Lane::Live).await
    }
}
