//! Makes a link what booking-command says it is. The message is a hint: what the link should be is
//! asked, not told, so a late or doubled message does no harm.
//!
//! A message is tried for as long as one interval of the comparison of links; after that the
//! comparison brings it again, so that messages for a link that cannot be verified do not pile up.

use std::time::Duration;

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler};
use roomsync_domain::CalendarId;
use roomsync_messages::{CalendarRefresh, LinkDue, RefreshLane, RefreshWhy};

use super::Consumer;
use crate::{
    mirror::{Verdict, Wanted},
    steps::{close_calendar, open_channel, verify_link},
    store::rows::{Calendar, Known},
    trouble::{Trouble, pending_reason, react},
    worker::Worker,
};

/// When a link comes again, at the soonest, whose tenant has all the hands it may have.
const NEXT_TURN: Duration = Duration::from_secs(1);
/// At the latest. In between it is half of what it has waited: a thousand links come not all again each second.
const LONGEST_TURN: Duration = Duration::from_secs(30);

/// Why a link is not as it should be yet.
#[derive(Debug, thiserror::Error)]
enum Left {
    /// See [`crate::shares`].
    #[error("its tenant has its share of the hands")]
    NotItsTurn,
    /// It was tried.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// What has to be done about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// It is as it should be, or never was anything.
    Nothing,
    /// There is no connection: come back.
    Wait,
    /// Verify it, then channel and import.
    Verify,
    /// Verified before: channel and import.
    Import,
    /// Stop the channels, close, report.
    Close,
    /// Nothing to close: report only.
    ReportClosed,
}

#[async_trait]
impl Handler<LinkDue> for Consumer {
    async fn handle(&self, message: LinkDue, delivery: &Delivery) -> Result<(), Failure> {
        let worker = &self.worker;
        let age = (worker.clock.now() - delivery.first_seen)
            .to_std()
            .unwrap_or_default();
        let calendar = CalendarId::from(message.link);
        let Err(left) = self.make_so(calendar).await else {
            return Ok(());
        };
        if age > worker.config.sync.compare {
            tracing::warn!(link = %message.link, %left, "left to the comparison of links");
            return Ok(());
        }
        let trouble = match left {
            Left::NotItsTurn => {
                let after = (age / 2).clamp(NEXT_TURN, LONGEST_TURN);
                return Err(Failure::not_now(left, after));
            }
            Left::Trouble(trouble) => trouble,
        };
        let attempts = i32::try_from(delivery.attempt)
            .unwrap_or(i32::MAX)
            .saturating_sub(1);
        let delay = react(&trouble, attempts, worker.config.sync.backoff()).delay;
        Err(Failure::retry_after(trouble, delay))
    }
}

impl Consumer {
    /// In a hand of its tenant's, so that nobody's thousand links hold up another's one.
    async fn make_so(&self, id: CalendarId) -> Result<(), Left> {
        let worker = &self.worker;
        let wanted = worker.mirror.wanted(id.into()).await?;
        let known = worker.calendars.find(id).await.map_err(Trouble::from)?;
        let of_wanted = wanted.as_ref().map(|link| &link.calendar.tenant);
        let of_known = known.as_ref().map(|row| &row.calendar.tenant);
        let Some(tenant) = of_wanted.or(of_known).cloned() else {
            return Ok(());
        };
        let hand = self.pools.links().take_now(&tenant);
        let _hand = hand.ok_or(Left::NotItsTurn)?;
        Ok(make_so(worker, id, known, wanted).await?)
    }
}

async fn make_so(
    worker: &Worker,
    id: CalendarId,
    known: Option<Known>,
    wanted: Option<Wanted>,
) -> Result<(), Trouble> {
    match (plan(known.as_ref(), wanted.as_ref()), known, wanted) {
        (Plan::Wait, ..) => Err(Trouble::NotConnected),
        (Plan::Verify, _, Some(wanted)) => verify(worker, &wanted.calendar).await,
        (Plan::Import, _, Some(wanted)) => import_again(worker, &wanted.calendar).await,
        (Plan::Close, Some(known), _) => {
            // Counted from when the closing began: a message lives for shorter than the patience.
            let patience = worker.config.sync.close_patience;
            let give_up = worker.calendars.closing_for_long(id, patience).await?;
            close_calendar::close(worker, &known.calendar, give_up).await
        }
        (Plan::ReportClosed, _, Some(wanted)) => {
            worker.mirror.report_closed(&wanted.calendar).await
        }
        _ => Ok(()),
    }
}

fn plan(known: Option<&Known>, wanted: Option<&Wanted>) -> Plan {
    match (known, wanted) {
        (None, None) => Plan::Nothing,
        (Some(row), None) if row.closed => Plan::Nothing,
        (Some(_), None) => Plan::Close,
        (None, Some(link)) if !link.open => Plan::ReportClosed,
        (Some(row), Some(link)) if !link.open && row.closed => Plan::ReportClosed,
        (Some(_), Some(link)) if !link.open => Plan::Close,
        (_, Some(link)) if !link.connected => Plan::Wait,
        (Some(row), Some(link))
            if row.open && row.verified && link.verified && row.calendar == link.calendar =>
        {
            if link.imported {
                Plan::Nothing
            } else {
                Plan::Import
            }
        }
        _ => Plan::Verify,
    }
}

async fn verify(worker: &Worker, calendar: &Calendar) -> Result<(), Trouble> {
    let asked = verify_link::verify(worker, calendar).await;
    let verdict = match &asked {
        Ok(verdict) => verdict.clone(),
        // Waiting for the budget is nothing an administrator needs to see.
        Err(Trouble::OutOfBudget { .. } | Trouble::BookingCommand(_)) => return asked.map(drop),
        Err(trouble) => Verdict::Pending(pending_reason(trouble)),
    };
    match worker.mirror.report_link(calendar, &verdict).await {
        Err(Trouble::LinkRemoved) => return close_calendar::close(worker, calendar, false).await,
        reported => reported?,
    }
    match asked? {
        Verdict::Verified { role, .. } => {
            worker.calendars.open(calendar, &role).await?;
            // Perhaps in another subject's name now: pushes shall come through a channel that it can
            // stop.
            open_channel::open_claimed(worker, calendar).await;
            worker.calendars.raise_full(calendar.id).await?;
            announce_import(worker, calendar).await;
            Ok(())
        }
        Verdict::Pending(_) | Verdict::Failed(_) => Ok(()),
    }
}

/// An import that is wanted already, perhaps under way, is not asked for a second time: the message may
/// be doubled.
async fn import_again(worker: &Worker, calendar: &Calendar) -> Result<(), Trouble> {
    open_channel::open_now(worker, calendar).await?;
    worker.calendars.raise_full_once(calendar.id).await?;
    announce_import(worker, calendar).await;
    Ok(())
}

/// After the channel: what changes from now on is pushed, and everything before is listed.
async fn announce_import(worker: &Worker, calendar: &Calendar) {
    let (why, lane) = (RefreshWhy::Import, RefreshLane::Background);
    worker
        .hint(&CalendarRefresh {
            calendar: calendar.id,
            why,
            lane,
        })
        .await;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn calendar(horizon_days: i32) -> Calendar {
        Calendar {
            id: CalendarId(uuid::Uuid::nil()),
            tenant: "t".parse().unwrap(),
            resource: "room@resource.calendar.google.com".parse().unwrap(),
            horizon_days,
        }
    }

    fn row(state: &str, verified: bool) -> Known {
        let (open, closed) = (state == "open", state == "closed");
        Known {
            calendar: calendar(400),
            open,
            closed,
            verified,
        }
    }

    fn link(words: &str) -> Wanted {
        let has = |word| words.split(' ').any(|it| it == word);
        Wanted {
            calendar: calendar(if has("shorter") { 90 } else { 400 }),
            open: has("open"),
            verified: has("verified"),
            imported: has("imported"),
            connected: !has("unconnected"),
            pending_since: None,
            last_attempt_at: None,
        }
    }

    #[rstest]
    #[case::nothing(None, None, Plan::Nothing)]
    #[case::new(None, Some(link("open")), Plan::Verify)]
    #[case::new_without_connection(None, Some(link("open unconnected")), Plan::Wait)]
    #[case::as_it_should_be(
        Some(row("open", true)),
        Some(link("open verified imported")),
        Plan::Nothing
    )]
    #[case::import_lost(Some(row("open", true)), Some(link("open verified")), Plan::Import)]
    #[case::reconnected(Some(row("open", true)), Some(link("open imported")), Plan::Verify)]
    #[case::rechecked(Some(row("open", true)), Some(link("open imported")), Plan::Verify)]
    #[case::failed_before(
        Some(row("open", false)),
        Some(link("open verified imported")),
        Plan::Verify
    )]
    #[case::other_horizon(
        Some(row("open", true)),
        Some(link("open verified imported shorter")),
        Plan::Verify
    )]
    #[case::row_lost(None, Some(link("open verified imported")), Plan::Verify)]
    #[case::closing(Some(row("open", true)), Some(link("verified")), Plan::Close)]
    #[case::closing_without_connection(
        Some(row("open", true)),
        Some(link("unconnected")),
        Plan::Close
    )]
    #[case::closing_again(Some(row("closing", true)), Some(link("verified")), Plan::Close)]
    #[case::closed_not_reported(
        Some(row("closed", true)),
        Some(link("verified")),
        Plan::ReportClosed
    )]
    #[case::never_opened(None, Some(link("")), Plan::ReportClosed)]
    #[case::link_gone(Some(row("open", true)), None, Plan::Close)]
    #[case::all_gone(Some(row("closed", true)), None, Plan::Nothing)]
    fn what_a_link_needs(
        #[case] known: Option<Known>,
        #[case] wanted: Option<Wanted>,
        #[case] expected: Plan,
    ) {
        assert_eq!(plan(known.as_ref(), wanted.as_ref()), expected);
    }
}
