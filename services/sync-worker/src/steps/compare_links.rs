//! Compares all links of booking-command with our calendars: what a lost `link.due` left behind is
//! made again. What is missing, extra or different gets a `link.due`, and is counted.
//!
//! A link that could not be verified is tried again with growing delays ([`next_attempt`]), a failed
//! one too: somebody may have mended it. booking-command ends a pending one as failed after a day.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::{CalendarId, LinkId};
use roomsync_messages::LinkDue;

use crate::{mirror::Wanted, store::rows::Known, trouble::Trouble, worker::Worker};

/// A link that became pending less than this ago has a message of its own under way. A second one would
/// have it verified, watched and imported twice.
const ON_ITS_WAY: Duration = Duration::from_mins(1);
/// The longest delay between two attempts to verify a link.
const LONGEST_DELAY: Duration = Duration::from_hours(1);
/// So many of our rows are read at once.
const PAGE: i64 = 1000;

/// What the comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drift {
    /// A link without a calendar.
    Missing,
    /// A calendar without a link, or with a closing one.
    Extra,
    /// Both, but not the same.
    Different,
}

impl Drift {
    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Different => "different",
        }
    }
}

/// Compares, and publishes a `link.due` for every difference.
pub(crate) async fn compare(worker: &Worker) -> Result<(), Trouble> {
    let known = all_known(worker).await?;
    let wanted = all_wanted(worker).await?;
    for (id, drift) in drift(&known, &wanted) {
        let link = wanted.get(&id);
        if !link.is_none_or(|link| is_due(link, worker.config.sync.first_delay, worker.clock.now()))
        {
            continue;
        }
        worker.metrics.link_drift(drift.as_str());
        tracing::info!(link = %id, drift = drift.as_str(), "a link differs");
        if !worker
            .hint(&LinkDue {
                link: LinkId::from(id),
            })
            .await
        {
            break;
        }
    }
    Ok(())
}

async fn all_known(worker: &Worker) -> Result<BTreeMap<CalendarId, Known>, Trouble> {
    let mut known = BTreeMap::new();
    let mut after = None;
    loop {
        let page = worker.calendars.not_closed(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(known);
        };
        after = Some(last.calendar.id);
        known.extend(page.into_iter().map(|row| (row.calendar.id, row)));
    }
}

async fn all_wanted(worker: &Worker) -> Result<BTreeMap<CalendarId, Wanted>, Trouble> {
    let mut wanted = BTreeMap::new();
    let mut page_token = String::new();
    loop {
        let (page, next) = worker.mirror.all_wanted(page_token).await?;
        wanted.extend(page.into_iter().map(|link| (link.calendar.id, link)));
        match next {
            Some(next) => page_token = next,
            None => return Ok(wanted),
        }
    }
}

/// Whether it is time to do something about a link that differs. Only verifying is put off: it was
/// tried before, and what was in the way takes its time to be mended.
fn is_due(link: &Wanted, first: Duration, now: DateTime<Utc>) -> bool {
    let to_verify = link.open && !link.verified;
    let next = next_attempt(link.pending_since, link.last_attempt_at, first);
    !to_verify || next.is_none_or(|next| next <= now)
}

/// When to verify a link again that could not be verified; `None`: at once. The delay is a quarter of how
/// long it had been pending by the last attempt, and an hour at most: short for who waits for it, rare
/// for what nobody mends. One that has just become pending is not brought a second time.
fn next_attempt(
    pending_since: Option<DateTime<Utc>>,
    last_attempt: Option<DateTime<Utc>>,
    first: Duration,
) -> Option<DateTime<Utc>> {
    let fresh_until = pending_since.and_then(|since| later(since, ON_ITS_WAY));
    let Some(last) = last_attempt else {
        return fresh_until;
    };
    let age = pending_since.map(|since| (last - since).to_std().unwrap_or_default());
    let delay = age.map_or(LONGEST_DELAY, |age| {
        (age / 4).clamp(first.min(LONGEST_DELAY), LONGEST_DELAY)
    });
    later(last, delay).max(fresh_until)
}

fn later(at: DateTime<Utc>, by: Duration) -> Option<DateTime<Utc>> {
    at.checked_add_signed(TimeDelta::from_std(by).ok()?)
}

/// The differences. Ours were read first: a link made since is only missing, and a `link.due` too
/// many does no harm.
fn drift(
    known: &BTreeMap<CalendarId, Known>,
    wanted: &BTreeMap<CalendarId, Wanted>,
) -> Vec<(CalendarId, Drift)> {
    let of_wanted = wanted.values().filter_map(|link| {
        let id = link.calendar.id;
        let drift = match known.get(&id) {
            // Nothing can be done without a connection; a new one makes its links due itself.
            _ if link.open && !link.connected => return None,
            None if link.open => Drift::Missing,
            Some(_) if !link.open => Drift::Extra,
            Some(row)
                if row.open && row.verified && link.verified && row.calendar == link.calendar =>
            {
                return None;
            }
            // Without a calendar: a closing link whose calendar is closed, or never was, and which has
            // not been reported closed yet.
            None | Some(_) => Drift::Different,
        };
        Some((id, drift))
    });
    let extra = known
        .keys()
        .filter(|id| !wanted.contains_key(id))
        .map(|id| (*id, Drift::Extra));
    of_wanted.chain(extra).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::store::rows::Calendar;

    fn calendar(horizon_days: i32) -> Calendar {
        Calendar {
            id: CalendarId(uuid::Uuid::nil()),
            tenant: "t".parse().unwrap(),
            resource: "room@resource.calendar.google.com".parse().unwrap(),
            horizon_days,
        }
    }

    fn row(open: bool, verified: bool) -> Known {
        Known {
            calendar: calendar(400),
            open,
            closed: false,
            verified,
        }
    }

    fn without_connection() -> Wanted {
        Wanted {
            connected: false,
            ..link(true, false, 400)
        }
    }

    fn link(open: bool, verified: bool, horizon_days: i32) -> Wanted {
        let calendar = calendar(horizon_days);
        Wanted {
            calendar,
            open,
            verified,
            imported: true,
            connected: true,
            pending_since: None,
            last_attempt_at: None,
        }
    }

    fn minute(number: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(number)
    }

    #[rstest]
    #[case::not_tried_yet(Some(0), None, Some(1))]
    #[case::never_pending(None, None, None)]
    #[case::just_linked(Some(0), Some(0), Some(1))]
    #[case::soon(Some(0), Some(8), Some(10))]
    #[case::later(Some(0), Some(60), Some(75))]
    #[case::hourly(Some(0), Some(240), Some(300))]
    #[case::not_more_rarely(Some(0), Some(1000), Some(1060))]
    #[case::not_pending(None, Some(10), Some(70))]
    #[case::pending_anew(Some(20), Some(10), Some(21))]
    fn attempts_to_verify_become_rarer(
        #[case] pending_since: Option<i64>,
        #[case] last: Option<i64>,
        #[case] next: Option<i64>,
    ) {
        let first = Duration::from_mins(1);
        let got = next_attempt(pending_since.map(minute), last.map(minute), first);
        assert_eq!(got, next.map(minute));
    }

    #[rstest]
    #[case::due(link(true, false, 400), 70, true)]
    #[case::not_yet(link(true, false, 400), 69, false)]
    #[case::verified(link(true, true, 400), 11, true)]
    #[case::to_close(link(false, false, 400), 11, true)]
    fn only_verifying_is_put_off(#[case] link: Wanted, #[case] now: i64, #[case] due: bool) {
        let link = Wanted {
            last_attempt_at: Some(minute(10)),
            ..link
        };
        assert_eq!(is_due(&link, Duration::from_secs(5), minute(now)), due);
    }

    #[rstest]
    #[case::same(Some(row(true, true)), Some(link(true, true, 400)), None)]
    #[case::missing(None, Some(link(true, false, 400)), Some(Drift::Missing))]
    #[case::not_reported_closed(None, Some(link(false, true, 400)), Some(Drift::Different))]
    #[case::extra(Some(row(true, true)), None, Some(Drift::Extra))]
    #[case::to_close(
        Some(row(true, true)),
        Some(link(false, true, 400)),
        Some(Drift::Extra)
    )]
    #[case::still_closing(
        Some(row(false, true)),
        Some(link(false, true, 400)),
        Some(Drift::Extra)
    )]
    #[case::to_verify(
        Some(row(true, true)),
        Some(link(true, false, 400)),
        Some(Drift::Different)
    )]
    #[case::failed(
        Some(row(true, false)),
        Some(link(true, true, 400)),
        Some(Drift::Different)
    )]
    #[case::waits_for_a_connection(None, Some(without_connection()), None)]
    #[case::horizon(
        Some(row(true, true)),
        Some(link(true, true, 90)),
        Some(Drift::Different)
    )]
    fn differences_are_found(
        #[case] row: Option<Known>,
        #[case] link: Option<Wanted>,
        #[case] expected: Option<Drift>,
    ) {
        let known = row.into_iter().map(|row| (row.calendar.id, row)).collect();
        let wanted = link
            .into_iter()
            .map(|link| (link.calendar.id, link))
            .collect();
        let found: Vec<_> = drift(&known, &wanted)
            .into_iter()
            .map(|(_, drift)| drift)
            .collect();
        assert_eq!(found.first().copied(), expected);
        assert!(found.len() <= 1);
    }
}
