//! Keeps channels open: finds the calendars whose channel work is due (never opened, about to end,
//! refused long enough ago, failed before) and opens a new one for each.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt as _, stream};

use super::open_channel;
use crate::{trouble::Trouble, worker::Worker};

/// So many calendars are taken at once.
const BATCH: i64 = 50;
/// So many watch calls are under way at once.
const AT_ONCE: usize = 8;
/// Where Google does not say when a channel ends, it is replaced after this.
const UNKNOWN_LIFE: Duration = Duration::from_hours(24);

/// Does the channel work that is due.
pub(crate) async fn renew_due(worker: &Worker) -> Result<(), Trouble> {
    if worker.push_address.is_none() {
        return Ok(());
    }
    let due = worker.channels.claim_due(BATCH).await?;
    stream::iter(due)
        .for_each_concurrent(AT_ONCE, |calendar| async move {
            if let Err(trouble) = open_channel::open(worker, &calendar).await {
                tracing::warn!(calendar = %calendar.id, %trouble, "failed to open a channel");
            }
        })
        .await;
    Ok(())
}

/// How long until a channel has to be replaced: at nine tenths of the life that Google gave it, so
/// that the new one overlaps with it and there is time for further tries.
pub(crate) fn renewal(expiration: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Duration {
    let life = expiration.map_or(UNKNOWN_LIFE, |at| (at - now).to_std().unwrap_or_default());
    (life * 9 / 10).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_week(Some(7 * 86_400), 544_320)]
    #[case::a_minute(Some(60), 54)]
    #[case::over(Some(-5), 1)]
    #[case::not_said(None, 77_760)]
    fn a_channel_is_replaced_before_it_ends(#[case] life: Option<i64>, #[case] seconds: u64) {
        let now = DateTime::UNIX_EPOCH;
        let expiration = life.map(|life| now + chrono::TimeDelta::seconds(life));
        assert_eq!(renewal(expiration, now), Duration::from_secs(seconds));
    }
}
