//! What the control API takes and gives.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::world::{ApiError, When};

/// Why a control action did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The rules of Google's API forbid it.
    #[error("google refuses with {status} {reason}: {message}")]
    Refused {
        /// The HTTP status that a client would have got.
        status: u16,
        /// The reason that a client would have got.
        reason: String,
        /// Google's words.
        message: String,
    },
    /// Something named does not exist in the simulator.
    #[error("the simulator knows no {what} {name:?}")]
    Unknown {
        /// The kind of thing.
        what: String,
        /// Its name.
        name: String,
    },
    /// What was waited for did not happen.
    #[error("it did not happen within {0:?}")]
    Timeout(Duration),
    /// The command was not understood.
    #[error("the command is not valid: {0}")]
    Invalid(String),
    /// The simulator could not be reached over HTTP.
    #[error("failed to reach the simulator")]
    Unreachable(#[source] reqwest::Error),
    /// The simulator's answer was not the expected one.
    #[error("failed to read the simulator's answer")]
    Unreadable(#[source] serde_json::Error),
}

impl ControlError {
    pub(crate) fn unknown(what: &str, name: &str) -> Self {
        Self::Unknown {
            what: what.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl From<ApiError> for ControlError {
    fn from(error: ApiError) -> Self {
        Self::Refused {
            status: error.status,
            reason: error.reason,
            message: error.message,
        }
    }
}

/// A room's or guest's answer to an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// Not answered yet.
    NeedsAction,
    /// Said yes.
    Accepted,
    /// Said no.
    Declined,
    /// Said maybe.
    Tentative,
}

impl Answer {
    /// The word that Google uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsAction => "needsAction",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Tentative => "tentative",
        }
    }

    /// Reads Google's word; an unknown one counts as no answer.
    pub(crate) fn read(word: &str) -> Self {
        match word {
            "accepted" => Self::Accepted,
            "declined" => Self::Declined,
            "tentative" => Self::Tentative,
            _ => Self::NeedsAction,
        }
    }
}

/// A user to add to an organisation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent property of an account"
)]
pub struct NewUser {
    /// The primary address, which is also the id of the user's calendar.
    pub mail: String,
    /// A super administrator of the organisation.
    pub admin: bool,
    /// An administrator of resources and users only.
    pub delegated_admin: bool,
    /// Further addresses.
    pub aliases: Vec<String>,
    /// Time zone of the user's calendar; UTC if empty.
    pub time_zone: String,
    /// The account is suspended.
    pub suspended: bool,
    /// Google Calendar is switched off for this account.
    pub calendar_off: bool,
}

impl NewUser {
    /// An ordinary user.
    pub fn new(mail: &str) -> Self {
        Self {
            mail: mail.to_owned(),
            ..Self::default()
        }
    }

    /// A super administrator.
    pub fn admin(mail: &str) -> Self {
        Self {
            mail: mail.to_owned(),
            admin: true,
            ..Self::default()
        }
    }
}

/// A room to add to an organisation: a Directory entry and a calendar.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewRoom {
    /// The room's name.
    pub name: String,
    /// Its address; empty makes one of Google's new style, `c_…@resource.calendar.google.com`.
    pub mail: String,
    /// IANA time zone of its calendar; UTC if empty.
    pub time_zone: String,
    /// Number of seats.
    pub capacity: u32,
    /// The building's id.
    pub building: String,
    /// The floor.
    pub floor: String,
    /// Answers invitations by itself. Off: invitations stay `needsAction` until a human answers.
    pub auto_accept: bool,
    /// The domain setting that lets everybody of the organisation book; off: only those who may
    /// read the calendar are accepted.
    pub bookable_by_everyone: bool,
    /// Push notifications are available for its calendar.
    pub push_supported: bool,
}

impl Default for NewRoom {
    fn default() -> Self {
        Self {
            name: "Aquarium".to_owned(),
            mail: String::new(),
            time_zone: String::new(),
            capacity: 8,
            building: "HQ".to_owned(),
            floor: "2".to_owned(),
            auto_accept: true,
            bookable_by_everyone: true,
            push_supported: true,
        }
    }
}

impl NewRoom {
    /// A room that answers by itself.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// In this IANA time zone.
    #[must_use]
    pub fn in_zone(mut self, zone: &str) -> Self {
        zone.clone_into(&mut self.time_zone);
        self
    }

    /// With this address.
    #[must_use]
    pub fn with_mail(mut self, mail: &str) -> Self {
        mail.clone_into(&mut self.mail);
        self
    }

    /// Its invitations are answered by a human.
    #[must_use]
    pub fn answered_by_humans(mut self) -> Self {
        self.auto_accept = false;
        self
    }
}

/// An event to create.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// A chosen id; `None` lets Google choose.
    #[serde(default)]
    pub id: Option<String>,
    /// The title.
    #[serde(default)]
    pub summary: Option<String>,
    /// When it begins.
    pub start: When,
    /// When it ends, exclusive.
    pub end: When,
    /// Addresses of the rooms to invite.
    #[serde(default)]
    pub rooms: Vec<String>,
    /// Addresses of the people to invite.
    #[serde(default)]
    pub guests: Vec<String>,
    /// The lines of a series, such as `RRULE:FREQ=WEEKLY`.
    #[serde(default)]
    pub recurrence: Vec<String>,
    /// Any further fields of Google's event resource.
    #[serde(default)]
    pub extra: BTreeMap<String, Value>,
}

impl NewEvent {
    /// A meeting from one instant to another.
    pub fn timed(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self::between(When::at(start), When::at(end))
    }

    /// A meeting of whole days; `end` is the first day after it.
    pub fn all_day(start: NaiveDate, end: NaiveDate) -> Self {
        Self::between(When::on(start), When::on(end))
    }

    fn between(start: When, end: When) -> Self {
        Self {
            id: None,
            summary: None,
            start,
            end,
            rooms: Vec::new(),
            guests: Vec::new(),
            recurrence: Vec::new(),
            extra: BTreeMap::new(),
        }
    }

    /// Repeated by a rule such as `FREQ=WEEKLY;COUNT=4`, or by another line such as `RDATE:…`; may
    /// be called again for more lines. Without [`Self::in_zone`] the series goes by UTC.
    #[must_use]
    pub fn repeating(mut self, line: &str) -> Self {
        self.recurrence.push(if line.contains(':') {
            line.to_owned()
        } else {
            format!("RRULE:{line}")
        });
        self
    }

    /// Entered in this zone, by whose clock a series goes.
    #[must_use]
    pub fn in_zone(mut self, zone: &str) -> Self {
        self.start = self.start.in_zone(zone);
        self.end = self.end.in_zone(zone);
        self
    }

    /// With a title.
    #[must_use]
    pub fn titled(mut self, summary: &str) -> Self {
        self.summary = Some(summary.to_owned());
        self
    }

    /// With a room invited.
    #[must_use]
    pub fn in_room(mut self, room: &str) -> Self {
        self.rooms.push(room.to_owned());
        self
    }

    /// With a person invited.
    #[must_use]
    pub fn with_guest(mut self, mail: &str) -> Self {
        self.guests.push(mail.to_owned());
        self
    }

    /// With a chosen id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// With a further field of Google's event resource, such as `visibility`.
    #[must_use]
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.extra.insert(field.to_owned(), value);
        self
    }

    /// The body that Google's own web page would send for the organizer: with guests, the
    /// organizer is one of the attendees; without, there are none.
    pub(crate) fn body(mut self, organizer: Option<&str>) -> Map<String, Value> {
        let mut attendees = Vec::new();
        if let Some(organizer) = organizer.filter(|_| self.rooms.len() + self.guests.len() > 0) {
            attendees.push(json!({"email": organizer, "responseStatus": "accepted"}));
        }
        let invited = self.guests.into_iter().chain(self.rooms);
        attendees.extend(invited.map(|mail| json!({"email": mail})));
        let mut body: Map<String, Value> = self.extra.into_iter().collect();
        if !self.recurrence.is_empty() {
            for when in [&mut self.start, &mut self.end] {
                if when.date.is_none() && when.time_zone.is_none() {
                    when.time_zone = Some("UTC".to_owned());
                }
            }
            body.insert("recurrence".to_owned(), json!(self.recurrence));
        }
        if !attendees.is_empty() {
            body.insert("attendees".to_owned(), Value::Array(attendees));
        }
        body.insert("start".to_owned(), json!(self.start));
        body.insert("end".to_owned(), json!(self.end));
        if let Some(id) = self.id {
            body.insert("id".to_owned(), Value::String(id));
        }
        if let Some(summary) = self.summary {
            body.insert("summary".to_owned(), Value::String(summary));
        }
        body
    }
}

/// A live notification channel, as the control API shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Channel {
    /// The client's id.
    pub id: String,
    /// The calendar that it watches.
    pub calendar: String,
    /// The user who made it.
    pub subject: String,
    /// Where its notifications go.
    pub address: String,
    /// The token sent with each.
    pub token: Option<String>,
    /// The resource's id.
    pub resource_id: String,
    /// When it ends.
    pub expires: DateTime<Utc>,
}
