//! Notices that pushes have gone silent: the channel is open, and a look that no push asked for finds a change
//! that one should have told of. The poll goes on as often as without a channel, the link's coverage says so,
//! and where the next change is not told of either a new channel is opened; a push ends it.
//!
//! Google loses pushes "under normal conditions" (documented), and delays them (observed): a change younger
//! than `push.silent_after` says nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_google::Event;

use crate::{listing::Fetched, store::rows::Claim, trouble::Trouble, worker::Worker};

/// Looks at what a pull found.
pub(super) async fn notice(
    worker: &Worker,
    claim: &Claim,
    fetched: &Fetched,
) -> Result<(), Trouble> {
    if claim.pushed_at.is_some() {
        return Ok(());
    }
    let changes = fetched.events.iter().filter_map(Event::updated_at);
    let Some(changed_at) = untold(
        changes,
        fetched.listed_since,
        worker.config.push.silent_after,
    ) else {
        return Ok(());
    };
    let calendar = claim.calendar.id;
    if worker.channels.silent(calendar, changed_at).await? {
        worker.metrics.silence();
        tracing::warn!(%calendar, "a change came without a push");
    }
    Ok(())
}

/// The latest change that was old enough for its push when it was listed.
fn untold(
    changes: impl Iterator<Item = DateTime<Utc>>,
    listed_at: DateTime<Utc>,
    patience: Duration,
) -> Option<DateTime<Utc>> {
    changes.filter(|at| *at + patience < listed_at).max()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_changed(&[], None)]
    #[case::just_now(&[990], None)]
    #[case::long_ago(&[100], Some(100))]
    #[case::some_of_them(&[100, 300, 990], Some(300))]
    fn only_a_change_whose_push_had_its_time_says_something(
        #[case] changes: &[i64],
        #[case] expected: Option<i64>,
    ) {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let changes = changes.iter().map(|second| at(*second));
        let found = untold(changes, at(1000), Duration::from_mins(2));
        assert_eq!(found, expected.map(at));
    }
}
