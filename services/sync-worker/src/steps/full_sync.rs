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
    steps::{
        list_window,
        pull::{Found, Kind},
    },
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// Lists for a cursor, then the window. Never hurries: it takes the background's share.
pub(crate) async fn list(worker: &Worker, claim: &Claim) -> Result<Found, Trouble> {
    let lane = Lane::Background;
    let window = worker.window(&claim.calendar);
    let query = listing::for_a_cursor(window.starts_at(), worker.config.sync.page_size);
    let for_cursor = listing::fetch(worker, claim, lane, query, Keep::Cursor).await?;
    let cursor = for_cursor
        .cursor
        .ok_or(Trouble::Unreadable("a listing without its cursor"))?;
    let zone = for_cursor.time_zone.as_deref();
    let within = list_window::list(worker, claim, lane, window, zone).await?;
    Ok(Found {
        kind: Kind::Full,
        listings: scopes::of_window(within.seen, window, within.complete),
        cursor: Some(cursor),
        cursor_died: false,
        window: Some(window),
        listed_since: within.listed_since,
        access_role: within.access_role,
    })
}
