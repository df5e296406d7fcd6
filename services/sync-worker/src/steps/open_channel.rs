//! Opens a watch channel. There is no renewal at Google: a second channel is opened with a new id,
//! then the first is stopped, so pushes never pause.
//!
//! The row is stored before the call: the first push may come before the answer, and what is not
//! stored can never be stopped. When the answer is lost, a push through the channel completes it.

use std::time::Duration;

use roomsync_domain::ChannelId;
use roomsync_google::{Advice, GoogleError, WatchRequest};

use super::{channel_plan, close_calendar, report};
use crate::{
    access::{Actor, Share},
    config::{PushConfig, SyncConfig},
    store::{channels::LiveChannel, rows::Calendar},
    trouble::{Trouble, react, report as to_report},
    worker::Worker,
};

/// Opens a channel for a calendar whose channel work was claimed, and plans the next channel work
/// whatever comes of it. Without a push address there is nothing to open.
pub(crate) async fn open(worker: &Worker, calendar: &Calendar) -> Result<(), Trouble> {
    let opened = try_open(worker, calendar).await;
    match &opened {
        Ok(Some(delay)) => worker.channels.due_in(calendar.id, *delay).await?,
        Ok(None) => {}
        Err(Trouble::Google(GoogleError::PushRefused)) => {
            let delay = worker.config.push.retry_refused;
            worker.channels.push_refused(calendar.id, delay).await?;
            report::coverage(worker, calendar).await;
            return Ok(());
        }
        Err(trouble) => {
            let left = worker.channels.left(calendar.id).await?;
            let delay = retry_in(trouble, &worker.config.push, &worker.config.sync, left);
            worker.channels.due_in(calendar.id, delay).await?;
        }
    }
    opened.map(drop)
}

/// When the channel has to be renewed; `None` without a push address, or when another channel was
/// opened meanwhile, or the calendar closed.
async fn try_open(worker: &Worker, calendar: &Calendar) -> Result<Option<Duration>, Trouble> {
    let Some(address) = worker.push_address.clone() else {
        worker
            .channels
            .due_in(calendar.id, worker.config.push.retry_refused)
            .await?;
        return Ok(None);
    };
    // Before what has not begun: until the room has a channel it is polled, and that costs more calls than this.
    let lease = worker
        .access
        .acquire(&calendar.tenant, Actor::Rooms, Share::Begun)
        .await?;
    let channel = ChannelId::new();
    if !worker
        .channels
        .opening(channel, calendar.id, &lease.subject)
        .await?
    {
        return Ok(None);
    }
    let request = WatchRequest {
        channel,
        address,
        token: worker.tokens.sign(channel, calendar.id),
        ttl: worker.config.push.ttl,
    };
    let watched = worker
        .google
        .watch_events(&lease.access, calendar.resource.as_str(), &request)
        .await;
    match watched {
        Ok(watched) => {
            let opened = worker
                .channels
                .opened(channel, &watched.resource_id, watched.expiration)
                .await?;
            if !opened.in_use {
                let late = LiveChannel {
                    id: channel,
                    subject: lease.subject,
                    resource_id: Some(watched.resource_id),
                };
                // Should this fail, the next renewal or closing finds it and tries again.
                close_calendar::stop_channel(worker, calendar, &late, false).await?;
                return Ok(None);
            }
            after_opening(worker, calendar, channel).await?;
            Ok(Some(channel_plan::renewal(opened.life)))
        }
        Err(error) => {
            refused(worker, calendar, channel, &error).await?;
            Err(error.into())
        }
    }
}

/// The older channels go. A change may have been told through one of them only, just before: one
/// look more makes sure.
async fn after_opening(
    worker: &Worker,
    calendar: &Calendar,
    channel: ChannelId,
) -> Result<(), Trouble> {
    let stopped = close_calendar::stop_channels(worker, calendar, Some(channel), false).await;
    if let Err(trouble) = stopped {
        // They end by themselves; the next renewal tries again.
        tracing::warn!(calendar = %calendar.id, %trouble, "failed to stop an older channel");
    }
    worker.calendars.raise(calendar.id, None).await?;
    report::coverage(worker, calendar).await;
    Ok(())
}

/// A refused channel does not exist. One whose answer was lost may: it stays as it is.
async fn refused(
    worker: &Worker,
    calendar: &Calendar,
    channel: ChannelId,
    error: &GoogleError,
) -> Result<(), Trouble> {
    let known = !matches!(
        error,
        GoogleError::Unreachable(_)
            | GoogleError::Unavailable { .. }
            | GoogleError::Unreadable(_)
            | GoogleError::ChannelIdTaken
    );
    if known {
        worker.channels.failed(channel).await?;
    }
    // That an account has written too much, if that is what a watch call counts as, is no reason to stop reading.
    if let Some(report) = to_report(error).filter(|_| !matches!(error, GoogleError::QuotaExceeded))
    {
        worker
            .access
            .report(&calendar.tenant, Actor::Rooms, report)
            .await;
    }
    Ok(())
}

/// When to try again: a wrong push address helps nobody to be tried quickly; a slot of the budget that was
/// reserved for us is there when it says; anything else as usual, and sooner while the channel before, of
/// which so much is `left`, is about to end.
fn retry_in(
    trouble: &Trouble,
    push: &PushConfig,
    sync: &SyncConfig,
    left: Option<Duration>,
) -> Duration {
    match trouble {
        Trouble::Google(error) if error.advice() == Advice::FixPushAddress => {
            push.retry_refused.min(Duration::from_hours(1))
        }
        Trouble::OutOfBudget { wait } => *wait,
        // Whoever goes on asking is refused for longer; a channel that ends meanwhile is the lesser evil.
        Trouble::Google(error) if matches!(error.advice(), Advice::WaitLong) => {
            push.retry.max(sync.longest_delay)
        }
        Trouble::Google(error) => match error.advice() {
            Advice::Retry { after } => {
                channel_plan::again(push.retry, left).max(after.unwrap_or_default())
            }
            _ => push.retry.max(react(trouble, 0, sync.backoff()).delay),
        },
        Trouble::NoToken { after } => {
            channel_plan::again(push.retry, left).max(after.unwrap_or_default())
        }
        Trouble::NotConnected => push.retry.max(sync.longest_delay),
        _ => channel_plan::again(push.retry, left),
    }
}

/// Opens the channel of a calendar now, if that is due and nobody else is at it.
pub(crate) async fn open_now(worker: &Worker, calendar: &Calendar) -> Result<(), Trouble> {
    if worker.push_address.is_some() && worker.channels.claim(calendar.id).await? {
        open_claimed(worker, calendar).await;
    }
    Ok(())
}

/// Opens the channel of a calendar whose channel work is ours. Trouble is planned for, not told: polling
/// carries the calendar meanwhile.
pub(crate) async fn open_claimed(worker: &Worker, calendar: &Calendar) {
    if worker.push_address.is_none() {
        return;
    }
    if let Err(trouble) = open(worker, calendar).await {
        tracing::warn!(calendar = %calendar.id, %trouble, "failed to open a channel");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PushConfig, SyncConfig};

    const MINUTE: Duration = Duration::from_mins(1);

    fn google(error: GoogleError) -> Trouble {
        Trouble::Google(error)
    }

    fn throttled(seconds: u64) -> Trouble {
        let retry_after = Some(Duration::from_secs(seconds));
        google(GoogleError::Throttled { retry_after })
    }

    #[rstest::rstest]
    #[case::a_reserved_slot(Trouble::OutOfBudget { wait: Duration::from_secs(7) }, None, 7)]
    #[case::a_passing_fault(Trouble::NoToken { after: None }, None, 60)]
    #[case::while_one_lives_for_long(Trouble::NoToken { after: None }, Some(9000), 60)]
    #[case::while_one_is_about_to_end(google(GoogleError::Unreadable("x")), Some(20), 5)]
    #[case::not_before_google_says(throttled(30), Some(20), 30)]
    #[case::usage_limits(google(GoogleError::QuotaExceeded), Some(20), 600)]
    #[case::rights(google(GoogleError::NotCalendarUser), Some(20), 600)]
    #[case::not_connected(Trouble::NotConnected, Some(20), 600)]
    #[case::a_wrong_address(google(GoogleError::PushAddressRefused), Some(20), 3600)]
    fn a_channel_is_tried_again_when_that_can_help(
        #[case] trouble: Trouble,
        #[case] left: Option<u64>,
        #[case] seconds: u64,
    ) {
        let (push, sync) = (PushConfig::default(), SyncConfig::default());
        assert_eq!(push.retry, MINUTE);
        let left = left.map(Duration::from_secs);
        let delay = retry_in(&trouble, &push, &sync, left);
        assert_eq!(delay, Duration::from_secs(seconds));
    }
}
