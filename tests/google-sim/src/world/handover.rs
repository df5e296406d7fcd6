//! Organizers that change or vanish.

use super::{error::ApiError, event::Copy, state::World};

impl World {
    /// `events.move` of an event or a series to another calendar, which becomes its organizer. The
    /// old organizer keeps a copy if invited, else only the id.
    pub(crate) fn hand_over(&mut self, from: &str, id: &str, to: &str) -> Result<(), ApiError> {
        let from = from.to_lowercase();
        let to = self.calendar(to)?.mail.clone();
        let main = self.live_copy(&from, id)?;
        if main.organizer != from || main.origin.is_some() {
            return Err(ApiError::non_organizer());
        }
        let exceptions = self.exception_ids(&from, id);
        for id in std::iter::once(id.to_owned()).chain(exceptions) {
            self.hand_over_copy(&from, &id, &to);
        }
        Ok(())
    }

    fn hand_over_copy(&mut self, from: &str, id: &str, to: &str) {
        let Ok(main) = self.copy(from, id).cloned() else {
            return;
        };
        if self.copy(to, id).is_err() {
            let index = self.count();
            let copy = Copy {
                index,
                ..main.clone()
            };
            if let Ok(calendar) = self.calendar_mut(to) {
                calendar.events.insert(id.to_owned(), copy);
            }
        }
        for holder in self.holders(id) {
            if holder == from && main.entry(from).is_none() {
                self.bury(from, id);
                continue;
            }
            self.touch(&holder, id, |copy| {
                to.clone_into(&mut copy.organizer);
                if holder == to {
                    copy.state = main.state;
                    copy.content.take_shared(&main.content);
                }
            });
        }
    }

    /// Deletes a user with the calendar. What the user organized stays on the others' calendars.
    pub(crate) fn delete_user(&mut self, mail: &str) -> Result<(), ApiError> {
        let org = self.calendar(mail)?.org.clone();
        self.calendars.remove(mail);
        if let Some(org) = self.orgs.get_mut(&org) {
            org.users.remove(mail);
        }
        Ok(())
    }
}
