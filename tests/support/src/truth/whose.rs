//! Whose booking an event is.

use serde_json::Value;

use super::People;

/// The organizer if a person, else who Flexopus made it for, else the only human guest, else the creator
/// unless that is us.
pub(super) fn whose(event: &Value, people: &People) -> String {
    let person = |of: &Value| {
        let mail = of["email"].as_str()?.to_lowercase();
        (!mail.ends_with("calendar.google.com")).then_some(mail)
    };
    let mut guests: Vec<_> = event["attendees"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(person)
        .collect();
    guests.sort();
    guests.dedup();
    let only_guest = guests.pop().filter(|_| guests.is_empty());
    let creator = || person(&event["creator"]).filter(|mail| !people.own_subjects.contains(mail));
    let user = |mail: String| people.users.get(&mail).cloned();
    if let Some(organizer) = person(&event["organizer"]) {
        return user(organizer).unwrap_or_else(|| "nobody".to_owned());
    }
    made_for(event)
        .or_else(|| only_guest.or_else(creator).and_then(user))
        .unwrap_or_else(|| "nobody".to_owned())
}

/// For whom Flexopus made an event: what our property says, on the event that was made with it and on
/// no copy of it.
fn made_for(event: &Value) -> Option<String> {
    let said = event["extendedProperties"]["shared"]["flexopus"].as_str()?;
    let (booking, rest) = said.strip_prefix("v1.")?.split_once('.')?;
    let (_, who) = rest.rsplit_once('.')?.0.split_once(':')?;
    (event["id"] == booking.replace('-', "")).then(|| who.to_owned())
}

/// For whom Flexopus made an event that is something else by now: one date of a series, or of what was split
/// off it, or somebody's to whom it was handed over. The booking stays whose it was where it goes on, and
/// dates that came later are not: on the calendar they look alike.
pub(super) fn followed(event: &Value) -> Option<String> {
    let said = event["extendedProperties"]["shared"]["flexopus"].as_str()?;
    let (booking, rest) = said.strip_prefix("v1.")?.split_once('.')?;
    let (_, who) = rest.rsplit_once('.')?.0.split_once(':')?;
    let booking = booking.replace('-', "");
    let mut ids = ["id", "recurringEventId"].iter();
    ids.any(|field| {
        event[field]
            .as_str()
            .is_some_and(|id| id.starts_with(&booking))
    })
    .then(|| who.to_owned())
}
