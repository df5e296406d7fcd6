//! Keeps channels open: finds the calendars whose channel work is due (never opened, about to end,
//! refused long enough ago, failed before) and opens a new one for each.

use futures_util::{StreamExt as _, stream};

use super::open_channel;
use crate::{trouble::Trouble, worker::Worker};

/// So many calendars are taken at once.
const BATCH: i64 = 50;
/// So many watch calls are under way at once.
const AT_ONCE: usize = 8;

/// Does the channel work that is due.
pub(crate) async fn renew_due(worker: &Worker) -> Result<(), Trouble> {
    if worker.push_address.is_none() {
        return Ok(());
    }
    while !worker.soft.is_cancelled() {
        let due = worker.channels.claim_due(BATCH).await?;
        let last = due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |calendar| async move {
                if let Err(trouble) = open_channel::open(worker, &calendar).await {
                    tracing::warn!(calendar = %calendar.id, %trouble, "failed to open a channel");
                }
            })
            .await;
        if last {
            break;
        }
    }
    Ok(())
}
