//! Changing events, by the organizer's hand or a guest's.
//!
//! What the organizer changes spreads to all copies (`spread`); what a guest changes stays on the
//! guest's copy, but for the answer, which reaches everybody.

use serde_json::{Map, Value};

use super::{
    error::ApiError,
    event::{Attendee, Content, Copy, State},
    ids,
    state::World,
};
use crate::control::Answer;

impl World {
    /// Creates an event. The calendar that it is created on is its organizer.
    pub(crate) fn insert(
        &mut self,
        calendar: &str,
        actor: &str,
        mut body: Map<String, Value>,
    ) -> Result<String, ApiError> {
        let mail = self.calendar(calendar)?.mail.clone();
        let chosen = text(&mut body, "id");
        let ical_uid = text(&mut body, "iCalUID");
        if chosen.is_some() && ical_uid.is_some() {
            return Err(ApiError::invalid("id and iCalUID must not both be given."));
        }
        if chosen.as_deref().is_some_and(|id| !ids::may_be_chosen(id)) {
            return Err(ApiError::invalid("Invalid resource id value."));
        }
        let id = chosen.unwrap_or_else(|| ids::random(26));
        let content = Content::read(body)?;
        self.insert_content(&mail, actor, &id, ical_uid, content)?;
        Ok(id)
    }

    pub(super) fn insert_content(
        &mut self,
        mail: &str,
        actor: &str,
        id: &str,
        ical_uid: Option<String>,
        mut content: Content,
    ) -> Result<(), ApiError> {
        if self.calendar(mail)?.events.contains_key(id) {
            return Err(ApiError::duplicate());
        }
        if actor.ends_with(".iam.gserviceaccount.com") && !content.attendees.is_empty() {
            return Err(ApiError::new(
                403,
                "forbiddenForServiceAccounts",
                "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority.",
            ));
        }
        self.settle_answers(&mut content.attendees, &[], true);
        let count = self.count();
        let copy = Copy {
            ical_uid: ical_uid.unwrap_or_else(|| format!("{id}@google.com")),
            id: id.to_owned(),
            organizer: mail.to_owned(),
            creator: actor.to_owned(),
            state: State::Live,
            sequence: 0,
            created: self.now,
            updated: self.now,
            index: count,
            changed: count,
            request: 0,
            hidden: std::collections::BTreeSet::new(),
            oddities: std::collections::BTreeSet::new(),
            origin: None,
            former: Vec::new(),
            content,
        };
        self.calendar_mut(mail)?.events.insert(id.to_owned(), copy);
        self.notify(mail);
        self.spread(mail, id, &[]);
        Ok(())
    }

    /// `events.patch`: absent fields stay, arrays are replaced whole.
    pub(crate) fn patch(
        &mut self,
        calendar: &str,
        id: &str,
        changes: Map<String, Value>,
    ) -> Result<(), ApiError> {
        let calendar = calendar.to_lowercase();
        if changes.get("status").and_then(Value::as_str) == Some("cancelled") {
            return self.delete(&calendar, id);
        }
        self.singled_out(&calendar, id, |world| {
            let before = world.live_copy(&calendar, id)?.clone();
            let omitted = changes.get("attendeesOmitted").and_then(Value::as_bool) == Some(true);
            let after = before.content.patched(changes)?;
            world.apply(&calendar, &before, after, omitted)
        })
    }

    /// `events.update`: what is not sent falls back to its default.
    pub(crate) fn update(
        &mut self,
        calendar: &str,
        id: &str,
        body: Map<String, Value>,
    ) -> Result<(), ApiError> {
        let calendar = calendar.to_lowercase();
        self.singled_out(&calendar, id, |world| {
            let before = world.live_copy(&calendar, id)?.clone();
            let omitted = body.get("attendeesOmitted").and_then(Value::as_bool) == Some(true);
            let after = Content::read(body)?;
            if before.organizer != calendar && !before.content.guests_can_modify {
                let mut same = after.clone();
                same.attendees.clone_from(&before.content.attendees);
                same.take_own(&before.content);
                if same != before.content {
                    return Err(ApiError::non_organizer());
                }
            }
            world.apply(&calendar, &before, after, omitted)
        })
    }

    /// `events.delete`: the organizer's copy ends the event for all; a guest's only declines.
    pub(crate) fn delete(&mut self, calendar: &str, id: &str) -> Result<(), ApiError> {
        let calendar = calendar.to_lowercase();
        self.singled_out(&calendar, id, |world| {
            let copy = world.live_copy(&calendar, id)?.clone();
            if copy.organizer == calendar {
                world.end(&copy);
                return Ok(());
            }
            if copy.entry(&calendar).is_some() {
                world.respond(&calendar, id, Answer::Declined)?;
            }
            world.cancel_copy(&calendar, id, State::Cancelled);
            if copy.is_master() {
                world.bury_exceptions(&calendar, id);
            }
            Ok(())
        })
    }

    /// Ends an event for everybody; of a series' exceptions only the ids are left.
    fn end(&mut self, copy: &Copy) {
        self.cancel_copy(&copy.organizer, &copy.id, State::Cancelled);
        for mail in self.guest_calendars(copy) {
            let state = self.left_behind(&mail, &copy.id);
            self.cancel_copy(&mail, &copy.id, state);
        }
        if copy.is_master() {
            self.bury_all_exceptions(&copy.id);
        }
    }

    fn apply(
        &mut self,
        calendar: &str,
        before: &Copy,
        after: Content,
        omitted: bool,
    ) -> Result<(), ApiError> {
        if before.origin.is_some() && after.is_series() {
            return Err(ApiError::invalid("An instance cannot have a recurrence."));
        }
        if before.organizer == calendar {
            self.apply_as_organizer(calendar, before, after, omitted);
            Ok(())
        } else {
            self.apply_as_guest(calendar, before, after, omitted)
        }
    }

    fn apply_as_organizer(
        &mut self,
        calendar: &str,
        before: &Copy,
        mut after: Content,
        omitted: bool,
    ) {
        if omitted {
            let own = own_answer(&after.attendees, calendar);
            after.attendees.clone_from(&before.content.attendees);
            if let (Some(answer), Some(entry)) = (own, entry_of(&mut after.attendees, calendar)) {
                entry.response_status = Some(answer);
            }
        }
        let moved = self.takes_place_anew(calendar, &before.content, &after);
        self.settle_answers(&mut after.attendees, &before.content.attendees, moved);
        if after == before.content {
            return;
        }
        self.touch(calendar, &before.id, |copy| {
            copy.sequence += u64::from(moved);
            copy.content = after;
        });
        self.spread(calendar, &before.id, &before.content.attendees);
        if before.is_master() {
            self.follow_series(before);
        }
    }

    fn apply_as_guest(
        &mut self,
        calendar: &str,
        before: &Copy,
        mut after: Content,
        omitted: bool,
    ) -> Result<(), ApiError> {
        let answer = own_answer(&after.attendees, calendar);
        let listed = std::mem::replace(&mut after.attendees, before.content.attendees.clone());
        let mut shared = after.clone();
        shared.take_own(&before.content);
        if shared != before.content {
            if before.content.guests_can_modify {
                self.apply_for_organizer(before, &after);
            } else if self.settings.strict_guests || touches_organizers_fields(before, &after) {
                return Err(ApiError::non_organizer());
            }
        }
        if after != before.content {
            self.touch(calendar, &before.id, |copy| copy.content = after);
        }
        if let Some(answer) = answer {
            self.respond(calendar, &before.id, Answer::read(&answer))?;
        }
        if !omitted && before.content.guests_can_invite_others {
            self.invite_for_organizer(before, listed);
        }
        Ok(())
    }

    /// A guest who may modify the event changes it for everybody.
    fn apply_for_organizer(&mut self, guest: &Copy, after: &Content) {
        let Ok(main) = self.live_copy(&guest.organizer, &guest.id).cloned() else {
            return;
        };
        let mut content = main.content.clone();
        content.take_shared(after);
        content.attendees.clone_from(&main.content.attendees);
        self.apply_as_organizer(&guest.organizer, &main, content, false);
    }

    /// People whom a guest's attendee list names and the event does not know are added to it.
    fn invite_for_organizer(&mut self, guest: &Copy, listed: Vec<Attendee>) {
        let Ok(main) = self.live_copy(&guest.organizer, &guest.id).cloned() else {
            return;
        };
        let mut content = main.content.clone();
        content.attendees.extend(listed.into_iter().filter(|entry| {
            main.entry(&entry.email).is_none() && !entry.email.eq_ignore_ascii_case(&main.organizer)
        }));
        self.apply_as_organizer(&guest.organizer, &main, content, false);
    }

    /// Fills in answers: nobody is without one, and a room answers for itself. Whatever the
    /// organizer writes, a room that is new, moved, reset or wrongly said to have accepted has
    /// not answered.
    fn settle_answers(&self, entries: &mut [Attendee], before: &[Attendee], moved: bool) {
        for entry in entries {
            let given = entry
                .response_status
                .clone()
                .unwrap_or_else(|| "needsAction".to_owned());
            let known = before
                .iter()
                .find(|old| old.email.eq_ignore_ascii_case(&entry.email));
            let is_room = self
                .calendar(&entry.email)
                .is_ok_and(|calendar| calendar.room.is_some());
            let kept = known.is_some_and(|old| old.response_status.as_deref() == Some(&given));
            let unanswered =
                is_room && (moved || !(kept || given == "declined" && known.is_some()));
            entry.response_status = Some(if unanswered {
                "needsAction".to_owned()
            } else {
                given
            });
        }
    }
}

impl Content {
    /// Takes over the fields that belong to one copy alone.
    fn take_own(&mut self, from: &Self) {
        self.extended_properties
            .private
            .clone_from(&from.extended_properties.private);
        self.transparency.clone_from(&from.transparency);
        self.color_id.clone_from(&from.color_id);
        self.reminders.clone_from(&from.reminders);
    }
}

/// Fields that no guest can change even on the own copy.
fn touches_organizers_fields(before: &Copy, after: &Content) -> bool {
    let before = &before.content;
    before.guests_can_modify != after.guests_can_modify
        || before.guests_can_invite_others != after.guests_can_invite_others
        || before.guests_can_see_other_guests != after.guests_can_see_other_guests
        || before.extended_properties.shared != after.extended_properties.shared
}

fn own_answer(entries: &[Attendee], mail: &str) -> Option<String> {
    entries
        .iter()
        .find(|entry| entry.email.eq_ignore_ascii_case(mail))
        .map(|entry| {
            entry
                .response_status
                .clone()
                .unwrap_or_else(|| "needsAction".to_owned())
        })
}

fn entry_of<'a>(entries: &'a mut [Attendee], mail: &str) -> Option<&'a mut Attendee> {
    entries
        .iter_mut()
        .find(|entry| entry.email.eq_ignore_ascii_case(mail))
}

fn text(body: &mut Map<String, Value>, field: &str) -> Option<String> {
    body.remove(field)
        .and_then(|value| value.as_str().map(str::to_owned))
}
