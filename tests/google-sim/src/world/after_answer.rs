//! What Google does by itself once somebody has answered: another room for one that declined, and
//! rooms given back when nobody comes.

use serde_json::{Map, Value, json};

use super::{calendar::Calendar, event::Copy, state::World};
use crate::{control::Answer, settings::RoomRelease};

impl World {
    /// Documented, as an option of the administrator: a room that had to decline is replaced by a
    /// similar one without anybody's doing. That it is one of the same building with as many seats,
    /// and that the first room leaves the guest list, is a guess.
    pub(super) fn book_similar(&mut self, declined: &str, event: &str) {
        if !self.settings.book_similar_rooms {
            return;
        }
        let Ok(asked) = self.find(declined, event) else {
            return;
        };
        let Some(other) = self.similar(declined, &asked) else {
            return;
        };
        self.replace_room(&asked.organizer, event, declined, Some(&other));
    }

    fn similar(&self, declined: &str, asked: &Copy) -> Option<String> {
        let room = self.calendar(declined).ok()?;
        let resources = &self.orgs.get(&room.org)?.resources;
        let wanted = resources.iter().find(|other| other.mail == declined)?;
        let fits = |calendar: &Calendar| {
            calendar.room.as_ref().is_some_and(|room| room.auto_accept)
                && asked.entry(&calendar.mail).is_none()
                && self.conflicts(calendar, asked).is_some()
                && self.may_book(calendar, &asked.organizer)
        };
        resources
            .iter()
            .filter(|other| other.listed && other.can_stand_in_for(wanted))
            .filter_map(|other| self.calendar(&other.mail).ok())
            .find(|calendar| fits(calendar))
            .map(|calendar| calendar.mail.clone())
    }

    /// Documented, as an option of the administrator: when all guests but one have declined, the
    /// rooms of an event are released. Whether they decline or leave the guest list is a switch.
    pub(super) fn release_rooms(&mut self, answered: &str, event: &str) {
        let Some(how) = self.settings.room_release else {
            return;
        };
        let Ok(own) = self.find(answered, event) else {
            return;
        };
        let main = self.find(&own.organizer, event).unwrap_or(own);
        let is_room = |mail: &str| {
            self.calendar(mail)
                .is_ok_and(|calendar| calendar.room.is_some())
        };
        let (rooms, people): (Vec<_>, Vec<_>) = main
            .content
            .attendees
            .iter()
            .partition(|entry| is_room(&entry.email));
        let coming = people
            .iter()
            .filter(|entry| entry.response_status.as_deref() != Some("declined"))
            .count();
        if people.len() < 2 || coming > 1 || is_room(answered) {
            return;
        }
        let rooms: Vec<String> = rooms
            .iter()
            .map(|entry| entry.email.to_lowercase())
            .collect();
        for room in rooms {
            match how {
                // A room that has declined already is left alone by `respond`.
                RoomRelease::Declines => {
                    let _ = self.respond(&room, event, Answer::Declined);
                }
                RoomRelease::Leaves => self.replace_room(&main.organizer, event, &room, None),
            }
        }
    }

    /// Takes a room off the guest list in the organizer's name, perhaps for another. An organizer
    /// without a calendar cannot.
    fn replace_room(&mut self, organizer: &str, event: &str, room: &str, by: Option<&str>) {
        let Ok(mut attendees) = self.attendees_json(organizer, event) else {
            return;
        };
        attendees.retain(|entry| {
            !entry["email"]
                .as_str()
                .is_some_and(|mail| mail.eq_ignore_ascii_case(room))
        });
        attendees.extend(by.map(|mail| json!({"email": mail})));
        let mut changes = Map::new();
        changes.insert("attendees".to_owned(), Value::Array(attendees));
        // The organizer's copy was found live a moment ago.
        let _ = self.patch(organizer, event, changes);
    }
}
