//! `calendars.get`: the settings of a calendar itself.

use serde::Deserialize;

use crate::{Access, Google, GoogleError, call::Call, lenient::filled};

/// What a calendar says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarSettings {
    /// Whether a resource answers invitations by itself; resources only, and not always said
    /// (documented). With `false` a human answers, perhaps hours later.
    #[serde(default)]
    pub auto_accept_invitations: Option<bool>,
    /// Its zone.
    #[serde(default, deserialize_with = "filled")]
    pub time_zone: Option<String>,
}

impl Google {
    /// The settings of a calendar. Needs [`crate::scopes::CALENDAR_CALENDARS_READONLY`]: the scope
    /// of events does not cover it.
    pub async fn get_calendar(
        &self,
        access: &Access,
        calendar: &str,
    ) -> Result<CalendarSettings, GoogleError> {
        let url = self.calendar_url(&["calendars", calendar])?;
        self.call_json(Call::CalendarsGet, access, self.http().get(url))
            .await
    }
}
