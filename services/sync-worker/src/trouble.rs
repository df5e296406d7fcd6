//! Why a step did not succeed, and what follows: how long to wait, what to tell booking-command,
//! whether it counts against the calendar or its link. No trouble ever removes a booking.
//!
//! To add a trouble: a variant, its row in [`react`] and in the table of the tests.

use std::time::Duration;

use roomsync_domain::LinkReason;
use roomsync_google::{Advice, GoogleError, reason};
use roomsync_proto::internal::v1 as proto;

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// Google did not give what was asked for.
    #[error("google did not give an answer")]
    Google(#[from] GoogleError),
    /// The cursor is dead, and so was one shortly before, or the full sync in its place met the same.
    #[error("google does not take the cursor")]
    DeadCursor(#[source] GoogleError),
    /// No unit of the budget now; the slot after `wait` is reserved for us.
    #[error("the budget for google calls is used up")]
    OutOfBudget {
        /// Until the reserved slot.
        wait: Duration,
    },
    /// The tenant has no connection that can be used.
    #[error("the tenant is not connected")]
    NotConnected,
    /// Google's token endpoint has a fault: there is no access token to lend now.
    #[error("google gives out no access token now")]
    NoToken {
        /// When to ask again, if booking-command says.
        after: Option<Duration>,
    },
    /// Google shows us times only: what looks absent is only hidden.
    #[error("google shows times only")]
    TimesOnly,
    /// booking-command did not answer, or not with what the contract says.
    #[error("booking-command did not give an answer")]
    BookingCommand(#[source] Box<tonic::Status>),
    /// booking-command's answer makes no sense.
    #[error("booking-command's answer cannot be read: {0}")]
    Unreadable(&'static str),
    /// More was listed than one Apply takes.
    #[error("the listing does not fit one apply")]
    TooLarge,
    /// PostgreSQL did not answer.
    #[error("the database did not give an answer")]
    Database(#[from] sqlx::Error),
    /// Somebody else has the calendar now.
    #[error("the claim is lost")]
    Lost,
    /// The link is closing or removed.
    #[error("the link is removed")]
    LinkRemoved,
}

impl Trouble {
    /// The name in metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Google(error) | Self::DeadCursor(error) => error.kind(),
            Self::OutOfBudget { .. } => "out_of_budget",
            Self::NotConnected => "not_connected",
            Self::NoToken { .. } => "no_token",
            Self::TimesOnly => "times_only",
            Self::BookingCommand(_) => "booking_command",
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge => "too_large",
            Self::Database(_) => "database",
            Self::Lost => "lost",
            Self::LinkRemoved => "link_removed",
        }
    }
}

/// What follows from a trouble with a claimed calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// Not before this has passed.
    pub(crate) delay: Duration,
    /// Counts towards growing delays.
    pub(crate) failed: bool,
    /// Counts towards reporting the link as failed.
    pub(crate) not_found: bool,
    /// What booking-command has to know about the budget or the access.
    pub(crate) report: Option<Report>,
}

/// What booking-command has to know about the budget or the access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    /// In the contract's words.
    pub(crate) trouble: proto::Trouble,
    /// Google's Retry-After.
    pub(crate) retry_after: Option<Duration>,
}

/// The longest delay after a fault of our own services.
const OWN_LONGEST: Duration = Duration::from_secs(20);

/// Delays after failures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// After the first failure; doubles with each further one.
    pub(crate) first: Duration,
    /// It never grows beyond this.
    pub(crate) longest: Duration,
}

impl Backoff {
    /// The delay after `failures` earlier failures in a row.
    pub(crate) fn after(self, failures: i32) -> Duration {
        let doublings = u32::try_from(failures).unwrap_or(0).min(20);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }
}

/// What follows from a trouble, after `failures` earlier ones in a row.
pub(crate) fn react(trouble: &Trouble, failures: i32, backoff: Backoff) -> Reaction {
    let grown = backoff.after(failures);
    let wait = |delay| Reaction {
        delay,
        failed: true,
        not_found: false,
        report: None,
    };
    match trouble {
        Trouble::OutOfBudget { wait } => Reaction {
            delay: *wait,
            failed: false,
            not_found: false,
            report: None,
        },
        Trouble::Google(error) => {
            let delay = match error.advice() {
                Advice::Retry { after } => grown.max(after.unwrap_or_default()),
                Advice::CheckAccess
                | Advice::RefreshToken
                | Advice::ReadAgain
                | Advice::FullSync
                | Advice::Done => grown,
                _ => backoff.longest,
            };
            // A list that is "already deleted" (410 `deleted`) is that of a calendar which is gone.
            let not_found = matches!(
                error.advice(),
                Advice::CheckAccess | Advice::FixRights | Advice::Done
            );
            Reaction {
                not_found,
                report: report(error),
                ..wait(delay)
            }
        }
        Trouble::DeadCursor(_) | Trouble::TooLarge => wait(grown),
        Trouble::NoToken { after } => wait(grown.max(after.unwrap_or_default())),
        Trouble::NotConnected | Trouble::TimesOnly => wait(backoff.longest),
        // Our own: it comes back as a whole, and then nobody should wait for long.
        Trouble::BookingCommand(_)
        | Trouble::Unreadable(_)
        | Trouble::Database(_)
        | Trouble::Lost
        | Trouble::LinkRemoved => wait(grown.min(OWN_LONGEST)),
    }
}

/// What booking-command has to know. A refused token goes there too: it is fetched anew, and only
/// when the token endpoint refuses is the access lost.
pub(crate) fn report(error: &GoogleError) -> Option<Report> {
    let of = |trouble, retry_after| {
        Some(Report {
            trouble,
            retry_after,
        })
    };
    match error {
        GoogleError::Throttled { retry_after } => of(proto::Trouble::Throttled, *retry_after),
        GoogleError::QuotaExceeded => of(proto::Trouble::QuotaExceeded, None),
        GoogleError::Unauthorized | GoogleError::AccessLost { .. } => {
            of(proto::Trouble::AccessLost, None)
        }
        // Part of a consent was withdrawn, perhaps: a new token tells what it is good for.
        GoogleError::Forbidden { reason } if reason == reason::MISSING_SCOPE => {
            of(proto::Trouble::AccessLost, None)
        }
        _ => None,
    }
}

/// What an administrator sees while a link is still tried.
pub(crate) fn pending_reason(trouble: &Trouble) -> LinkReason {
    match trouble {
        Trouble::NotConnected => LinkReason::AccessLost,
        Trouble::Google(error) => match error.advice() {
            Advice::Reconnect | Advice::FixRights => LinkReason::AccessLost,
            _ => LinkReason::GoogleUnavailable,
        },
        _ => LinkReason::GoogleUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(5),
        longest: Duration::from_mins(10),
    };

    fn throttled(after: u64) -> Trouble {
        Trouble::Google(GoogleError::Throttled {
            retry_after: Some(Duration::from_secs(after)),
        })
    }

    #[rstest]
    #[case(0, 5)]
    #[case(1, 10)]
    #[case(3, 40)]
    #[case(7, 600)]
    #[case(i32::MAX, 600)]
    #[case(-1, 5)]
    fn delays_grow_up_to_a_limit(#[case] failures: i32, #[case] seconds: u64) {
        assert_eq!(BACKOFF.after(failures), Duration::from_secs(seconds));
    }

    #[rstest]
    #[case::throttled_shortly(throttled(1), 5, false)]
    #[case::throttled_long(throttled(90), 90, false)]
    #[case::quota(Trouble::Google(GoogleError::QuotaExceeded), 600, false)]
    #[case::not_found(Trouble::Google(GoogleError::NotFound), 5, true)]
    #[case::gone(Trouble::Google(GoogleError::Gone), 5, true)]
    #[case::cursor_dead(Trouble::Google(GoogleError::CursorExpired), 5, false)]
    #[case::cursors_die(Trouble::DeadCursor(GoogleError::CursorExpired), 5, false)]
    #[case::unauthorized(Trouble::Google(GoogleError::Unauthorized), 5, false)]
    #[case::no_calendar(Trouble::Google(GoogleError::NotCalendarUser), 600, true)]
    #[case::garbage(Trouble::Google(GoogleError::Unreadable("html")), 5, false)]
    #[case::too_large(Trouble::TooLarge, 5, false)]
    #[case::not_connected(Trouble::NotConnected, 600, false)]
    #[case::times_only(Trouble::TimesOnly, 600, false)]
    fn every_trouble_has_its_delay(
        #[case] trouble: Trouble,
        #[case] seconds: u64,
        #[case] not_found: bool,
    ) {
        let reaction = react(&trouble, 0, BACKOFF);
        assert_eq!(reaction.delay, Duration::from_secs(seconds));
        assert_eq!(reaction.not_found, not_found);
        assert!(reaction.failed);
    }

    #[test]
    fn waiting_for_the_budget_is_no_failure() {
        let wait = Duration::from_secs(3);
        let reaction = react(&Trouble::OutOfBudget { wait }, 9, BACKOFF);
        assert_eq!((reaction.delay, reaction.failed), (wait, false));
    }

    #[test]
    fn a_fault_of_our_own_services_delays_nothing_for_long() {
        let away = Trouble::BookingCommand(Box::new(tonic::Status::unavailable("away")));
        assert_eq!(react(&away, 30, BACKOFF).delay, OWN_LONGEST);
    }

    #[test]
    fn only_what_concerns_the_budget_or_the_access_is_reported() {
        let reported = |error| report(&error).map(|report| report.trouble);
        assert_eq!(reported(GoogleError::NotFound), None);
        assert_eq!(
            reported(GoogleError::Unauthorized),
            Some(proto::Trouble::AccessLost)
        );
        assert_eq!(
            reported(GoogleError::Throttled { retry_after: None }),
            Some(proto::Trouble::Throttled)
        );
    }
}
