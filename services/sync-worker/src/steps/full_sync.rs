//! Lists everything: at the first import, after a dead cursor, after the connection changed. It is
//! applied as a difference; nothing is wiped, so a room never looks free in between.
//!
//! The order is what makes it complete: first a listing to its end, for the cursor alone; then the
//! window; then, as the next claim, a pull from the cursor. What changes while the window is listed
//! is in that pull.

use crate::{
    access::Lane,
    listing::{self, Keep},
    scopes,
    steps::pull::Found,
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// Lists for a cursor, then the window. Never hurries: it takes the background's share.
pub(crate) async fn list(worker: &Worker, claim: &Claim) -> Result<Found, Trouble> {
    let page_size = worker.config.sync.page_size;
    let window = worker.window(&claim.calendar);
    let query = listing::for_a_cursor(window.starts_at(), page_size);
    let for_cursor = listing::fetch(worker, claim, Lane::Background, query, Keep::Cursor).await?;
    let cursor = for_cursor
        .cursor
        .ok_or(Trouble::Unreadable("a listing without its cursor"))?;

    let query = listing::in_window(window, page_size);
    let within = listing::fetch(worker, claim, Lane::Background, query, Keep::Events).await?;
    let (seen, odd) = scopes::occurrences(&within.events, &claim.calendar.resource);
    worker.metrics.odd(&odd);
    let complete = odd.is_empty() && within.odd == 0;
    Ok(Found {
        listings: scopes::of_window(seen, window, complete),
        cursor,
        listed_since: within.listed_since,
        access_role: within.access_role,
        full: true,
    })
}
