//! Has Google expand the series that a delta touched, within the mirrored window.
//!
//! That a calendar has no such series (404, 410) never means that its dates are gone: a room that is
//! invited to some dates only has no master on its calendar (observed), and a series that was ended
//! meanwhile will be said so by the next delta. It does not count against the link either.

use std::collections::BTreeMap;

use roomsync_domain::{OccurrenceKey, TimeWindow};
use roomsync_google::GoogleError;

use crate::{
    access::Lane,
    listing::{self, Keep},
    scopes::{self, Expanded},
    store::rows::Claim,
    trouble::Trouble,
    worker::Worker,
};

/// Expands `series`, one call (or a few pages) each. Those that the calendar does not have are not in
/// the answer.
pub(crate) async fn expand(
    worker: &Worker,
    claim: &Claim,
    lane: Lane,
    series: Vec<String>,
    window: TimeWindow,
    zone: Option<&str>,
) -> Result<BTreeMap<String, Expanded>, Trouble> {
    let mut expanded = BTreeMap::new();
    for id in series {
        if let Some(found) = one(worker, claim, lane, &id, window, zone).await? {
            expanded.insert(id, found);
        }
    }
    Ok(expanded)
}

async fn one(
    worker: &Worker,
    claim: &Claim,
    lane: Lane,
    series: &str,
    window: TimeWindow,
    zone: Option<&str>,
) -> Result<Option<Expanded>, Trouble> {
    let what = listing::of_series(series, window, worker.config.sync.page_size);
    let mut fetched = match listing::fetch(worker, claim, lane, what, Keep::Events).await {
        Ok(fetched) => fetched,
        Err(Trouble::Google(GoogleError::NotFound | GoogleError::Gone)) => return Ok(None),
        Err(trouble) => return Err(trouble),
    };
    fetched.in_zone(zone);
    let (seen, odd) = scopes::occurrences(&fetched.events, &claim.calendar.resource);
    worker.metrics.odd(&odd);
    // What is not a date of this series was not asked for. Such an answer is not understood, and
    // then nothing may count as absent from it.
    let of_series = seen
        .iter()
        .all(|date| matches!(&date.key, OccurrenceKey::Slot { series: of, .. } if of == series));
    Ok(Some(Expanded {
        complete: odd.is_empty() && fetched.odd == 0 && of_series,
        seen,
    }))
}
