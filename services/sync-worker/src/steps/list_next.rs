//! What a claimed calendar is listed by, and what is done about a dead cursor.

use std::time::Duration;

use roomsync_google::GoogleError;

use super::{
    full_sync,
    pull::{self, Found},
    reconcile,
};
use crate::{access::Lane, store::rows::Claim, trouble::Trouble, worker::Worker};

/// A delta that could not be read so often in a row may be the cursor's fault.
const UNREADABLE_LIMIT: i32 = 3;

/// What a claimed calendar is listed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Everything, for a new cursor.
    Everything,
    /// What changed since the cursor.
    ByCursor(String),
    /// The window, of a reconcile.
    Window,
}

/// Lists it.
pub(crate) async fn list(
    worker: &Worker,
    claim: &Claim,
    next: &Next,
    lane: Lane,
) -> Result<Found, Trouble> {
    match next {
        Next::Everything => full_sync::list(worker, claim).await,
        Next::Window => reconcile::list(worker, claim).await,
        Next::ByCursor(cursor) => by_cursor(worker, claim, cursor, lane).await,
    }
}

/// What changed since the cursor; everything, if the cursor is dead.
async fn by_cursor(
    worker: &Worker,
    claim: &Claim,
    cursor: &str,
    lane: Lane,
) -> Result<Found, Trouble> {
    match pull::list(worker, claim, cursor, lane).await {
        Err(Trouble::Google(error)) if is_dead(&error, claim.failures) => {
            if !heals_at_once(claim, worker.config.sync.longest_delay) {
                return Err(Trouble::DeadCursor(error));
            }
            tracing::info!(calendar = %claim.calendar.id, why = error.kind(), "full sync");
            match full_sync::list(worker, claim).await {
                // The cursor is dead all the same: when it is tried again, everything is listed.
                Err(Trouble::Google(error @ GoogleError::CursorExpired)) => {
                    Err(Trouble::DeadCursor(error))
                }
                listed => Ok(Found {
                    cursor_died: true,
                    ..listed?
                }),
            }
        }
        listed => listed,
    }
}

/// Everything without a cursor, or when a full sync is asked for; the window when a reconcile is asked
/// for and its pull is done; else by the cursor.
pub(crate) fn next(claim: &Claim, pulled: Option<i64>) -> Next {
    match &claim.cursor {
        Some(_) if claim.full.is_none() && claim.reconcile && pulled.is_some() => Next::Window,
        Some(cursor) if claim.full.is_none() => Next::ByCursor(cursor.clone()),
        _ => Next::Everything,
    }
}

/// Whether a pull failed for its cursor.
///
/// An expired one is told as such, also on a later page. Refused as such (400), it may be the cursor
/// that Google does not take, say as another subject's. If it is not, the full sync is refused too. And a
/// delta that again and again cannot be read, as one that ends without a cursor (observed), may be read
/// from another cursor.
fn is_dead(error: &GoogleError, failures: i32) -> bool {
    match error {
        GoogleError::CursorExpired | GoogleError::Refused { .. } => true,
        GoogleError::Unreadable(_) => failures >= UNREADABLE_LIMIT,
        _ => false,
    }
}

/// Whether everything is listed at once instead of a dead cursor. The first death always heals at once,
/// and counts as a failure until a pull succeeds. When the next cursor dies `young`, the one after it may
/// as well: then the calendar waits first, for longer each time ([`super::put_off`] drops the cursor).
fn heals_at_once(claim: &Claim, young: Duration) -> bool {
    claim.failures == 0 || claim.cursor_age.is_none_or(|age| age >= young)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tests::claims::claim;

    fn by_cursor() -> Next {
        Next::ByCursor("c".to_owned())
    }

    #[rstest]
    #[case::first(None, Some(1), false, None, Next::Everything)]
    #[case::no_cursor(None, None, false, None, Next::Everything)]
    #[case::asked_for(Some("c"), Some(2), true, Some(7), Next::Everything)]
    #[case::usual(Some("c"), None, false, None, by_cursor())]
    #[case::reconcile_pulls_first(Some("c"), None, true, None, by_cursor())]
    #[case::then_the_window(Some("c"), None, true, Some(7), Next::Window)]
    #[case::reconciled_by_another(Some("c"), None, false, Some(7), by_cursor())]
    fn what_to_list_next(
        #[case] cursor: Option<&str>,
        #[case] full: Option<i64>,
        #[case] reconcile: bool,
        #[case] pulled: Option<i64>,
        #[case] expected: Next,
    ) {
        let claim = Claim {
            reconcile,
            ..claim(cursor, full, None)
        };
        assert_eq!(next(&claim, pulled), expected);
    }

    #[rstest]
    #[case::expired(GoogleError::CursorExpired, 0, true)]
    #[case::refused(GoogleError::Refused { status: 400.try_into().unwrap(), reason: String::new() }, 0, true)]
    #[case::unreadable(GoogleError::Unreadable("no token"), 0, false)]
    #[case::always_unreadable(GoogleError::Unreadable("no token"), 3, true)]
    #[case::gone_is_no_cursor(GoogleError::Gone, 9, false)]
    #[case::not_found(GoogleError::NotFound, 9, false)]
    fn what_a_cursor_can_be_blamed_for(
        #[case] error: GoogleError,
        #[case] failures: i32,
        #[case] expected: bool,
    ) {
        assert_eq!(is_dead(&error, failures), expected);
    }

    #[rstest]
    #[case::old(Some(3600), 0, true)]
    #[case::old_after_faults(Some(3600), 9, true)]
    #[case::of_unknown_age(None, 9, true)]
    #[case::young(Some(5), 0, true)]
    #[case::young_again(Some(5), 1, false)]
    fn a_dead_cursor_heals_at_once_unless_the_next_one_dies_young(
        #[case] age: Option<u64>,
        #[case] failures: i32,
        #[case] expected: bool,
    ) {
        let claim = Claim {
            cursor_age: age.map(Duration::from_secs),
            failures,
            ..claim(Some("c"), None, None)
        };
        assert_eq!(heals_at_once(&claim, Duration::from_mins(10)), expected);
    }
}
