//! Fetching a listing to its last page. Every page is paid for by a lease, and the claim is renewed
//! after it: whoever lost its claim stops here and applies nothing.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use roomsync_domain::TimeWindow;
use roomsync_google::{AccessRole, Event, GoogleError, ListQuery};

use crate::{
    access::{Actor, Lane, Lease},
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// The longest wait for a unit of the budget between two pages.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
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

/// Fetches all pages of `query`.
pub(crate) async fn fetch(
    worker: &Worker,
    claim: &Claim,
    lane: Lane,
    mut query: ListQuery,
    keep: Keep,
) -> Result<Fetched, Trouble> {
    let calendar = &claim.calendar;
    let mut fetched: Option<Fetched> = None;
    // A window is always the second part of a listing.
    let is_second = query.time_max.is_some();
    loop {
        let begun = is_second || fetched.is_some();
        let lease = lease(worker, claim, lane, begun).await?;
        let page = worker
            .google
            .list_events(&lease.access, calendar.resource.as_str(), &query)
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
        let fetched = fetched.get_or_insert_with(|| Fetched {
            events: Vec::new(),
            odd: 0,
            cursor: None,
            access_role: AccessRole::Unknown,
            listed_since: lease.granted_at,
        });
        let says_role = page.access_role != AccessRole::Unknown;
        fetched.access_role = page.access_role;
        fetched.cursor = page.next_sync_token;
        if keep == Keep::Events {
            fetched.odd += page.odd.len();
            // Google always says the role. An answer without it may be anything: what is in it
            // counts, what is not does not.
            fetched.odd += usize::from(!says_role);
            fetched.events.extend(page.items);
        }
        if page.next_page_token.is_some() && page.next_page_token == query.page_token {
            return Err(GoogleError::Unreadable("a page that follows itself").into());
        }
        query.page_token = page.next_page_token;
        if query.page_token.is_none() {
            break;
        }
    }
    // Cannot be absent: the loop ends only after a page was kept.
    fetched.ok_or(Trouble::Google(GoogleError::Unreadable(
        "a listing without pages",
    )))
}

/// The lease for the next page. A listing that has begun waits for it: else its pages would be thrown
/// away and paid for again, and while the budget is used up no listing of several pages would end.
async fn lease(worker: &Worker, claim: &Claim, lane: Lane, begun: bool) -> Result<Lease, Trouble> {
    let longest = LONGEST_WAIT.min(worker.config.sync.lease / 2);
    let mut waits = if begun { WAITS } else { 0 };
    loop {
        let tenant = &claim.calendar.tenant;
        let asked = worker.access.acquire(tenant, Actor::Rooms, lane).await;
        match asked {
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
pub(crate) fn in_window(window: TimeWindow, page_size: u32) -> ListQuery {
    ListQuery {
        single_events: true,
        time_min: Some(window.starts_at()),
        time_max: Some(window.ends_at()),
        max_results: Some(page_size),
        ..ListQuery::default()
    }
}

/// Lists what changed since `cursor`: events and whole series.
pub(crate) fn since(cursor: &str, page_size: u32) -> ListQuery {
    ListQuery {
        sync_token: Some(cursor.to_owned()),
        max_results: Some(page_size),
        ..ListQuery::default()
    }
}

/// Lists up to a new cursor. The cursor's later deltas are not bounded by the time.
pub(crate) fn for_a_cursor(from: DateTime<Utc>, page_size: u32) -> ListQuery {
    ListQuery {
        time_min: Some(from),
        max_results: Some(page_size),
        ..ListQuery::default()
    }
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
        let made = for_a_cursor(DateTime::UNIX_EPOCH, 250);
        let used = since("token", 250);
        assert_eq!(made.single_events, used.single_events);
        assert_eq!(made.show_deleted, used.show_deleted);
        assert_eq!(made.max_results, used.max_results);
        assert_eq!((used.time_min, used.time_max), (None, None));
    }
}
