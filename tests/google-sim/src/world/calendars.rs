//! The `calendars` resource: what a calendar says of itself, and secondary calendars.

use serde_json::{Value, json};

use super::{calendar::Calendar, error::ApiError, grants::Caller, ids, roles::Role, state::World};

/// What is known of a secondary calendar's making.
#[derive(Debug, Clone)]
pub(crate) struct Created {
    pub(crate) by: String,
    /// The client that made it; scope `calendar.app.created` reaches only the client's own.
    pub(crate) with: String,
}

impl World {
    /// `calendars.get`: documented to tell of a resource whether it answers invitations itself.
    pub(crate) fn show_calendar(&self, calendar: &Calendar) -> Value {
        let mut shown = json!({
            "kind": "calendar#calendar",
            "etag": format!("\"c{}\"", calendar.generation),
            "id": calendar.mail,
            "summary": calendar.summary,
            "timeZone": calendar.zone.name(),
            "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
        });
        if let Some(room) = calendar
            .room
            .as_ref()
            .filter(|_| self.settings.calendars_tell_auto_accept)
        {
            shown["autoAcceptInvitations"] = json!(room.auto_accept);
        }
        shown
    }

    /// `calendars.insert`: a secondary calendar that the caller owns; returns its id. Documented:
    /// too many in a short time make the account read-only for hours.
    pub(crate) fn insert_calendar(
        &mut self,
        caller: &Caller,
        summary: &str,
        zone: Option<&str>,
    ) -> Result<String, ApiError> {
        let zone = zone
            .map_or(Ok(chrono_tz::UTC), str::parse)
            .map_err(|_| ApiError::invalid("Invalid time zone."))?;
        let org = self
            .user(&caller.subject)
            .map(|user| user.org.clone())
            .ok_or_else(ApiError::not_a_calendar_user)?;
        let made = self
            .calendars
            .values()
            .filter_map(|calendar| calendar.created.as_ref())
            .filter(|created| created.by == caller.subject)
            .count();
        if made >= self.settings.most_new_calendars {
            return Err(ApiError::usage_limits_exceeded());
        }
        let id = format!("c_{}@group.calendar.google.com", ids::random(32));
        let mut calendar = Calendar::new(&id, &org, summary, zone, None);
        calendar.acl.insert(caller.subject.clone(), Role::Owner);
        calendar.created = Some(Created {
            by: caller.subject.clone(),
            with: caller.client.clone(),
        });
        self.calendars.insert(id.clone(), calendar);
        Ok(id)
    }
}
