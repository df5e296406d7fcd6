//! Takes a calendar out of use: nothing is claimed any more, its channels are stopped by the subject
//! that opened them, and booking-command hears that nothing more will come. The row stays.

use roomsync_domain::ChannelId;
use roomsync_google::{Advice, GoogleError};

use crate::{
    access::{Actor, Share},
    store::{channels::LiveChannel, rows::Calendar},
    trouble::{Trouble, report},
    worker::Worker,
};

/// Closes a calendar and reports it. With `give_up`, channels that cannot be stopped now are left to
/// end by themselves; pushes through them are dropped.
pub(crate) async fn close(
    worker: &Worker,
    calendar: &Calendar,
    give_up: bool,
) -> Result<(), Trouble> {
    worker.calendars.closing(calendar.id).await?;
    stop_channels(worker, calendar, None, give_up).await?;
    worker.calendars.closed(calendar.id).await?;
    worker.mirror.report_closed(calendar).await
}

/// Stops every channel of a calendar, or those that are older than `keep`.
pub(crate) async fn stop_channels(
    worker: &Worker,
    calendar: &Calendar,
    keep: Option<ChannelId>,
    give_up: bool,
) -> Result<(), Trouble> {
    for channel in worker.channels.retire(calendar.id, keep).await? {
        stop_channel(worker, calendar, &channel, give_up).await?;
    }
    Ok(())
}

/// Stops one channel that is out of use.
pub(crate) async fn stop_channel(
    worker: &Worker,
    calendar: &Calendar,
    channel: &LiveChannel,
    give_up: bool,
) -> Result<(), Trouble> {
    match stop(worker, calendar, channel).await {
        Ok(()) => {}
        Err(trouble) if give_up || is_final(&trouble) => {
            tracing::warn!(channel = %channel.id, %trouble, "left a channel to end by itself");
        }
        Err(trouble) => return Err(trouble),
    }
    worker.channels.stopped(channel.id).await?;
    Ok(())
}

async fn stop(worker: &Worker, calendar: &Calendar, channel: &LiveChannel) -> Result<(), Trouble> {
    // Without Google's id of it there is no way to stop it.
    let Some(resource_id) = &channel.resource_id else {
        return Ok(());
    };
    let lease = worker
        .access
        .acquire(&calendar.tenant, Actor::Rooms, Share::Background)
        .await?;
    if lease.subject != channel.subject {
        tracing::info!(channel = %channel.id, "a channel of an earlier subject ends by itself");
        return Ok(());
    }
    match worker
        .google
        .stop_channel(&lease.access, channel.id, resource_id)
        .await
    {
        Ok(()) | Err(GoogleError::NotFound | GoogleError::Gone) => Ok(()),
        Err(error) => {
            // A limit on writes says nothing about reading, which the report would stop.
            let limits_writes = matches!(error, GoogleError::QuotaExceeded);
            if let Some(report) = report(&error).filter(|_| !limits_writes) {
                worker
                    .access
                    .report(&calendar.tenant, Actor::Rooms, report)
                    .await;
            }
            Err(error.into())
        }
    }
}

/// Whether trying again cannot help.
fn is_final(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::NotConnected => true,
        Trouble::Google(error) => matches!(
            error.advice(),
            Advice::FixRights | Advice::Reconnect | Advice::Park | Advice::CheckAccess
        ),
        _ => false,
    }
}
