//! Which events of a room's calendar are bookings, and when.

use chrono::{DateTime, NaiveTime, Utc};
use serde_json::Value;

use super::{
    Occupied, People,
    whose::{followed, whose},
};

/// A room that declines after an event is over does not undo that it took place.
pub(super) fn took_place(
    event: &Value,
    room: &str,
    people: Option<&People>,
    now: DateTime<Utc>,
) -> Option<Occupied> {
    let mut accepted = event.clone();
    let guests = accepted["attendees"].as_array_mut()?;
    let own = guests.iter_mut().find(|guest| is_room(guest, room))?;
    own["responseStatus"] = Value::from("accepted");
    let occupied = occupied(&accepted, room, people)?;
    (occupied.end <= now).then_some(Occupied {
        perhaps: true,
        ..occupied
    })
}

fn is_room(person: &Value, room: &str) -> bool {
    person["email"]
        .as_str()
        .is_some_and(|mail| mail.eq_ignore_ascii_case(room))
}

pub(super) fn occupied(event: &Value, room: &str, people: Option<&People>) -> Option<Occupied> {
    if event["status"] == "cancelled" || event["transparency"] == "transparent" {
        return None;
    }
    let is_room = |person: &Value| is_room(person, room);
    let own = event["attendees"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|guest| is_room(guest));
    // Where the guest list is kept from the room, what stands on its calendar occupies it.
    let hidden = event["attendees"].is_null() || event["attendeesOmitted"] == true;
    let confirmed = match own.and_then(|guest| guest["responseStatus"].as_str()) {
        Some("declined") => return None,
        Some("accepted") => true,
        _ if is_room(&event["organizer"]) => true,
        Some(_) => false,
        None if hidden => true,
        None => return None,
    };
    let (start, end) = (instant_of(&event["start"])?, instant_of(&event["end"])?);
    let visibility = event["visibility"].as_str().unwrap_or("default");
    // What takes no time occupies nothing.
    (start < end).then(|| Occupied {
        start: start.to_utc(),
        end: end.to_utc(),
        all_day: start.time() == NaiveTime::MIN && end.time() == NaiveTime::MIN,
        confirmed,
        private: !matches!(visibility, "default" | "public"),
        booker: people.map(|people| whose(event, people)),
        or_booker: people.and_then(|_| followed(event)),
        perhaps: false,
    })
}

/// A resource's calendar shows whole days as times too, from midnight to midnight of its zone.
pub(super) fn instant_of(at: &Value) -> Option<DateTime<chrono::FixedOffset>> {
    assert!(
        at["date"].is_null(),
        "a date on a resource's calendar: {at}"
    );
    DateTime::parse_from_rfc3339(at["dateTime"].as_str()?).ok()
}
