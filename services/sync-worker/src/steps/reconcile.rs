//! Compares a calendar with everything that Google shows within the window, without its cursor, which
//! stays as it is. Daily, and when somebody asks.
//!
//! It repairs what no delta says any more: pushes and deltas that were lost, tombstones that named
//! nothing, stale dates after a split. And it moves the horizon on: a date that comes within reach
//! changes nothing at Google. A pull by the cursor went before it ([`super::check`]), so that what
//! differs still was missed, and is counted as drift.

use crate::{
    access::Lane,
    scopes,
    steps::{
        list_window,
        pull::{Found, Kind},
    },
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// Lists the window. Never hurries: it takes the background's share.
pub(crate) async fn list(worker: &Worker, claim: &Claim) -> Result<Found, Trouble> {
    let window = worker.window(&claim.calendar);
    let within = list_window::list(worker, claim, Lane::Background, window, None).await?;
    Ok(Found {
        kind: Kind::Reconcile,
        listings: scopes::of_window(within.seen, window, within.complete),
        cursor: None,
        cursor_died: false,
        window: Some(window),
        listed_since: within.listed_since,
        access_role: within.access_role,
    })
}
