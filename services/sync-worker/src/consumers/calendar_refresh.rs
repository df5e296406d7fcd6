//! Look at a calendar without a push.

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler, ResultExt as _};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};

use super::Consumer;
use crate::{access::Lane, steps::check};

/// What a refresh asks for before the calendar is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raise {
    /// Nothing: whoever published it has raised the calendar before.
    No,
    /// A look.
    Look,
    /// A look at everything.
    Full,
}

#[async_trait]
impl Handler<CalendarRefresh> for Consumer {
    async fn handle(&self, message: CalendarRefresh, delivery: &Delivery) -> Result<(), Failure> {
        let calendar = message.calendar;
        let calendars = &self.worker.calendars;
        // A message that comes back has raised the calendar at its first attempt.
        match raise(message.why, delivery.attempt) {
            Raise::No => {}
            Raise::Look => drop(calendars.raise(calendar, None).await.or_retry()?),
            Raise::Full => drop(calendars.raise_full(calendar).await.or_retry()?),
        }
        let lane = match message.lane {
            RefreshLane::Live => Lane::Live,
            RefreshLane::Background => Lane::Background,
        };
        check::check(&self.worker, calendar, lane).await
    }
}

/// The sweep and the import are this service's own and come after the raise; the rest is asked for
/// from outside.
fn raise(why: RefreshWhy, attempt: u32) -> Raise {
    match why {
        _ if attempt > 1 => Raise::No,
        RefreshWhy::Sweep | RefreshWhy::Import => Raise::No,
        RefreshWhy::Poll | RefreshWhy::ByHand => Raise::Look,
        RefreshWhy::Reconcile => Raise::Full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_raises_once_and_only_from_outside() {
        assert_eq!(raise(RefreshWhy::Sweep, 1), Raise::No);
        assert_eq!(raise(RefreshWhy::ByHand, 1), Raise::Look);
        assert_eq!(raise(RefreshWhy::Reconcile, 1), Raise::Full);
        assert_eq!(raise(RefreshWhy::ByHand, 2), Raise::No);
    }
}
