//! Brings one calendar up to date: claim, list, apply, end; and again while more is wanted.
//!
//! One epoch is one listing is one Apply. A crash anywhere before the end leaves the old cursor and a
//! dirty calendar: the lease runs out, the sweep finds it, the listing is made again, and applying
//! it again changes nothing.

use std::time::Duration;

use roomsync_broker::{Failure, ResultExt as _};
use roomsync_domain::{CalendarId, LinkReason};
use roomsync_google::{AccessRole, GoogleError};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};

use super::{
    close_calendar, full_sync,
    pull::{self, Found, Kind},
    reconcile, report,
};
use crate::{
    access::{Actor, Lane},
    apply::{Applied, Apply, Reconcile},
    mirror::Verdict,
    store::rows::{Claim, End, PutOff},
    trouble::{Trouble, react},
    worker::Worker,
};

/// So many listings one message makes: a full sync and its pull, a pull and the window of a reconcile,
/// and one more for a write of ours that came between. Then it is another message's turn.
const ROUNDS: u32 = 3;
/// A delta that could not be read so often in a row may be the cursor's fault.
const UNREADABLE_LIMIT: i32 = 3;

/// What a claimed calendar is listed by.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Everything,
    ByCursor(String),
    Window,
}

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
        match round(worker, &claim, lane, pulled).await {
            Ok(Round::Over) => return Ok(()),
            Ok(Round::Again) => {}
            Ok(Round::Pulled(generation)) => pulled = Some(generation),
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

async fn round(
    worker: &Worker,
    claim: &Claim,
    lane: Lane,
    pulled: Option<i64>,
) -> Result<Round, Trouble> {
    let mut listed = match next(claim, pulled) {
        Next::Everything => full_sync::list(worker, claim).await?,
        Next::Window => reconcile::list(worker, claim).await?,
        Next::ByCursor(cursor) => by_cursor(worker, claim, &cursor, lane).await?,
    };
    match apply(worker, claim, &mut listed).await? {
        Applied::Done { changes, drift } => {
            worker.metrics.drift(drift);
            end(worker, claim, listed, changes, pulled).await
        }
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

/// What changed since the cursor; everything, if the cursor is dead.
async fn by_cursor(
    worker: &Worker,
    claim: &Claim,
    cursor: &str,
    lane: Lane,
) -> Result<Found, Trouble> {
    match pull::list(worker, claim, cursor, lane).await {
        Err(Trouble::Google(error)) if is_dead(&error, claim.failures) => {
            if !heals_at_once(claim, worker.config.sync.longest_delay) {
                return Err(Trouble::DeadCursor(error));
            }
            tracing::info!(calendar = %claim.calendar.id, why = error.kind(), "full sync");
            let everything = full_sync::list(worker, claim).await?;
            Ok(Found {
                cursor_died: true,
                ..everything
            })
        }
        listed => listed,
    }
}

/// Everything without a cursor, or when a full sync is asked for; the window when a reconcile is asked
/// for and its pull is done; else by the cursor.
fn next(claim: &Claim, pulled: Option<i64>) -> Next {
    match &claim.cursor {
        Some(_) if claim.full.is_none() && claim.reconcile && pulled.is_some() => Next::Window,
        Some(cursor) if claim.full.is_none() => Next::ByCursor(cursor.clone()),
        _ => Next::Everything,
    }
}

/// Whether a pull failed for its cursor.
///
/// An expired one is told as such, also on a later page. Refused as such (400), it may be the cursor
/// that Google does not take, say as another subject's. If it is not, the full sync is refused too. And a
/// delta that again and again cannot be read, as one that ends without a cursor (observed), may be read
/// from another cursor.
fn is_dead(error: &GoogleError, failures: i32) -> bool {
    match error {
        GoogleError::CursorExpired | GoogleError::Refused { .. } => true,
        GoogleError::Unreadable(_) => failures >= UNREADABLE_LIMIT,
        _ => false,
    }
}

/// Whether everything is listed at once instead of a dead cursor. The first death always heals at once,
/// and counts as a failure until a pull succeeds. When the next cursor dies `young`, the one after it may
/// as well: then the calendar waits first, for longer each time (`put_off` drops the cursor).
fn heals_at_once(claim: &Claim, young: Duration) -> bool {
    claim.failures == 0 || claim.cursor_age.is_none_or(|age| age >= young)
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

/// Stores the cursor and lets go. After a full sync the calendar stays dirty: the pull from the new
/// cursor is the third part of it. After the pull of a reconcile too: the window comes next. Both at
/// once; after everything else the calendar rests, and what was pushed meanwhile is found when it may
/// be claimed again ([`crate::schedule`]).
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
    let done = done(kind, claim, pulled);
    let end = End {
        cursor: listed.cursor,
        done,
        full_done: (kind == Kind::Full).then_some(claim.full_wanted),
        reconcile_done: (kind != Kind::Delta).then_some(claim.reconcile_wanted),
        cursor_died: listed.cursor_died,
        mirrored_until: listed.window.map(|window| window.ends_at()),
        pause: done.map_or(Duration::ZERO, |_| sync.pause),
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
    Ok(match done {
        None if kind == Kind::Delta => Round::Pulled(claim.generation),
        _ if ended.more && end.pause.is_zero() => Round::Again,
        _ => Round::Over,
    })
}

/// Up to which generation the calendar is clean after a listing; `None`: another one has to follow.
/// The window of a reconcile says nothing of what was pushed since its pull, so it is the pull's.
fn done(kind: Kind, claim: &Claim, pulled: Option<i64>) -> Option<i64> {
    match kind {
        Kind::Full => None,
        Kind::Reconcile => pulled,
        Kind::Delta => (!claim.reconcile).then_some(claim.generation),
    }
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
        .put_off(
            claim,
            PutOff {
                delay: reaction.delay,
                failed: reaction.failed,
                not_found: reaction.not_found,
                cursor_dead: matches!(trouble, Trouble::DeadCursor(_)),
            },
        )
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
            generation: 7,
            cursor: cursor.map(ToOwned::to_owned),
            full,
            full_wanted: 1,
            reconcile: false,
            reconcile_wanted: 0,
            mirrored_until: None,
            cursor_age: None,
            failures: 0,
            access_role: role.map(ToOwned::to_owned),
            pushed_at: None,
        }
    }

    fn by_cursor() -> Next {
        Next::ByCursor("c".to_owned())
    }

    #[rstest]
    #[case::first(None, Some(1), false, None, Next::Everything)]
    #[case::no_cursor(None, None, false, None, Next::Everything)]
    #[case::asked_for(Some("c"), Some(2), true, Some(7), Next::Everything)]
    #[case::usual(Some("c"), None, false, None, by_cursor())]
    #[case::reconcile_pulls_first(Some("c"), None, true, None, by_cursor())]
    #[case::then_the_window(Some("c"), None, true, Some(7), Next::Window)]
    #[case::reconciled_by_another(Some("c"), None, false, Some(7), by_cursor())]
    fn what_to_list_next(
        #[case] cursor: Option<&str>,
        #[case] full: Option<i64>,
        #[case] reconcile: bool,
        #[case] pulled: Option<i64>,
        #[case] expected: Next,
    ) {
        let claim = Claim {
            reconcile,
            ..claim(cursor, full, None)
        };
        assert_eq!(next(&claim, pulled), expected);
    }

    #[rstest]
    #[case::pull(Kind::Delta, false, None, Some(7))]
    #[case::pull_of_a_reconcile(Kind::Delta, true, None, None)]
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
    #[case::expired(GoogleError::CursorExpired, 0, true)]
    #[case::refused(GoogleError::Refused { status: 400.try_into().unwrap(), reason: String::new() }, 0, true)]
    #[case::unreadable(GoogleError::Unreadable("no token"), 0, false)]
    #[case::always_unreadable(GoogleError::Unreadable("no token"), 3, true)]
    #[case::gone_is_no_cursor(GoogleError::Gone, 9, false)]
    #[case::not_found(GoogleError::NotFound, 9, false)]
    fn what_a_cursor_can_be_blamed_for(
        #[case] error: GoogleError,
        #[case] failures: i32,
        #[case] expected: bool,
    ) {
        assert_eq!(is_dead(&error, failures), expected);
    }

    #[rstest]
    #[case::old(Some(3600), 0, true)]
    #[case::old_after_faults(Some(3600), 9, true)]
    #[case::of_unknown_age(None, 9, true)]
    #[case::young(Some(5), 0, true)]
    #[case::young_again(Some(5), 1, false)]
    fn a_dead_cursor_heals_at_once_unless_the_next_one_dies_young(
        #[case] age: Option<u64>,
        #[case] failures: i32,
        #[case] expected: bool,
    ) {
        let claim = Claim {
            cursor_age: age.map(Duration::from_secs),
            failures,
            ..claim(Some("c"), None, None)
        };
        assert_eq!(heals_at_once(&claim, Duration::from_mins(10)), expected);
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
