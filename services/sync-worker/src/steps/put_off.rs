//! Lets go of a calendar that could not be brought up to date, for a while. It stays dirty.
//!
//! The window of a reconcile is put off on its own: the pull before it has made the calendar clean, and
//! pulls go on meanwhile, however often the window fails.

use roomsync_broker::{Failure, ResultExt as _};
use roomsync_domain::LinkReason;

use super::{close_calendar, list_next::Next, report};
use crate::{
    access::Actor,
    store::rows::{Claim, PutOff},
    trouble::{Reaction, Trouble, react},
    worker::Worker,
};

/// Puts off what was to be listed by `next`.
pub(crate) async fn put_off(
    worker: &Worker,
    claim: &Claim,
    next: &Next,
    trouble: Trouble,
) -> Result<(), Failure> {
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
    let failures = match next {
        Next::Window => claim.reconcile_failures,
        Next::Everything | Next::ByCursor(_) => claim.failures,
    };
    let reaction = react(&trouble, failures, worker.config.sync.backoff());
    if let Some(report) = reaction.report {
        worker
            .access
            .report(&calendar.tenant, Actor::Rooms, report)
            .await;
    }
    match next {
        Next::Window => window(worker, claim, &trouble, &reaction).await,
        Next::Everything | Next::ByCursor(_) => look(worker, claim, trouble, &reaction).await,
    }
}

/// The window alone. Its message is done with: the sweep finds the calendar when the window is due, and
/// whatever is pushed until then is pulled as usual.
async fn window(
    worker: &Worker,
    claim: &Claim,
    trouble: &Trouble,
    reaction: &Reaction,
) -> Result<(), Failure> {
    let calendar = &claim.calendar;
    let why = trouble.kind();
    tracing::warn!(calendar = %calendar.id, why, "a reconcile is put off");
    worker
        .calendars
        .put_off_reconcile(claim, reaction.delay, reaction.failed)
        .await
        .or_retry()?;
    // That Google does not find the calendar is the next pull's to count.
    if let Some(reason) = failed_link(worker, claim, trouble, 0) {
        report::failed(worker, calendar, reason).await;
    }
    Ok(())
}

/// The calendar as a whole.
async fn look(
    worker: &Worker,
    claim: &Claim,
    trouble: Trouble,
    reaction: &Reaction,
) -> Result<(), Failure> {
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
        report::failed(worker, &claim.calendar, reason).await;
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
