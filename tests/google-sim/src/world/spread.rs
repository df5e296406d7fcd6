//! Carrying an event from the organizer's copy to the guests' copies, and answers to all.

use std::collections::BTreeSet;

use super::{
    error::ApiError,
    event::{Attendee, Copy, State},
    state::World,
};
use crate::control::Answer;

impl World {
    /// Brings all guests' copies in line with the organizer's. `before` is the guest list that
    /// was: who is no longer on it keeps a tombstone.
    pub(super) fn spread(&mut self, organizer: &str, id: &str, before: &[Attendee]) {
        let Ok(main) = self.copy(organizer, id).cloned() else {
            return;
        };
        let invited = self.guest_calendars(&main);
        for entry in before {
            let guest = self.primary(&entry.email);
            if guest != organizer && !invited.contains(&guest) {
                let state = self.left_behind(&guest, id);
                self.cancel_copy(&guest, id, state);
            }
        }
        for guest in invited {
            self.bring(&main, &guest);
        }
    }

    /// Everybody's answer changes on all copies of the event.
    pub(crate) fn respond(
        &mut self,
        calendar: &str,
        id: &str,
        answer: Answer,
    ) -> Result<(), ApiError> {
        let calendar = calendar.to_lowercase();
        self.singled_out(&calendar, id, |world| {
            world.answer_everywhere(&calendar, id, answer)
        })?;
        self.release_rooms(&calendar, id);
        Ok(())
    }

    fn answer_everywhere(
        &mut self,
        calendar: &str,
        id: &str,
        answer: Answer,
    ) -> Result<(), ApiError> {
        let own = self.live_copy(calendar, id)?.clone();
        if own.entry(calendar).is_none() {
            return Err(ApiError::invalid("The calendar's owner is not invited."));
        }
        // A late automatic answer must not overrule this one.
        if let Some(copy) = self.calendar_mut(calendar)?.events.get_mut(id) {
            copy.request += 1;
        }
        let main = self.copy(&own.organizer, id).unwrap_or(&own).clone();
        let mut holders = self.guest_calendars(&main);
        holders.insert(main.organizer.clone());
        for holder in holders {
            let changes = self.live_copy(&holder, id).is_ok_and(|copy| {
                copy.answer(calendar)
                    .is_some_and(|old| old != answer.as_str())
            });
            if changes {
                self.touch(&holder, id, |copy| {
                    if let Some(entry) = copy.entry_mut(calendar) {
                        entry.response_status = Some(answer.as_str().to_owned());
                    }
                });
            }
        }
        Ok(())
    }

    /// The calendars of this simulator that belong to guests of an event, without its organizer.
    pub(super) fn guest_calendars(&self, main: &Copy) -> BTreeSet<String> {
        main.content
            .attendees
            .iter()
            .map(|entry| self.primary(&entry.email))
            .filter(|guest| *guest != main.organizer && self.calendars.contains_key(guest))
            .collect()
    }

    fn bring(&mut self, main: &Copy, guest: &str) {
        let unanswered = main
            .content
            .attendees
            .iter()
            .any(|entry| self.primary(&entry.email) == guest && entry.is_unanswered());
        match self.copy(guest, &main.id).cloned() {
            // Removed by the guest: only a new invitation brings it back.
            Ok(copy) if !copy.is_live() && !unanswered => return,
            Ok(copy) => {
                let mut content = copy.content.clone();
                content.take_shared(&main.content);
                if content != copy.content || !copy.is_live() {
                    let main = main.clone();
                    self.touch(guest, &main.id, |copy| {
                        copy.state = State::Live;
                        copy.organizer = main.organizer;
                        copy.creator = main.creator;
                        copy.ical_uid = main.ical_uid;
                        copy.sequence = main.sequence;
                        copy.content = content;
                    });
                }
            }
            Err(_) => self.create(main, guest),
        }
        if unanswered {
            self.ask_room(guest, &main.id);
        }
    }

    fn create(&mut self, main: &Copy, guest: &str) {
        let count = self.count();
        let mut copy = Copy {
            index: count,
            changed: count,
            request: 0,
            created: self.now,
            updated: self.now,
            hidden: BTreeSet::new(),
            oddities: BTreeSet::new(),
            former: Vec::new(),
            ..main.clone()
        };
        let own = &mut copy.content;
        own.extended_properties.private.clear();
        own.transparency = None;
        own.color_id = None;
        own.reminders = None;
        if let Ok(calendar) = self.calendar_mut(guest) {
            calendar.events.insert(copy.id.clone(), copy);
        }
        self.notify(guest);
    }
}
