//! What stands in a slot of a room's calendar right now, as Google says it.

use roomsync_domain::{
    ResourceEmail, TimeWindow,
    decide::{Standing, standing},
};
use roomsync_google::{Event, GoogleError, ListQuery};

use super::Writer;
use crate::{
    access::{connections::Connection, google_unavailable, subject::Purpose},
    status::CommandError,
};

/// More pages than any slot has.
const MOST_PAGES: usize = 20;

impl Writer {
    /// The events of a room within a window: our own errors, and Google's faults, outside; what Google said
    /// within. A read, also where it is for a write: the write may be somebody else's than whose calls of that
    /// kind rest.
    pub(crate) async fn slot(
        &self,
        connection: &Connection,
        room: &ResourceEmail,
        window: TimeWindow,
    ) -> Result<Result<Vec<Event>, GoogleError>, CommandError> {
        let mut query = ListQuery {
            single_events: true,
            time_min: Some(window.starts_at()),
            time_max: Some(window.ends_at()),
            ..ListQuery::default()
        };
        let mut events = Vec::new();
        for _ in 0..MOST_PAGES {
            let (google, asked) = (self.lender.google(), &query);
            let call =
                |access, _| async move { google.list_events(&access, room.as_str(), asked).await };
            let page = match self.lender.look(connection, Purpose::Rooms, call).await? {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            events.extend(page.items);
            query.page_token = page.next_page_token;
            if query.page_token.is_none() {
                return Ok(Ok(events));
            }
        }
        Err(google_unavailable())
    }
}

/// Those of the events that occupy the room within the window.
pub(crate) fn blockers<'a>(
    events: &'a [Event],
    room: &'a ResourceEmail,
    window: TimeWindow,
) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |event| {
        let standing = event
            .occurrence(room)
            .map(|occurrence| standing(&occurrence));
        matches!(standing, Ok(Standing::Blocks { window: taken, .. }) if taken.intersects(&window))
    })
}
