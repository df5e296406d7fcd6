//! Compares all links of booking-command with our calendars: what a lost `link.due` left behind is
//! made again. What is missing, extra or different gets a `link.due`, and is counted.

use std::collections::BTreeMap;

use roomsync_domain::{CalendarId, LinkId};
use roomsync_messages::LinkDue;

use crate::{mirror::Wanted, store::rows::Known, trouble::Trouble, worker::Worker};

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
        }
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
