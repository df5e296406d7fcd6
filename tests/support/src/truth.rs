//! What should be booked, read from the simulator itself: the rules of which events are bookings,
//! whose and when, written a second time and as short as possible, so that they can contradict the
//! product.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use google_sim::Control;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, BookingState, booker::Booker};
use serde_json::Value;

use crate::app::instant;

/// A booking as both sides can say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Occupied {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
    all_day: bool,
    confirmed: bool,
    private: bool,
    /// The user's id, or nobody's; left out by a [`Truth`] that knows no people.
    booker: Option<String>,
    /// Whose it may be instead: only who followed the booking that was made in Flexopus knows.
    or_booker: Option<String>,
    /// It was declined after it was over, or before: only who saw it in time knows that it took place, so
    /// roomsync may have it, or not.
    perhaps: bool,
}

impl Occupied {
    /// Whether the room has accepted, or is the organizer itself.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// With the booker that roomsync names, of those who may be it.
    fn as_told_by(&self, ours: &[Self]) -> Self {
        let by = |booker: &Option<String>| Self {
            booker: booker.clone(),
            or_booker: None,
            ..self.clone()
        };
        let is_told = |one: &Self| {
            let mut ours = ours.iter();
            ours.any(|other| {
                Self {
                    perhaps: one.perhaps,
                    ..other.clone()
                } == *one
            })
        };
        let (first, other) = (by(&self.booker), by(&self.or_booker));
        if self.or_booker.is_some() && !is_told(&first) && is_told(&other) {
            other
        } else {
            first
        }
    }

    /// Whether both take place at one time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl fmt::Display for Occupied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.confirmed {
            "confirmed"
        } else {
            "pending"
        };
        write!(f, "{state} {} to {}", self.start, self.end)?;
        for (said, word) in [(self.all_day, "all day"), (self.private, "private")] {
            if said {
                write!(f, ", {word}")?;
            }
        }
        match &self.booker {
            Some(booker) => write!(f, ", by {booker}"),
            None => Ok(()),
        }
    }
}

/// Whose bookings can be told apart.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Ids of the main app's users by address, lower case.
    pub users: BTreeMap<String, String>,
    /// The accounts that the connection acts as: what they created is nobody's.
    pub own_subjects: Vec<String>,
}

/// What is compared, and how far.
#[derive(Debug, Clone)]
pub struct Truth {
    /// `None` leaves out whose a booking is: for tests in which users come and go.
    people: Option<People>,
    horizon: TimeDelta,
}

impl Default for Truth {
    /// Everything but people, as far as a tenant is mirrored by default.
    fn default() -> Self {
        Self {
            people: None,
            horizon: TimeDelta::days(400),
        }
    }
}

impl Truth {
    /// Also whose a booking is.
    #[must_use]
    pub fn of(mut self, people: People) -> Self {
        self.people = Some(people);
        self
    }

    /// As far as a tenant with this setting is mirrored.
    #[must_use]
    pub fn within_days(mut self, horizon: i64) -> Self {
        self.horizon = TimeDelta::days(horizon);
        self
    }

    /// What a room's calendar says is booked, series expanded, sorted.
    pub fn at_google(&self, google: &Control, room: &str) -> Vec<Occupied> {
        let now = SystemClock.now();
        let mut occupied: Vec<_> = self
            .occurrences(google, room)
            .iter()
            .filter_map(|event| {
                let took_place = || took_place(event, room, self.people.as_ref(), now);
                self.occupied(event, room).or_else(took_place)
            })
            .collect();
        occupied.sort();
        occupied
    }

    /// What is on a room's calendar, booked or not, as far as it is compared.
    pub fn occurrences(&self, google: &Control, room: &str) -> Vec<Value> {
        let now = SystemClock.now();
        let mut events = google
            .occurrences(room, now - TimeDelta::days(30), now + self.horizon)
            .unwrap_or_else(|error| panic!("no calendar {room}: {error}"));
        events.retain(|event| {
            instant_of(&event["start"]).is_some_and(|start| self.reaches(start.to_utc()))
        });
        events
    }

    /// The booking that one of them is.
    pub fn occupied(&self, event: &Value, room: &str) -> Option<Occupied> {
        occupied(event, room, self.people.as_ref())
    }

    /// The same of what roomsync says.
    pub fn at_roomsync<'a>(
        &self,
        bookings: impl IntoIterator<Item = &'a Booking>,
    ) -> Vec<Occupied> {
        let with_people = self.people.is_some();
        let mut occupied: Vec<_> = bookings
            .into_iter()
            .filter_map(|booking| booked(booking, with_people))
            .collect();
        occupied.retain(|occupied| self.reaches(occupied.start));
        occupied.sort();
        occupied
    }

    /// Within the window of a full sync whatever its edges are exactly: an import begins 31 days
    /// back, and the horizon rolls by the day.
    pub fn reaches(&self, start: DateTime<Utc>) -> bool {
        let now = SystemClock.now();
        (now - TimeDelta::days(29)..now + self.horizon - TimeDelta::days(5)).contains(&start)
    }
}

/// Both sides in words, where they differ.
pub fn difference(ours: &[Occupied], theirs: &[Occupied]) -> Option<String> {
    let theirs = theirs.iter().map(|one| one.as_told_by(ours));
    let (perhaps, mut theirs): (Vec<_>, Vec<_>) = theirs.partition(|it| it.perhaps);
    theirs.sort();
    let mut ours = ours.to_vec();
    for one in perhaps {
        let taken = Occupied {
            perhaps: false,
            ..one
        };
        let count = |those: &[Occupied]| those.iter().filter(|other| **other == taken).count();
        if count(&ours) > count(&theirs)
            && let Some(place) = ours.iter().position(|other| *other == taken)
        {
            ours.remove(place);
        }
    }
    let (ours, theirs) = (ours.as_slice(), theirs.as_slice());
    if ours == theirs {
        return None;
    }
    let only = |these: &[Occupied], those: &[Occupied]| {
        let mut those = those.to_vec();
        let alone = these.iter().filter(|one| {
            let found = those.iter().position(|other| other == *one);
            found.map(|place| those.remove(place)).is_none()
        });
        alone.fold(String::new(), |said, one| format!("{said}\n    {one}"))
    };
    Some(format!(
        "  only roomsync says:{}\n  only Google says:{}",
        only(ours, theirs),
        only(theirs, ours)
    ))
}

/// A room that declines after an event is over does not undo that it took place.
fn took_place(
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

fn occupied(event: &Value, room: &str, people: Option<&People>) -> Option<Occupied> {
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
fn instant_of(at: &Value) -> Option<DateTime<chrono::FixedOffset>> {
    assert!(
        at["date"].is_null(),
        "a date on a resource's calendar: {at}"
    );
    DateTime::parse_from_rfc3339(at["dateTime"].as_str()?).ok()
}

/// The organizer if a person, else who Flexopus made it for, else the only human guest, else the creator
/// unless that is us.
fn whose(event: &Value, people: &People) -> String {
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
fn followed(event: &Value) -> Option<String> {
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

fn booked(booking: &Booking, with_people: bool) -> Option<Occupied> {
    let window = booking.window.as_ref()?;
    let confirmed = match booking.state() {
        BookingState::Confirmed => true,
        BookingState::Pending | BookingState::Undecided => false,
        _ => return None,
    };
    let booker = match booking.booker.as_ref().and_then(|it| it.booker.as_ref()) {
        Some(Booker::UserId(id) | Booker::DeviceId(id)) => id.clone(),
        Some(Booker::Anonymous(_)) | None => "nobody".to_owned(),
    };
    Some(Occupied {
        start: instant(window.starts_at.as_ref())?,
        end: instant(window.ends_at.as_ref())?,
        all_day: booking.all_day,
        confirmed,
        private: booking.private,
        booker: with_people.then_some(booker),
        or_booker: None,
        perhaps: false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROOM: &str = "room@resource.calendar.google.com";

    fn event(answer: Option<&str>, more: &Value) -> Value {
        let mut event = json!({
            "status": "confirmed",
            "organizer": { "email": "ana@acme.example" },
            "start": { "dateTime": "2026-03-01T10:00:00+01:00" },
            "end": { "dateTime": "2026-03-01T11:00:00+01:00" },
        });
        if let Some(answer) = answer {
            event["attendees"] = json!([{ "email": ROOM, "responseStatus": answer }]);
        }
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            event[key] = value;
        }
        event
    }

    fn is(answer: Option<&str>, more: &Value) -> Option<bool> {
        occupied(&event(answer, more), ROOM, None).map(|occupied| occupied.confirmed)
    }

    #[test]
    fn an_event_is_a_booking_by_the_rooms_own_answer() {
        assert_eq!(is(Some("accepted"), &json!({})), Some(true));
        assert_eq!(is(Some("needsAction"), &json!({})), Some(false));
        assert_eq!(is(Some("declined"), &json!({})), None);
        let without_room = json!([{ "email": "bob@acme.example", "responseStatus": "accepted" }]);
        assert_eq!(is(None, &json!({ "attendees": without_room })), None);
        assert_eq!(
            is(None, &json!({ "organizer": { "email": ROOM } })),
            Some(true)
        );
        assert_eq!(
            is(Some("accepted"), &json!({ "status": "cancelled" })),
            None
        );
        assert_eq!(
            is(Some("accepted"), &json!({ "transparency": "transparent" })),
            None
        );
    }

    #[test]
    fn a_guest_list_that_is_kept_from_the_room_occupies_it() {
        assert_eq!(is(None, &json!({})), Some(true));
        assert_eq!(is(None, &json!({ "attendeesOmitted": true })), Some(true));
    }

    #[test]
    fn what_takes_no_time_occupies_nothing() {
        let end = json!({ "end": { "dateTime": "2026-03-01T10:00:00+01:00" } });
        assert_eq!(is(Some("accepted"), &end), None);
    }

    #[test]
    fn a_whole_day_is_midnight_to_midnight_of_the_rooms_own_clock() {
        let day = json!({
            "start": { "dateTime": "2026-03-01T00:00:00+01:00" },
            "end": { "dateTime": "2026-03-02T00:00:00+01:00" },
        });
        let all_day = |event| occupied(&event, ROOM, None).map(|occupied| occupied.all_day);
        assert_eq!(all_day(event(Some("accepted"), &day)), Some(true));
        assert_eq!(all_day(event(Some("accepted"), &json!({}))), Some(false));
    }

    #[test]
    fn a_booking_is_the_organizers_else_the_only_guests_else_the_creators() {
        let people = People {
            users: [("ana@acme.example", "u-ana"), ("bob@acme.example", "u-bob")]
                .map(|(mail, id)| (mail.to_owned(), id.to_owned()))
                .into(),
            own_subjects: vec!["admin@acme.example".to_owned()],
        };
        let whose = |event: Value| whose(&event, &people);
        let room = json!({ "email": ROOM });
        let bob = json!({ "email": "Bob@acme.example" });
        assert_eq!(whose(event(Some("accepted"), &json!({}))), "u-ana");
        let by_guest = json!({ "organizer": room, "attendees": [room, bob] });
        assert_eq!(whose(event(None, &by_guest)), "u-bob");
        let by_creator = json!({ "organizer": room, "creator": bob });
        assert_eq!(whose(event(None, &by_creator)), "u-bob");
        let at_a_door = |id| {
            let said = "v1.0197a3c4-0000-7000-8000-000000000001.d:door.1.abc";
            json!({
                "id": id,
                "organizer": room,
                "extendedProperties": { "shared": { "flexopus": said } },
            })
        };
        let ours = "0197a3c4000070008000000000000001";
        assert_eq!(whose(event(None, &at_a_door(ours))), "door.1");
        assert_eq!(whose(event(None, &at_a_door("a-copy-of-it"))), "nobody");
        let ours = json!({ "organizer": room, "creator": { "email": "admin@acme.example" } });
        assert_eq!(whose(event(None, &ours)), "nobody");
        let note = "v1.0197-ab.d:door.1.mac";
        let shared = json!({ "shared": { "flexopus": note } });
        let signed = |id: &str, by: &Value| {
            whose(event(
                None,
                &json!({ "id": id, "organizer": by, "extendedProperties": shared }),
            ))
        };
        assert_eq!(signed("0197ab", &room), "door.1");
        assert_eq!(signed("0197ac", &room), "nobody", "a copy");
        assert_eq!(
            signed("0197ab", &json!({ "email": "bob@acme.example" })),
            "u-bob"
        );
    }

    #[test]
    fn what_was_declined_after_it_was_over_may_be_there_or_not() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T11:00:00+01:00").unwrap();
        let declined = event(Some("declined"), &json!({}));
        let perhaps = |now: DateTime<_>| took_place(&declined, ROOM, None, now.to_utc());
        assert_eq!(perhaps(now - TimeDelta::seconds(1)), None, "not over yet");
        let perhaps = perhaps(now).unwrap();
        let taken = occupied(&event(Some("accepted"), &json!({})), ROOM, None).unwrap();
        assert_eq!(difference(&[], std::slice::from_ref(&perhaps)), None);
        assert_eq!(
            difference(std::slice::from_ref(&taken), std::slice::from_ref(&perhaps)),
            None
        );
        let once = [taken.clone(), taken];
        assert!(difference(&once, &[perhaps]).is_some(), "once, not twice");
    }

    #[test]
    fn a_date_of_a_series_that_was_made_of_ours_may_have_kept_its_booker() {
        let people = People::default();
        let date = json!({
            "id": "0197ab_20260301T090000Z",
            "recurringEventId": "0197ab",
            "organizer": { "email": ROOM },
            "extendedProperties": { "shared": { "flexopus": "v1.0197-ab.d:door.1.mac" } },
        });
        let date = occupied(&event(None, &date), ROOM, Some(&people)).unwrap();
        let told = |booker: &str| Occupied {
            booker: Some(booker.to_owned()),
            or_booker: None,
            ..date.clone()
        };
        let against = |booker| difference(&[told(booker)], std::slice::from_ref(&date));
        assert_eq!(against("door.1"), None);
        assert_eq!(against("nobody"), None);
        assert!(against("u-ana").is_some());
    }

    #[test]
    fn a_difference_names_what_only_one_side_says() {
        let one = occupied(&event(Some("accepted"), &json!({})), ROOM, None).unwrap();
        let both = [one.clone(), one.clone()];
        assert_eq!(difference(&both, &both), None);
        let said = difference(&both, &both[..1]).unwrap();
        assert_eq!(said.matches("confirmed").count(), 1, "{said}");
    }
}
