//! One copy of an event on one calendar.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{error::ApiError, oddity::Oddity, when::When};

/// The fields that a client writes. Those below `transparency` belong to one copy alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Content {
    pub(crate) summary: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) start: Option<When>,
    pub(crate) end: Option<When>,
    /// The lines of a series; empty in everything else.
    pub(crate) recurrence: Vec<String>,
    pub(crate) attendees: Vec<Attendee>,
    pub(crate) visibility: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) guests_can_modify: bool,
    pub(crate) guests_can_invite_others: bool,
    pub(crate) guests_can_see_other_guests: bool,
    pub(crate) conference_data: Option<Value>,
    pub(crate) hangout_link: Option<String>,
    pub(crate) extended_properties: Properties,
    pub(crate) transparency: Option<String>,
    pub(crate) color_id: Option<String>,
    pub(crate) reminders: Option<Value>,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            summary: None,
            description: None,
            location: None,
            status: None,
            start: None,
            end: None,
            recurrence: Vec::new(),
            attendees: Vec::new(),
            visibility: None,
            event_type: None,
            guests_can_modify: false,
            guests_can_invite_others: true,
            guests_can_see_other_guests: true,
            conference_data: None,
            hangout_link: None,
            extended_properties: Properties::default(),
            transparency: None,
            color_id: None,
            reminders: None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Properties {
    pub(crate) private: BTreeMap<String, String>,
    pub(crate) shared: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attendee {
    pub(crate) email: String,
    pub(crate) display_name: Option<String>,
    pub(crate) optional: bool,
    pub(crate) response_status: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) additional_guests: Option<u32>,
}

/// Which occurrence of which series an exception is. It never changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub(crate) master: String,
    /// When the occurrence begins by the rule, wherever it was moved to.
    pub(crate) start: When,
}

/// The copy's own state, in Google's `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Live,
    /// Cancelled with its details: on the organizer's calendar, or removed by the guest. Also a
    /// cancelled occurrence of a series that goes on.
    Cancelled,
    /// Cancelled, of which only the id is left.
    Tombstone,
}

#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) id: String,
    pub(crate) ical_uid: String,
    pub(crate) organizer: String,
    pub(crate) creator: String,
    pub(crate) state: State,
    pub(crate) sequence: u64,
    pub(crate) created: DateTime<Utc>,
    pub(crate) updated: DateTime<Utc>,
    /// Place in full listings; does not change.
    pub(crate) index: u64,
    /// The world's count at the last change; also the etag.
    pub(crate) changed: u64,
    /// Counts the invitations of a room, so that a late answer to an earlier one is ignored.
    pub(crate) request: u64,
    /// Fields left out wherever the copy is listed.
    pub(crate) hidden: BTreeSet<String>,
    /// How it looks other than it is.
    pub(crate) oddities: BTreeSet<Oddity>,
    /// Present in exceptions of a series.
    pub(crate) origin: Option<Origin>,
    /// What the times and lines of a series were before, each with the world's count at its end.
    pub(crate) former: Vec<(u64, Content)>,
    pub(crate) content: Content,
}

impl Copy {
    pub(crate) fn is_live(&self) -> bool {
        self.state == State::Live
    }

    pub(crate) fn etag(&self) -> String {
        format!("\"{}\"", 3_400_000_000_000_000 + 2 * self.changed)
    }

    pub(crate) fn is_private(&self) -> bool {
        matches!(
            self.content.visibility.as_deref(),
            Some("private" | "confidential")
        )
    }

    /// The interval that it covers, whole days by the calendar's zone.
    pub(crate) fn span(&self, zone: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
        let instant = |when: &Option<When>| {
            when.as_ref()
                .map_or(DateTime::UNIX_EPOCH, |w| w.instant(zone))
        };
        (instant(&self.content.start), instant(&self.content.end))
    }

    pub(crate) fn entry(&self, mail: &str) -> Option<&Attendee> {
        self.content
            .attendees
            .iter()
            .find(|entry| entry.email.eq_ignore_ascii_case(mail))
    }

    pub(crate) fn entry_mut(&mut self, mail: &str) -> Option<&mut Attendee> {
        self.content
            .attendees
            .iter_mut()
            .find(|entry| entry.email.eq_ignore_ascii_case(mail))
    }

    /// The answer of somebody on the guest list.
    pub(crate) fn answer(&self, mail: &str) -> Option<&str> {
        self.entry(mail)
            .map(|entry| entry.response_status.as_deref().unwrap_or("needsAction"))
    }
}

impl Attendee {
    pub(crate) fn is_unanswered(&self) -> bool {
        self.response_status
            .as_deref()
            .is_none_or(|answer| answer == "needsAction")
    }
}

impl Content {
    /// Reads a body of insert or update.
    pub(crate) fn read(body: Map<String, Value>) -> Result<Self, ApiError> {
        let empty = serde_json::to_value(Self::default())
            .ok()
            .and_then(|value| value.as_object().cloned())
            .unwrap_or_default();
        Self::merge(empty, body)
    }

    /// This content with the fields of a PATCH: absent ones stay, `null` clears, objects merge,
    /// arrays are replaced whole.
    pub(crate) fn patched(&self, changes: Map<String, Value>) -> Result<Self, ApiError> {
        let before = serde_json::to_value(self)
            .ok()
            .and_then(|value| value.as_object().cloned())
            .unwrap_or_default();
        Self::merge(before, changes)
    }

    fn merge(mut base: Map<String, Value>, changes: Map<String, Value>) -> Result<Self, ApiError> {
        for (field, value) in changes {
            match (field.as_str(), value) {
                ("start" | "end", Value::Object(mut when)) => {
                    keep_zone(base.get(&field), &mut when);
                    base.insert(field, Value::Object(when));
                }
                ("extendedProperties", Value::Object(groups)) => {
                    merge_properties(&mut base, groups);
                }
                (_, Value::Null) => {
                    base.remove(&field);
                }
                (_, value) => {
                    base.insert(field, value);
                }
            }
        }
        let content: Self = serde_json::from_value(Value::Object(base))
            .map_err(|error| ApiError::bad_request(&format!("Invalid value: {error}")))?;
        content.check()?;
        Ok(content)
    }

    fn check(&self) -> Result<(), ApiError> {
        let start = self
            .start
            .as_ref()
            .ok_or_else(|| ApiError::required("start time"))?;
        let end = self
            .end
            .as_ref()
            .ok_or_else(|| ApiError::required("end time"))?;
        start.check()?;
        end.check()?;
        if start.is_day() != end.is_day() {
            return Err(ApiError::invalid(
                "Start and end times must either both be date or both be dateTime.",
            ));
        }
        if end.instant(chrono_tz::UTC) < start.instant(chrono_tz::UTC) {
            return Err(ApiError::time_range_empty());
        }
        self.check_recurrence()?;
        for entry in &self.attendees {
            if !entry.email.contains('@') {
                return Err(ApiError::new(400, "required", "Missing attendee email."));
            }
        }
        let properties = &self.extended_properties;
        let too_long = |group: &BTreeMap<String, String>| {
            group
                .iter()
                .any(|(key, value)| key.len() > 44 || value.len() > 1024)
        };
        if too_long(&properties.private) || too_long(&properties.shared) {
            return Err(ApiError::invalid("An extended property is too long."));
        }
        if properties.private.len() + properties.shared.len() > 300 {
            return Err(ApiError::invalid("Too many extended properties."));
        }
        Ok(())
    }

    /// Takes over what all copies share and keeps what belongs to this copy alone.
    pub(crate) fn take_shared(&mut self, from: &Self) {
        let own = std::mem::replace(self, from.clone());
        self.extended_properties.private = own.extended_properties.private;
        self.transparency = own.transparency;
        self.color_id = own.color_id;
        self.reminders = own.reminders;
    }

    /// Whether both mean the same times.
    pub(crate) fn same_times(&self, other: &Self) -> bool {
        let instant = |when: &Option<When>| {
            when.as_ref()
                .map(|when| (when.is_day(), when.instant(chrono_tz::UTC)))
        };
        instant(&self.start) == instant(&other.start) && instant(&self.end) == instant(&other.end)
    }
}

/// A time that is patched without a zone stays in the zone that it had.
fn keep_zone(before: Option<&Value>, when: &mut Map<String, Value>) {
    let zone = before.and_then(|before| before.get("timeZone")).cloned();
    if let Some(zone) = zone.filter(|zone| !zone.is_null())
        && when.contains_key("dateTime")
    {
        when.entry("timeZone").or_insert(zone);
    }
}

fn merge_properties(base: &mut Map<String, Value>, groups: Map<String, Value>) {
    let all = base
        .entry("extendedProperties")
        .or_insert_with(|| Value::Object(Map::new()));
    for (group, entries) in groups {
        let Value::Object(entries) = entries else {
            continue;
        };
        for (key, value) in entries {
            if value.is_null() {
                if let Some(old) = all.get_mut(&group).and_then(Value::as_object_mut) {
                    old.remove(&key);
                }
            } else {
                all[&group][&key] = value;
            }
        }
    }
}
