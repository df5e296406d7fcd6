//! Look at a calendar without a push.

use async_trait::async_trait;
use roomsync_broker::{Delivery, Failure, Handler, ResultExt as _};
use roomsync_messages::{CalendarRefresh, RefreshLane, RefreshWhy};

use super::Consumer;
use crate::access::Lane;

/// What a refresh asks for before the calendar is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Raise {
    /// Nothing: whoever published it has raised the calendar before.
    No,
    /// A look.
    Look,
    /// A look that somebody waits for.
    Awaited,
    /// A comparison with everything that Google shows.
    Reconcile,
}

#[async_trait]
impl Handler<CalendarRefresh> for Consumer {
    async fn handle(&self, message: CalendarRefresh, _: &Delivery) -> Result<(), Failure> {
        let calendar = message.calendar;
        let calendars = &self.worker.calendars;
        let open = match raise(message.why) {
            Raise::No => true,
            Raise::Look => calendars.raise(calendar, None).await.or_retry()?,
            Raise::Awaited => calendars.raise_awaited(calendar).await.or_retry()?,
            Raise::Reconcile => calendars.raise_reconcile(calendar).await.or_retry()?,
        };
        if !open {
            return Ok(());
        }
        let lane = match message.lane {
            RefreshLane::Live => Lane::Live,
            RefreshLane::Background => Lane::Background,
        };
        self.look(calendar, lane).await
    }
}

/// The sweep and the import are this service's own and come after the raise; the rest is asked for
/// from outside.
fn raise(why: RefreshWhy) -> Raise {
    match why {
        RefreshWhy::Sweep | RefreshWhy::Import => Raise::No,
        RefreshWhy::Poll => Raise::Look,
        RefreshWhy::Booking => Raise::Awaited,
        RefreshWhy::Reconcile | RefreshWhy::ByHand => Raise::Reconcile,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_from_outside_raises_the_calendar() {
        assert_eq!(raise(RefreshWhy::Sweep), Raise::No);
        assert_eq!(raise(RefreshWhy::Import), Raise::No);
        assert_eq!(raise(RefreshWhy::Poll), Raise::Look);
        assert_eq!(raise(RefreshWhy::Booking), Raise::Awaited);
        assert_eq!(raise(RefreshWhy::ByHand), Raise::Reconcile);
        assert_eq!(raise(RefreshWhy::Reconcile), Raise::Reconcile);
    }
}
