//! Lists what changed since the cursor.
//!
//! Touched one-off events are complete by themselves. A touched series is expanded by Google
//! ([`super::expand_series`]); when many were touched, everything within the window is listed instead.
//! All goes into the same Apply: one epoch is one listing.

use chrono::{DateTime, Utc};
use roomsync_domain::{TimeWindow, decide::Listing};
use roomsync_google::AccessRole;

use crate::{
    access::Lane,
    apply,
    listing::{self, Fetched, Keep},
    scopes::{self, Delta, MOST_SCOPES},
    steps::{expand_series, full_sync, list_window, silence},
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// Of more touched series than this, a listing of the window is cheaper than expanding each.
const MOST_SERIES: usize = 5;

/// What kind of listing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What changed since the cursor.
    Delta,
    /// The window, of a full sync.
    Full,
    /// The window, of a reconcile.
    Reconcile,
}

impl Kind {
    /// The name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Delta => "delta",
            Self::Full => "full",
            Self::Reconcile => "reconcile",
        }
    }
}

/// What a step listed, ready to be applied.
#[derive(Debug)]
pub(crate) struct Found {
    /// What kind of listing it was.
    pub(crate) kind: Kind,
    /// The complete scopes.
    pub(crate) listings: Vec<Listing>,
    /// The cursor to store once they are applied; `None`: it stays.
    pub(crate) cursor: Option<String>,
    /// It was made because the cursor before is dead.
    pub(crate) cursor_died: bool,
    /// The window, if all of it was listed.
    pub(crate) window: Option<TimeWindow>,
    /// booking-command's clock when the first page was paid for.
    pub(crate) listed_since: DateTime<Utc>,
    /// Our role on the calendar.
    pub(crate) access_role: AccessRole,
}

/// Lists by the cursor.
pub(crate) async fn list(
    worker: &Worker,
    claim: &Claim,
    cursor: &str,
    lane: Lane,
) -> Result<Found, Trouble> {
    let query = listing::since(cursor, worker.config.sync.page_size);
    let fetched = listing::fetch(worker, claim, lane, query, Keep::Events).await?;
    silence::notice(worker, claim, &fetched).await?;
    let delta = scopes::sort(&fetched.events, &claim.calendar.resource);
    worker.metrics.odd(&delta.odd);
    if delta.scopes() > MOST_SCOPES {
        return full_sync::list(worker, claim).await;
    }
    let window = worker.window(&claim.calendar);
    let (listings, all) = complete(worker, claim, lane, delta, window, &fetched).await?;
    Ok(Found {
        kind: Kind::Delta,
        listings,
        cursor: Some(
            fetched
                .cursor
                .ok_or(Trouble::Unreadable("a delta without its cursor"))?,
        ),
        cursor_died: false,
        window: all.then_some(window),
        listed_since: fetched.listed_since,
        access_role: fetched.access_role,
    })
}

/// The delta with what it does not say of the series that it touched; and whether the whole window
/// was listed for that.
async fn complete(
    worker: &Worker,
    claim: &Claim,
    lane: Lane,
    delta: Delta,
    window: TimeWindow,
    fetched: &Fetched,
) -> Result<(Vec<Listing>, bool), Trouble> {
    let zone = fetched.time_zone.as_deref();
    let series = delta.to_expand();
    if series.len() <= MOST_SERIES {
        let expanded = expand_series::expand(worker, claim, lane, series, window, zone).await?;
        // The contract has a series in one message; one with more dates goes with the window.
        if expanded.values().all(|it| apply::fits(&it.seen)) {
            return Ok((scopes::of_delta(delta, expanded, window), false));
        }
    }
    let within = list_window::list(worker, claim, lane, window, zone).await?;
    let listings = scopes::with_window(delta, within.seen, window, within.complete);
    Ok((listings, true))
}
