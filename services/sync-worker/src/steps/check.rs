//! Brings one calendar up to date: claim, list, apply, end; and again while more is wanted.
//!
//! One epoch is one listing is one Apply. A crash anywhere before the end leaves the old cursor and a
//! dirty calendar: the lease runs out, the sweep finds it, the listing is made again, and applying
//! it again changes nothing.

use roomsync_broker::{Failure, ResultExt as _};
use roomsync_domain::{CalendarId, LinkReason};
use roomsync_google::{AccessRole, GoogleError};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};

use super::{
    close_calendar, full_sync,
    pull::{self, Found},
    report,
};
use crate::{
    access::{Actor, Lane},
    apply::{Applied, Apply},
    mirror::Verdict,
    store::rows::{Claim, End},
    trouble::{Trouble, react},
    worker::Worker,
};

/// So often one message looks at a calendar that keeps changing; then it is another message's turn.
const ROUNDS: u32 = 3;

/// What a claimed calendar is listed by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Everything,
    ByCursor(String),
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Nothing more is wanted, or it is somebody else's now.
    Over,
    /// Claim again.
    Again,
}

/// Brings a calendar up to date, if it is dirty, free and due.
#[tracing::instrument(skip_all, fields(%calendar, ?lane))]
pub(crate) async fn check(
    worker: &Worker,
    calendar: CalendarId,
    lane: Lane,
) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        let claimed = worker
            .calendars
            .claim(calendar, worker.config.sync.lease)
            .await;
        let Some(claim) = claimed.or_retry()? else {
            return Ok(());
        };
        match round(worker, &claim, lane).await {
            Ok(Round::Over) => return Ok(()),
            Ok(Round::Again) => {}
            Err(trouble) => return put_off(worker, &claim, trouble).await,
        }
    }
    let lane = match lane {
        Lane::Live => RefreshLane::Live,
        Lane::Background => RefreshLane::Background,
    };
    worker
        .hint(&CalendarRefresh {
            calendar,
            why: RefreshWhy::Sweep,
            lane,
        })
        .await;
    Ok(())
}

async fn round(worker: &Worker, claim: &Claim, lane: Lane) -> Result<Round, Trouble> {
    let mut listed = match next(claim) {
        Next::Everything => full_sync::list(worker, claim).await?,
        Next::ByCursor(cursor) => match pull::list(worker, claim, &cursor, lane).await {
            // Refused as such, it may be the cursor that Google does not take, say as another
            // subject's. If it is not, the full sync is refused too.
            Err(Trouble::Google(GoogleError::CursorExpired | GoogleError::Refused { .. })) => {
                full_sync::list(worker, claim).await?
            }
            listed => listed?,
        },
    };
    match apply(worker, claim, &mut listed).await? {
        Applied::Done { changes } => end(worker, claim, listed, changes).await,
        Applied::WrittenSince => {
            // The next listing must begin after that write, so not under a grant from before it.
            worker.access.forget(&claim.calendar.tenant);
            worker.calendars.release(claim).await?;
            Ok(Round::Again)
        }
        Applied::StaleEpoch { current } => {
            tracing::warn!(calendar = %claim.calendar.id, epoch = claim.epoch, current, "stale epoch");
            worker.calendars.overtake(claim, current).await?;
            Ok(Round::Again)
        }
        Applied::LinkRemoved => Err(Trouble::LinkRemoved),
    }
}

/// By the cursor, unless there is none or a full sync is asked for.
fn next(claim: &Claim) -> Next {
    match &claim.cursor {
        Some(cursor) if claim.full.is_none() => Next::ByCursor(cursor.clone()),
        _ => Next::Everything,
    }
}

/// A delta that touched nothing needs no Apply.
async fn apply(worker: &Worker, claim: &Claim, listed: &mut Found) -> Result<Applied, Trouble> {
    if listed.listings.is_empty() && !listed.full {
        return Ok(Applied::Done { changes: 0 });
    }
    if !worker
        .calendars
        .renew(claim, worker.config.sync.lease)
        .await?
    {
        return Err(Trouble::Lost);
    }
    let apply = Apply {
        tenant: claim.calendar.tenant.clone(),
        calendar: claim.calendar.id,
        epoch: claim.epoch,
        listed_since: listed.listed_since,
        full_sync: listed.full,
        received_at: claim.pushed_at,
        listings: std::mem::take(&mut listed.listings),
    };
    worker.mirror.apply(apply).await
}

/// Stores the cursor and lets go. After a full sync the calendar stays dirty: the pull from the new
/// cursor is the third part of it.
async fn end(
    worker: &Worker,
    claim: &Claim,
    listed: Found,
    changes: i32,
) -> Result<Round, Trouble> {
    let access_role = changed_role(claim, &listed.access_role);
    if let Some(role) = &access_role {
        let verdict = Verdict::Verified(role.clone());
        worker.mirror.report_link(&claim.calendar, &verdict).await?;
    }
    let end = End {
        cursor: listed.cursor,
        done: (!listed.full).then_some(claim.generation),
        full_done: listed.full.then_some(claim.full_wanted),
        poll: report::poll(worker, &claim.calendar).await?,
        access_role,
    };
    let ended = worker
        .calendars
        .end(claim, &end, worker.config.sync.coverage_every)
        .await?;
    let Some(ended) = ended else {
        return Err(Trouble::Lost);
    };
    let waited = claim
        .pushed_at
        .filter(|_| changes > 0)
        .map(|at| worker.clock.now() - at);
    let latency = waited.and_then(|waited| waited.to_std().ok());
    worker
        .metrics
        .applied(if listed.full { "full" } else { "delta" }, latency);
    if changes > 0 || listed.full || ended.coverage_due {
        report::coverage(worker, &claim.calendar).await;
    }
    Ok(if ended.more {
        Round::Again
    } else {
        Round::Over
    })
}

/// The role to report: one that Google said, and that differs from what was reported.
fn changed_role(claim: &Claim, role: &AccessRole) -> Option<String> {
    let changed =
        *role != AccessRole::Unknown && claim.access_role.as_deref() != Some(role.as_str());
    changed.then(|| role.as_str().to_owned())
}

/// Lets go of a calendar that could not be brought up to date. It stays dirty.
async fn put_off(worker: &Worker, claim: &Claim, trouble: Trouble) -> Result<(), Failure> {
    let calendar = &claim.calendar;
    worker.metrics.trouble(trouble.kind());
    match &trouble {
        Trouble::Lost => return Ok(()),
        Trouble::LinkRemoved => {
            return close_calendar::close(worker, calendar, false)
                .await
                .or_retry();
        }
        _ => {}
    }
    let reaction = react(&trouble, claim.failures, worker.config.sync.backoff());
    if let Some(report) = reaction.report {
        worker
            .access
            .report(&calendar.tenant, Actor::Rooms, report)
            .await;
    }
    let not_found = worker
        .calendars
        .put_off(claim, reaction.delay, reaction.failed, reaction.not_found)
        .await
        .or_retry()?;
    if let Some(reason) = failed_link(worker, claim, &trouble, not_found.unwrap_or(0)) {
        report::failed(worker, calendar, reason).await;
    }
    // A little later than the row, which is jittered by a fifth: an earlier message would find the
    // calendar not due.
    Err(Failure::retry_after(trouble, reaction.delay.mul_f32(1.25)))
}

/// Why the link has to be reported failed now; once, and only for what an administrator can mend.
fn failed_link(
    worker: &Worker,
    claim: &Claim,
    trouble: &Trouble,
    not_found: i32,
) -> Option<LinkReason> {
    claim.access_role.as_ref()?;
    match trouble {
        Trouble::TimesOnly => Some(LinkReason::TimesOnly),
        _ if not_found >= i32::from(worker.config.sync.not_found_limit) => {
            Some(LinkReason::NoCalendarAccess)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::store::rows::Calendar;

    fn claim(cursor: Option<&str>, full: Option<i64>, role: Option<&str>) -> Claim {
        Claim {
            calendar: Calendar {
                id: CalendarId::new(),
                tenant: "t".parse().unwrap(),
                resource: "room@resource.calendar.google.com".parse().unwrap(),
                horizon_days: 400,
            },
            epoch: 1,
            generation: 1,
            cursor: cursor.map(ToOwned::to_owned),
            full,
            full_wanted: 1,
            failures: 0,
            access_role: role.map(ToOwned::to_owned),
            pushed_at: None,
        }
    }

    #[rstest]
    #[case::first(None, Some(1), Next::Everything)]
    #[case::no_cursor(None, None, Next::Everything)]
    #[case::asked_for(Some("c"), Some(2), Next::Everything)]
    #[case::usual(Some("c"), None, Next::ByCursor("c".to_owned()))]
    fn what_to_list_next(
        #[case] cursor: Option<&str>,
        #[case] full: Option<i64>,
        #[case] expected: Next,
    ) {
        assert_eq!(next(&claim(cursor, full, None)), expected);
    }

    #[rstest]
    #[case::same(Some("writer"), AccessRole::Writer, None)]
    #[case::lower(Some("writer"), AccessRole::Reader, Some("reader"))]
    #[case::works_again(None, AccessRole::Writer, Some("writer"))]
    #[case::not_said(Some("writer"), AccessRole::Unknown, None)]
    fn a_role_is_reported_when_it_changes(
        #[case] before: Option<&str>,
        #[case] now: AccessRole,
        #[case] reported: Option<&str>,
    ) {
        let claim = claim(Some("c"), None, before);
        assert_eq!(changed_role(&claim, &now).as_deref(), reported);
    }
}
