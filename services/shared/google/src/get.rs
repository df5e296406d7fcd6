//! `events.get`: one event by id.

use crate::{Access, Event, Google, GoogleError, call::Call};

impl Google {
    /// One event; also a cancelled one. [`GoogleError::NotFound`] if the calendar has no such event
    /// or we no access to it.
    pub async fn get_event(
        &self,
        access: &Access,
        calendar: &str,
        event: &str,
    ) -> Result<Event, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events", event])?;
        self.call_json(Call::EventsGet, access, self.http().get(url))
            .await
    }
}
