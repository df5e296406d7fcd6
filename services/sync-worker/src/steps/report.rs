//! Tells booking-command how a calendar stands.

use std::time::Duration;

use roomsync_domain::LinkReason;

use crate::{
    config::SyncConfig,
    mirror::Verdict,
    store::rows::{Calendar, Standing},
    trouble::Trouble,
    worker::Worker,
};

/// The interval of a calendar's poll, before jitter.
pub(crate) async fn poll(worker: &Worker, calendar: &Calendar) -> Result<Duration, Trouble> {
    let Some(standing) = worker.calendars.standing(calendar.id).await? else {
        return Ok(worker.config.sync.poll_without_push);
    };
    let rooms = worker.rooms_of(&calendar.tenant).await?;
    Ok(poll_interval(
        &worker.config.sync,
        has_push(&standing),
        rooms,
    ))
}

/// Reports coverage. Best effort: the next check reports it too.
pub(crate) async fn coverage(worker: &Worker, calendar: &Calendar) {
    if let Err(trouble) = try_coverage(worker, calendar).await {
        tracing::warn!(calendar = %calendar.id, %trouble, "failed to report coverage");
    }
}

async fn try_coverage(worker: &Worker, calendar: &Calendar) -> Result<(), Trouble> {
    let Some(standing) = worker.calendars.standing(calendar.id).await? else {
        return Ok(());
    };
    let rooms = worker.rooms_of(&calendar.tenant).await?;
    let poll = poll_interval(&worker.config.sync, has_push(&standing), rooms);
    let seconds = i64::try_from(poll.as_secs()).unwrap_or(i64::MAX);
    worker
        .mirror
        .report_coverage(calendar, &standing, seconds)
        .await?;
    worker.calendars.covered(calendar.id).await?;
    Ok(())
}

/// Reports a link as failed, and remembers it. Best effort: the next failure reports it again.
pub(crate) async fn failed(worker: &Worker, calendar: &Calendar, reason: LinkReason) {
    let reported = async {
        worker
            .mirror
            .report_link(calendar, &Verdict::Failed(reason))
            .await?;
        worker.calendars.reported_failed(calendar.id).await?;
        Ok::<_, Trouble>(())
    };
    if let Err(trouble) = reported.await {
        tracing::warn!(calendar = %calendar.id, %trouble, "failed to report a failed link");
    }
}

fn has_push(standing: &Standing) -> bool {
    standing.channel_state == "open"
}

/// How often a calendar is polled: as configured, and rarely enough that the polls of a tenant's
/// `rooms` take at most half of what Google allows the tenant.
fn poll_interval(sync: &SyncConfig, push: bool, rooms: i64) -> Duration {
    let wanted = if push {
        sync.poll_with_push
    } else {
        sync.poll_without_push
    };
    let half = f64::from(sync.tenant_requests_per_minute) / 2.0;
    let rooms = f64::from(u32::try_from(rooms).unwrap_or(u32::MAX));
    wanted.max(Duration::from_secs_f64(60.0 * rooms / half))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::with_push(true, 10, 600)]
    #[case::without_push(false, 10, 120)]
    #[case::many_rooms(false, 1500, 300)]
    #[case::many_rooms_with_push(true, 1500, 600)]
    #[case::very_many(true, 6000, 1200)]
    #[case::none(true, 0, 600)]
    fn polls_take_at_most_half_of_the_tenants_rate(
        #[case] push: bool,
        #[case] rooms: i64,
        #[case] seconds: u64,
    ) {
        let interval = poll_interval(&SyncConfig::default(), push, rooms);
        assert_eq!(interval, Duration::from_secs(seconds));
    }
}
