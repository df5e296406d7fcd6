//! Fetching a listing to its last page. Every page is paid for by a lease, and the claim is renewed
//! after it: whoever lost its claim stops here and applies nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::TimeWindow;
use roomsync_google::{
    Access, AccessRole, Event, EventsPage, GoogleError, InstancesQuery, ListQuery,
};

use crate::{
    access::{Actor, Lane, Lease, Share},
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// The longest wait for a unit of the budget between two pages. No more listings have begun than there are
/// hands; at 600 requests a minute half a hundred of them wait for eight seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// So often one page waits.
const WAITS: u32 = 3;

/// A listing, complete.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Everything that could be read.
    pub(crate) events: Vec<Event>,
    /// How many items could not.
    pub(crate) odd: usize,
    /// The cursor that the last page gave.
    pub(crate) cursor: Option<String>,
    /// Our role on the calendar.
    pub(crate) access_role: AccessRole,
    /// The calendar's zone.
    pub(crate) time_zone: Option<String>,
    /// booking-command's clock when the first page was paid for.
    pub(crate) listed_since: DateTime<Utc>,
}

/// Whether the events of a listing matter, or only the cursor at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All events.
    Events,
    /// The cursor.
    Cursor,
}

/// What to fetch, page by page.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Events of the calendar.
    Events(ListQuery),
    /// The dates of one series.
    Series {
        /// Google's id of it.
        id: String,
        /// Which dates.
        query: InstancesQuery,
    },
}

impl What {
    /// Whether it is never the first part of a listing: a window follows a listing for the cursor or a
    /// delta, a series a delta.
    fn is_later_part(&self) -> bool {
        match self {
            Self::Events(query) => query.time_max.is_some(),
            Self::Series { .. } => true,
        }
    }

    async fn page(
        &self,
        worker: &Worker,
        access: &Access,
        calendar: &str,
    ) -> Result<EventsPage, GoogleError> {
        match self {
            Self::Events(query) => worker.google.list_events(access, calendar, query).await,
            Self::Series { id, query } => {
                worker.google.instances(access, calendar, id, query).await
            }
        }
    }

    /// Goes on with the page of `token`. Refused if that is the page just fetched.
    fn go_on(&mut self, token: String) -> Result<(), GoogleError> {
        let page_token = match self {
            Self::Events(query) => &mut query.page_token,
            Self::Series { query, .. } => &mut query.page_token,
        };
        if page_token.as_ref() == Some(&token) {
            return Err(GoogleError::Unreadable("a page that follows itself"));
        }
        *page_token = Some(token);
        Ok(())
    }
}

/// Fetches all pages.
pub(crate) async fn fetch(
    worker: &Worker,
    claim: &Claim,
    lane: Lane,
    mut what: What,
    keep: Keep,
) -> Result<Fetched, Trouble> {
    let calendar = &claim.calendar;
    let mut fetched: Option<Fetched> = None;
    let later = what.is_later_part();
    loop {
        let begun = later || fetched.is_some();
        let lease = lease(worker, claim, lane, begun).await?;
        let page = what
            .page(worker, &lease.access, calendar.resource.as_str())
            .await?;
        if page.access_role.is_times_only() {
            return Err(Trouble::TimesOnly);
        }
        if !worker
            .calendars
            .renew(claim, worker.config.sync.lease)
            .await?
        {
            return Err(Trouble::Lost);
        }
        let fetched = fetched.get_or_insert_with(|| Fetched::begun(lease.granted_at));
        let next = page.next_page_token.clone();
        fetched.add(page, keep);
        match next {
            Some(token) => what.go_on(token)?,
            None => break,
        }
    }
    // Cannot be absent: the loop ends only after a page was kept.
    fetched.ok_or(Trouble::Google(GoogleError::Unreadable(
        "a listing without pages",
    )))
}

impl Fetched {
    fn begun(listed_since: DateTime<Utc>) -> Self {
        Self {
            events: Vec::new(),
            odd: 0,
            cursor: None,
            access_role: AccessRole::Unknown,
            time_zone: None,
            listed_since,
        }
    }

    fn add(&mut self, page: EventsPage, keep: Keep) {
        let says_role = page.access_role != AccessRole::Unknown;
        self.access_role = page.access_role;
        self.cursor = page.next_sync_token;
        self.time_zone = page.time_zone.or(self.time_zone.take());
        if keep == Keep::Events {
            self.odd += page.odd.len();
            // Google always says the role. An answer without it may be anything: what is in it
            // counts, what is not does not.
            self.odd += usize::from(!says_role);
            self.events.extend(page.items);
        }
    }

    /// Reads dates without a time in `zone` where Google did not say the calendar's: one date of a
    /// series must be the same instant in every listing, since it is known by it.
    pub(crate) fn in_zone(&mut self, zone: Option<&str>) {
        let own = self.time_zone.clone();
        let zone = own.as_deref().or(zone);
        for event in &mut self.events {
            if event.calendar_zone.is_none() {
                event.calendar_zone = zone.map(ToOwned::to_owned);
            }
        }
    }
}

/// The lease for the next page. A listing that has begun waits for it: else its pages would be thrown
/// away and paid for again, and while the budget is used up no listing of several pages would end.
async fn lease(worker: &Worker, claim: &Claim, lane: Lane, begun: bool) -> Result<Lease, Trouble> {
    let longest = LONGEST_WAIT.min(worker.config.sync.lease / 2);
    let mut waits = if begun { WAITS } else { 0 };
    let share = match lane {
        Lane::Live => Share::Live,
        Lane::Background if begun => Share::Begun,
        Lane::Background => Share::Background,
    };
    loop {
        let tenant = &claim.calendar.tenant;
        match worker.access.acquire(tenant, Actor::Rooms, share).await {
            Err(Trouble::OutOfBudget { wait }) if waits > 0 && wait <= longest => {
                waits -= 1;
                tokio::time::sleep(wait).await;
                if !worker
                    .calendars
                    .renew(claim, worker.config.sync.lease)
                    .await?
                {
                    return Err(Trouble::Lost);
                }
            }
            asked => return asked,
        }
    }
}

/// The window that bookings are mirrored in. Whole seconds: Google ignores fractions.
pub(crate) fn window(now: DateTime<Utc>, back_days: i64, horizon_days: i32) -> TimeWindow {
    let now = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
    let from = now - TimeDelta::days(back_days.max(0));
    let to = now + TimeDelta::days(i64::from(horizon_days.max(1)));
    TimeWindow::new(from, to).unwrap_or_else(|_| unreachable!("a day ahead is later than now"))
}

/// Lists what occupies the room in `window`: occurrences, not series.
pub(crate) fn in_window(window: TimeWindow, page_size: u32) -> What {
    What::Events(ListQuery {
        single_events: true,
        time_min: Some(window.starts_at()),
        time_max: Some(window.ends_at()),
        max_results: Some(page_size),
        ..ListQuery::default()
    })
}

/// Lists the dates of one series in `window`.
pub(crate) fn of_series(series: &str, window: TimeWindow, page_size: u32) -> What {
    What::Series {
        id: series.to_owned(),
        query: InstancesQuery {
            time_min: Some(window.starts_at()),
            time_max: Some(window.ends_at()),
            max_results: Some(page_size),
            ..InstancesQuery::default()
        },
    }
}

/// Lists what changed since `cursor`: events and whole series.
pub(crate) fn since(cursor: &str, page_size: u32) -> What {
    What::Events(ListQuery {
        sync_token: Some(cursor.to_owned()),
        max_results: Some(page_size),
        ..ListQuery::default()
    })
}

/// Lists up to a new cursor. The cursor's later deltas are not bounded by the time.
pub(crate) fn for_a_cursor(from: DateTime<Utc>, page_size: u32) -> What {
    What::Events(ListQuery {
        time_min: Some(from),
        max_results: Some(page_size),
        ..ListQuery::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_reaches_back_and_ahead_in_whole_seconds() {
        let now = DateTime::from_timestamp(1_800_000_000, 999).unwrap();
        let window = window(now, 31, 400);
        assert_eq!(window.starts_at().timestamp(), 1_800_000_000 - 31 * 86_400);
        assert_eq!(window.ends_at().timestamp(), 1_800_000_000 + 400 * 86_400);
        assert_eq!(window.ends_at().timestamp_subsec_nanos(), 0);
    }

    #[test]
    fn a_cursor_is_made_and_used_with_the_same_parameters() {
        let query = |what| match what {
            What::Events(query) => query,
            What::Series { .. } => panic!("a series has no cursor"),
        };
        let made = query(for_a_cursor(DateTime::UNIX_EPOCH, 250));
        let used = query(since("token", 250));
        assert_eq!(made.single_events, used.single_events);
        assert_eq!(made.show_deleted, used.show_deleted);
        assert_eq!(made.max_results, used.max_results);
        assert_eq!((used.time_min, used.time_max), (None, None));
    }
}
