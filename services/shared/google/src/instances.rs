//! `events.instances`: the dates of one series, exceptions among them, expanded by Google.

use chrono::{DateTime, Utc};

use crate::{
    Access, EventsPage, Google, GoogleError,
    call::Call,
    list::{Answer, time},
};

/// Which dates of a series. While paging, repeat it unchanged but for `page_token`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstancesQuery {
    /// The next page.
    pub page_token: Option<String>,
    /// Only what ends later.
    pub time_min: Option<DateTime<Utc>>,
    /// Only what starts earlier. Without it a series that never ends is expanded for decades.
    pub time_max: Option<DateTime<Utc>>,
    /// Size of a page, at most 2500. A page may hold fewer or none and still have a successor.
    pub max_results: Option<u32>,
}

impl Google {
    /// One page of the dates of a series on a calendar. Cancelled ones are left out.
    ///
    /// [`GoogleError::NotFound`] or [`GoogleError::Gone`] do not say that the series has ended: who is
    /// invited to some of its dates only has no master on the calendar (observed).
    pub async fn instances(
        &self,
        access: &Access,
        calendar: &str,
        series: &str,
        query: &InstancesQuery,
    ) -> Result<EventsPage, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar, "events", series, "instances"])?;
        let request = self.http().get(url).query(&query.parameters());
        let answer: Answer = self
            .call_json(Call::EventsInstances, access, request)
            .await?;
        Ok(self.events_page(Call::EventsInstances, answer))
    }
}

impl InstancesQuery {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        [
            ("maxResults", self.max_results.map(|n| n.to_string())),
            ("timeMin", self.time_min.map(time)),
            ("timeMax", self.time_max.map(time)),
            ("pageToken", self.page_token.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}
