//! Lists everything that occupies the room within the mirrored window: occurrences, not series.

use chrono::{DateTime, Utc};
use roomsync_domain::{Occurrence, TimeWindow};
use roomsync_google::AccessRole;

use crate::{
    access::Lane,
    listing::{self, Keep},
    scopes,
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// A window, listed.
#[derive(Debug)]
pub(crate) struct Within {
    /// What could be read.
    pub(crate) seen: Vec<Occurrence>,
    /// All could be read: what is absent does not exist.
    pub(crate) complete: bool,
    /// booking-command's clock when the first page was paid for.
    pub(crate) listed_since: DateTime<Utc>,
    /// Our role on the calendar.
    pub(crate) access_role: AccessRole,
}

/// Lists `window`. Where Google does not say the calendar's zone, it is `zone`.
pub(crate) async fn list(
    worker: &Worker,
    claim: &Claim,
    lane: Lane,
    window: TimeWindow,
    zone: Option<&str>,
) -> Result<Within, Trouble> {
    let query = listing::in_window(window, worker.config.sync.page_size);
    let mut fetched = listing::fetch(worker, claim, lane, query, Keep::Events).await?;
    fetched.in_zone(zone);
    let (seen, odd) = scopes::occurrences(&fetched.events, &claim.calendar.resource);
    worker.metrics.odd(&odd);
    Ok(Within {
        seen,
        complete: odd.is_empty() && fetched.odd == 0,
        listed_since: fetched.listed_since,
        access_role: fetched.access_role,
    })
}
