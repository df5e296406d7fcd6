//! Copies that look odder than any rule would make them, for clients that must cope with it.
//!
//! An oddity is applied whenever the copy is shown, so it follows later changes. To add one, add a
//! variant, to `ALL` too, and an arm to `apply`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{calendar::Calendar, error::ApiError, event::Copy, state::World, view::View};

/// One way to look odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// Start and end are exchanged.
    EndBeforeStart,
    /// It ends when it starts.
    ZeroLength,
    /// Times without an end.
    WithoutEnd,
    /// No times at all.
    WithoutTimes,
    /// No title.
    WithoutSummary,
    /// No guest list.
    WithoutAttendees,
    /// No organizer.
    WithoutOrganizer,
    /// A guest list left out, without even the calendar's own entry.
    AttendeesOmitted,
    /// Addresses in mixed case.
    MixedCaseMails,
    /// A time zone that nobody knows.
    UnknownZone,
    /// A time zone such as `GMT+01:00`, which Google is seen to write.
    OffsetZone,
    /// An event type that nobody knows.
    UnknownEventType,
    /// A status that nobody knows.
    UnknownStatus,
}

impl Oddity {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::EndBeforeStart,
        Self::ZeroLength,
        Self::WithoutEnd,
        Self::WithoutTimes,
        Self::WithoutSummary,
        Self::WithoutAttendees,
        Self::WithoutOrganizer,
        Self::AttendeesOmitted,
        Self::MixedCaseMails,
        Self::UnknownZone,
        Self::OffsetZone,
        Self::UnknownEventType,
        Self::UnknownStatus,
    ];

    fn apply(self, item: &mut Map<String, Value>) {
        match self {
            Self::EndBeforeStart => {
                let end = item.remove("end");
                let start = item.remove("start");
                item.extend(end.map(|end| ("start".to_owned(), end)));
                item.extend(start.map(|start| ("end".to_owned(), start)));
            }
            Self::ZeroLength => {
                let start = item.get("start").cloned();
                item.extend(start.map(|start| ("end".to_owned(), start)));
            }
            Self::WithoutEnd => drop(item.remove("end")),
            Self::WithoutTimes => {
                item.remove("start");
                item.remove("end");
            }
            Self::WithoutSummary => drop(item.remove("summary")),
            Self::WithoutAttendees => drop(item.remove("attendees")),
            Self::WithoutOrganizer => drop(item.remove("organizer")),
            Self::AttendeesOmitted => {
                item.remove("attendees");
                item.insert("attendeesOmitted".to_owned(), json!(true));
            }
            Self::MixedCaseMails => mix_mails(item),
            Self::UnknownZone => set_zone(item, "Mars/Olympus_Mons"),
            Self::OffsetZone => set_zone(item, "GMT+01:00"),
            Self::UnknownEventType => drop(item.insert("eventType".to_owned(), json!("teleport"))),
            Self::UnknownStatus => drop(item.insert("status".to_owned(), json!("pondering"))),
        }
    }
}

fn set_zone(item: &mut Map<String, Value>, zone: &str) {
    for name in ["start", "end", "originalStartTime"] {
        if let Some(Value::Object(when)) = item.get_mut(name)
            && when.contains_key("dateTime")
        {
            when.insert("timeZone".to_owned(), json!(zone));
        }
    }
}

fn mix_mails(item: &mut Map<String, Value>) {
    let people = ["organizer", "creator"];
    for (name, value) in item.iter_mut() {
        match value {
            Value::Object(person) if people.contains(&name.as_str()) => mix_mail(person),
            Value::Array(entries) if name == "attendees" => {
                for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
                    mix_mail(entry);
                }
            }
            _ => {}
        }
    }
}

fn mix_mail(person: &mut Map<String, Value>) {
    if let Some(Value::String(mail)) = person.get_mut("email") {
        *mail = mixed_case(mail);
    }
}

/// Every other letter of an address as a capital.
pub(super) fn mixed_case(mail: &str) -> String {
    let letters = mail.chars().enumerate();
    letters
        .map(|(place, letter)| match place % 2 {
            0 => letter.to_ascii_uppercase(),
            _ => letter,
        })
        .collect()
}

impl World {
    /// A copy in Google's JSON, as odd as it was made.
    pub(crate) fn show(&self, calendar: &Calendar, copy: &Copy, view: View) -> Value {
        let mut item = self.show_plain(calendar, copy, view);
        for field in &copy.hidden {
            item.remove(field);
        }
        if copy.is_live() {
            for oddity in &copy.oddities {
                oddity.apply(&mut item);
            }
        }
        if self.settings.mixed_case_mails {
            mix_mails(&mut item);
        }
        Value::Object(item)
    }

    /// Lets a copy look odd wherever it is shown; no oddities make it look as it is.
    pub(crate) fn make_odd(
        &mut self,
        calendar: &str,
        id: &str,
        oddities: &[Oddity],
    ) -> Result<(), ApiError> {
        self.find(calendar, id)?;
        let oddities: BTreeSet<Oddity> = oddities.iter().copied().collect();
        self.singled_out(calendar, id, |world| {
            world.touch(&calendar.to_lowercase(), id, |copy| {
                copy.oddities = oddities;
            });
            Ok(())
        })
    }
}
