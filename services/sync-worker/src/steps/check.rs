//! Brings one calendar up to date: claim, list, apply, end; and again while more is wanted. What it is
//! listed by is chosen in `list_next.rs`; what cannot be done now is put off in `put_off.rs`.
//!
//! One epoch is one listing is one Apply. A crash anywhere before the end leaves the old cursor and a
//! dirty calendar: the lease runs out, the sweep finds it, the listing is made again, and applying
//! it again changes nothing.

use std::time::Duration;

use roomsync_broker::{Failure, ResultExt as _};
use roomsync_domain::CalendarId;
use roomsync_google::AccessRole;
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};

use super::{
    list_next::{self, Next},
    pull::{Found, Kind},
    put_off::put_off,
    report,
};
use crate::{
    access::Lane,
    apply::{Applied, Apply, Reconcile},
    mirror::Verdict,
    store::rows::{Claim, End},
    trouble::Trouble,
    worker::Worker,
};

/// So many listings one message makes: a full sync and its pull, a pull and the window of a reconcile,
/// and one more for a write of ours that came between. Then it is another message's turn.
const ROUNDS: u32 = 3;
/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Nothing more is wanted, or not now, or it is somebody else's.
    Over,
    /// Claim again.
    Again,
    /// Claim again, for the window of a reconcile: its pull is applied, and with it everything up to
    /// this generation.
    Pulled(i64),
}

/// Brings a calendar up to date, if it is dirty, free and due.
#[tracing::instrument(skip_all, fields(%calendar, ?lane))]
pub(crate) async fn check(
    worker: &Worker,
    calendar: CalendarId,
    lane: Lane,
) -> Result<(), Failure> {
    let mut pulled = None;
    for _ in 0..ROUNDS {
        let claimed = worker
            .calendars
            .claim(calendar, worker.config.sync.lease)
            .await;
        let Some(claim) = claimed.or_retry()? else {
            return Ok(());
        };
        let next = list_next::next(&claim, pulled);
        match round(worker, &claim, &next, lane, pulled).await {
            Ok(Round::Over) => return Ok(()),
            Ok(Round::Again) => {}
            Ok(Round::Pulled(generation)) => pulled = Some(generation),
            Err(trouble) => return put_off(worker, &claim, &next, trouble).await,
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

async fn round(
    worker: &Worker,
    claim: &Claim,
    next: &Next,
    lane: Lane,
    pulled: Option<i64>,
) -> Result<Round, Trouble> {
    let mut listed = list_next::list(worker, claim, next, lane).await?;
    match apply(worker, claim, &mut listed).await? {
        Applied::Done { changes, drift } => {
            worker.metrics.drift(drift);
            end(worker, claim, listed, changes, pulled).await
        }
        Applied::WrittenSince => {
            // The next listing must begin after that write, so not under a grant from before it.
            worker.access.outdate(&claim.calendar.tenant);
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

/// A delta that touched nothing needs no Apply.
async fn apply(worker: &Worker, claim: &Claim, listed: &mut Found) -> Result<Applied, Trouble> {
    if listed.listings.is_empty() && listed.kind == Kind::Delta {
        return Ok(Applied::Done {
            changes: 0,
            drift: 0,
        });
    }
    if !worker
        .calendars
        .renew(claim, worker.config.sync.lease)
        .await?
    {
        return Err(Trouble::Lost);
    }
    let mirrored_until = claim.mirrored_until;
    let apply = Apply {
        tenant: claim.calendar.tenant.clone(),
        calendar: claim.calendar.id,
        epoch: claim.epoch,
        listed_since: listed.listed_since,
        full_sync: listed.kind == Kind::Full,
        reconcile: (listed.kind == Kind::Reconcile).then_some(Reconcile { mirrored_until }),
        received_at: claim.pushed_at,
        listings: std::mem::take(&mut listed.listings),
    };
    worker.mirror.apply(apply).await
}

/// Stores the cursor and lets go. After a full sync the calendar is dirty: the pull from the new cursor
/// is the third part of it. After the pull of a reconcile it is clean, as after any pull, and the window
/// comes next. Both at once; after everything else the calendar rests, and what was pushed meanwhile is
/// found when it may be claimed again ([`crate::schedule`]).
async fn end(
    worker: &Worker,
    claim: &Claim,
    listed: Found,
    changes: i32,
    pulled: Option<i64>,
) -> Result<Round, Trouble> {
    let sync = &worker.config.sync;
    let access_role = changed_role(claim, &listed.access_role);
    if let Some(role) = &access_role {
        let verdict = Verdict::verified(role);
        worker.mirror.report_link(&claim.calendar, &verdict).await?;
    }
    let kind = listed.kind;
    let window_next = kind == Kind::Delta && claim.reconcile;
    let end = End {
        cursor: listed.cursor,
        done: done(kind, claim, pulled),
        full_done: (kind == Kind::Full).then_some(claim.full_wanted),
        reconcile_done: (kind != Kind::Delta).then_some(claim.reconcile_wanted),
        cursor_died: listed.cursor_died,
        mirrored_until: listed.window.map(|window| window.ends_at()),
        pause: if window_next || kind == Kind::Full {
            Duration::ZERO
        } else {
            sync.pause
        },
        reconcile_every: sync.reconcile_every,
        poll: report::poll(worker, &claim.calendar).await?,
        access_role,
    };
    let ended = worker
        .calendars
        .end(claim, &end, sync.coverage_every)
        .await?;
    let Some(ended) = ended else {
        return Err(Trouble::Lost);
    };
    let waited = claim
        .pushed_at
        .filter(|_| changes > 0)
        .map(|at| worker.clock.now() - at);
    let latency = waited.and_then(|waited| waited.to_std().ok());
    worker.metrics.applied(kind.as_str(), latency);
    if changes > 0 || kind != Kind::Delta || ended.coverage_due {
        report::coverage(worker, &claim.calendar).await;
    }
    Ok(if window_next {
        Round::Pulled(claim.generation)
    } else if ended.more && end.pause.is_zero() {
        Round::Again
    } else {
        Round::Over
    })
}

/// Up to which generation the calendar is clean after a listing; `None`: a pull has to follow.
/// The window of a reconcile says nothing of what was pushed since its pull, so it is the pull's.
fn done(kind: Kind, claim: &Claim, pulled: Option<i64>) -> Option<i64> {
    match kind {
        Kind::Full => None,
        Kind::Reconcile => pulled,
        Kind::Delta => Some(claim.generation),
    }
}

/// The role to report: one that Google said, and that differs from what was reported.
fn changed_role(claim: &Claim, role: &AccessRole) -> Option<String> {
    let changed =
        *role != AccessRole::Unknown && claim.access_role.as_deref() != Some(role.as_str());
    changed.then(|| role.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tests::claims::claim;

    #[rstest]
    #[case::pull(Kind::Delta, false, None, Some(7))]
    #[case::pull_of_a_reconcile(Kind::Delta, true, None, Some(7))]
    #[case::window_of_a_reconcile(Kind::Reconcile, true, Some(5), Some(5))]
    #[case::full_sync(Kind::Full, true, None, None)]
    fn what_a_listing_has_done(
        #[case] kind: Kind,
        #[case] reconcile: bool,
        #[case] pulled: Option<i64>,
        #[case] expected: Option<i64>,
    ) {
        let claim = Claim {
            reconcile,
            ..claim(Some("c"), None, None)
        };
        assert_eq!(done(kind, &claim, pulled), expected);
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
