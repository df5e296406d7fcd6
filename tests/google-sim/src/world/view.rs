//! How a copy looks to somebody: by role, by state, in the answer's zone.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{
    calendar::Calendar,
    error::ApiError,
    event::{Attendee, Copy, State},
    roles::Role,
    state::World,
    when::When,
};

/// Through whose eyes a copy is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) role: Role,
    pub(crate) zone: Tz,
    pub(crate) max_attendees: Option<usize>,
    /// Cancelled copies show only their id, as in deltas without `showDeleted`.
    pub(crate) strip_cancelled: bool,
}

impl View {
    pub(crate) fn of(calendar: &Calendar, role: Role) -> Self {
        Self {
            role,
            zone: calendar.zone,
            max_attendees: None,
            strip_cancelled: false,
        }
    }
}

impl World {
    /// A copy as the owner of the calendar sees it.
    pub(crate) fn owner_view(&self, calendar: &str, id: &str) -> Result<Value, ApiError> {
        self.view_for(calendar, id, Role::Owner)
    }

    /// A copy as somebody with this role sees it.
    pub(crate) fn view_for(&self, calendar: &str, id: &str, role: Role) -> Result<Value, ApiError> {
        self.view_few(calendar, id, role, None)
    }

    /// A copy as somebody with this role sees it, with a limit to its guest list.
    pub(crate) fn view_few(
        &self,
        calendar: &str,
        id: &str,
        role: Role,
        max_attendees: Option<usize>,
    ) -> Result<Value, ApiError> {
        let copy = self.find(calendar, id)?;
        let calendar = self.calendar(calendar)?;
        let view = View {
            max_attendees,
            ..View::of(calendar, role)
        };
        Ok(self.show(calendar, &copy, view))
    }

    /// All copies as the owner of the calendar sees them.
    pub(crate) fn owner_views(&self, calendar: &str) -> Result<Vec<Value>, ApiError> {
        let calendar = self.calendar(calendar)?;
        let mut copies: Vec<&Copy> = calendar.events.values().collect();
        copies.sort_by_key(|copy| copy.index);
        let view = View::of(calendar, Role::Owner);
        Ok(copies
            .into_iter()
            .map(|copy| self.show(calendar, copy, view))
            .collect())
    }

    /// The guest list of a copy as JSON that can be sent back.
    pub(crate) fn attendees_json(&self, calendar: &str, id: &str) -> Result<Vec<Value>, ApiError> {
        let attendees = self.find_live(calendar, id)?.content.attendees;
        Ok(attendees.iter().map(|entry| json!(entry)).collect())
    }

    /// A copy in Google's JSON, as it is.
    pub(super) fn show_plain(
        &self,
        calendar: &Calendar,
        copy: &Copy,
        view: View,
    ) -> Map<String, Value> {
        let mut item = Map::new();
        let mut put = |name: &str, value: Value| {
            item.insert(name.to_owned(), value);
        };
        put("kind", json!("calendar#event"));
        put("etag", json!(copy.etag()));
        put("id", json!(copy.id));
        put("status", json!(status(copy)));
        let time = |when: &When| {
            let on_resource = calendar.room.is_some();
            let mut shown = when.show(calendar.zone, view.zone, on_resource);
            if let (Some(zone), true) = (&self.settings.shown_time_zone, shown["date"].is_null()) {
                shown["timeZone"] = json!(zone);
            }
            shown
        };
        if copy.state == State::Tombstone {
            return item;
        }
        let stripped = !copy.is_live() && view.strip_cancelled;
        let sparse = stripped && self.settings.sparse_tombstones;
        let times_only = view.role == Role::FreeBusyReader;
        if let Some(origin) = copy.origin.as_ref().filter(|_| !sparse && !times_only) {
            put("recurringEventId", json!(origin.master));
            put("originalStartTime", time(&origin.start));
        }
        // A guest's calendar keeps no details of a date that the organizer cancelled.
        let of_guest = copy.origin.is_some() && copy.organizer != calendar.mail;
        if stripped || !copy.is_live() && of_guest {
            return item;
        }
        let content = &copy.content;
        for (name, when) in [("start", &content.start), ("end", &content.end)] {
            if let Some(when) = when {
                put(name, time(when));
            }
        }
        if times_only {
            return item;
        }
        if content.is_series() {
            put("recurrence", json!(content.recurrence));
        }
        put(
            "created",
            json!(copy.created.to_rfc3339_opts(SecondsFormat::Secs, true)),
        );
        put("updated", json!(stamp(copy.updated)));
        put("iCalUID", json!(copy.ical_uid));
        put("sequence", json!(copy.sequence));
        put(
            "eventType",
            json!(
                self.settings
                    .shown_event_type
                    .as_deref()
                    .or(content.event_type.as_deref())
                    .unwrap_or("default")
            ),
        );
        if copy.is_private() && !view.role.sees_private() {
            put("visibility", json!(content.visibility));
            if self.settings.shells_show_organizer {
                put("organizer", person(calendar, &copy.organizer));
            }
            return item;
        }
        self.put_details(&mut item, calendar, copy, view);
        item
    }

    fn put_details(
        &self,
        item: &mut Map<String, Value>,
        calendar: &Calendar,
        copy: &Copy,
        view: View,
    ) {
        let content = &copy.content;
        let mut put = |name: &str, value: Value| {
            item.insert(name.to_owned(), value);
        };
        put(
            "htmlLink",
            json!(format!(
                "https://www.google.com/calendar/event?eid={}",
                copy.id
            )),
        );
        put("organizer", person(calendar, &copy.organizer));
        put("creator", person(calendar, &copy.creator));
        put(
            "reminders",
            content
                .reminders
                .clone()
                .unwrap_or(json!({"useDefault": true})),
        );
        for (name, text) in [
            ("summary", &content.summary),
            ("description", &content.description),
            ("location", &content.location),
            ("colorId", &content.color_id),
            ("hangoutLink", &content.hangout_link),
        ] {
            if let Some(text) = text {
                put(name, json!(text));
            }
        }
        if let Some(conference) = &content.conference_data {
            put("conferenceData", conference.clone());
        }
        // What equals its default is left out.
        if let Some(value) = content.transparency.as_deref().filter(|v| *v != "opaque") {
            put("transparency", json!(value));
        }
        if let Some(value) = content.visibility.as_deref().filter(|v| *v != "default") {
            put("visibility", json!(value));
        }
        if content.guests_can_modify {
            put("guestsCanModify", json!(true));
        }
        if !content.guests_can_invite_others {
            put("guestsCanInviteOthers", json!(false));
        }
        if !content.guests_can_see_other_guests {
            put("guestsCanSeeOtherGuests", json!(false));
        }
        let mut groups = Map::new();
        for (group, entries) in [
            ("private", &content.extended_properties.private),
            ("shared", &content.extended_properties.shared),
        ] {
            if !entries.is_empty() {
                groups.insert(group.to_owned(), json!(entries));
            }
        }
        if !groups.is_empty() {
            put("extendedProperties", Value::Object(groups));
        }
        let (attendees, omitted) = self.attendees(calendar, copy, view);
        if !attendees.is_empty() {
            put("attendees", Value::Array(attendees));
        }
        if omitted {
            put("attendeesOmitted", json!(true));
        }
    }

    /// The guest list as this calendar may see it, and whether some were left out.
    fn attendees(&self, calendar: &Calendar, copy: &Copy, view: View) -> (Vec<Value>, bool) {
        let all = &copy.content.attendees;
        let too_many = view.max_attendees.is_some_and(|most| all.len() > most);
        let hidden = !copy.content.guests_can_see_other_guests && copy.organizer != calendar.mail;
        let shown = all
            .iter()
            .filter(|entry| {
                !(too_many || hidden) || entry.email.eq_ignore_ascii_case(&calendar.mail)
            })
            .map(|entry| self.attendee(calendar, copy, entry))
            .collect();
        (shown, too_many)
    }

    fn attendee(&self, calendar: &Calendar, copy: &Copy, entry: &Attendee) -> Value {
        let mut item = Map::new();
        let mut put = |name: &str, value: Value| {
            item.insert(name.to_owned(), value);
        };
        put("email", json!(entry.email));
        put(
            "responseStatus",
            json!(entry.response_status.as_deref().unwrap_or("needsAction")),
        );
        let room = self
            .calendar(&entry.email)
            .ok()
            .filter(|other| other.room.is_some());
        let name = entry
            .display_name
            .as_ref()
            .or(room.map(|room| &room.summary));
        if let Some(name) = name {
            put("displayName", json!(name));
        }
        if let Some(comment) = &entry.comment {
            put("comment", json!(comment));
        }
        if let Some(guests) = entry.additional_guests {
            put("additionalGuests", json!(guests));
        }
        for (flag, set) in [
            (
                "organizer",
                entry.email.eq_ignore_ascii_case(&copy.organizer),
            ),
            ("self", entry.email.eq_ignore_ascii_case(&calendar.mail)),
            ("resource", room.is_some()),
            ("optional", entry.optional),
        ] {
            if set {
                put(flag, json!(true));
            }
        }
        Value::Object(item)
    }
}

fn person(calendar: &Calendar, mail: &str) -> Value {
    if mail == calendar.mail {
        json!({"email": mail, "self": true})
    } else {
        json!({"email": mail})
    }
}

/// An instant with milliseconds, as in `updated`.
pub(crate) fn stamp(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn status(copy: &Copy) -> &str {
    if copy.is_live() {
        copy.content.status.as_deref().unwrap_or("confirmed")
    } else {
        "cancelled"
    }
}
