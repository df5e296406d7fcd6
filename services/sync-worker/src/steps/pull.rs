//! Lists what changed since the cursor.
//!
//! Touched one-off events are complete by themselves. When a series was touched, everything within
//! the window is listed after the delta, and both go into the same Apply: one epoch is one listing.

use chrono::{DateTime, Utc};
use roomsync_domain::decide::Listing;
use roomsync_google::AccessRole;

use crate::{
    access::Lane,
    listing::{self, Keep},
    scopes::{self, MOST_SCOPES},
    steps::full_sync,
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// What a step listed, ready to be applied.
#[derive(Debug)]
pub(crate) struct Found {
    /// The complete scopes.
    pub(crate) listings: Vec<Listing>,
    /// The cursor to store once they are applied.
    pub(crate) cursor: String,
    /// booking-command's clock when the first page was paid for.
    pub(crate) listed_since: DateTime<Utc>,
    /// Our role on the calendar.
    pub(crate) access_role: AccessRole,
    /// This is the window listing of a full sync.
    pub(crate) full: bool,
}

/// Lists by the cursor.
pub(crate) async fn list(
    worker: &Worker,
    claim: &Claim,
    cursor: &str,
    lane: Lane,
) -> Result<Found, Trouble> {
    let sync = &worker.config.sync;
    let room = &claim.calendar.resource;
    let query = listing::since(cursor, sync.page_size);
    let fetched = listing::fetch(worker, claim, lane, query, Keep::Events).await?;
    let delta = scopes::sort(&fetched.events, room);
    worker.metrics.odd(&delta.odd);
    if delta.one_offs.len() > MOST_SCOPES {
        return full_sync::list(worker, claim).await;
    }
    let listings = if delta.series_touched {
        let window = worker.window(&claim.calendar);
        let query = listing::in_window(window, sync.page_size);
        let within = listing::fetch(worker, claim, lane, query, Keep::Events).await?;
        let (seen, odd) = scopes::occurrences(&within.events, room);
        worker.metrics.odd(&odd);
        scopes::combined(
            delta.one_offs,
            seen,
            window,
            odd.is_empty() && within.odd == 0,
        )
    } else {
        scopes::of_one_offs(delta.one_offs)
    };
    Ok(Found {
        listings,
        cursor: fetched
            .cursor
            .ok_or(Trouble::Unreadable("a delta without its cursor"))?,
        listed_since: fetched.listed_since,
        access_role: fetched.access_role,
        full: false,
    })
}
