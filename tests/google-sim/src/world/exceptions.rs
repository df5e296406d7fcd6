//! What a change of a whole series means for its exceptions.
//!
//! Titles, guests and the like reach an exception where it did not differ from the series. Whether
//! it survives new times or a shorter rule is `Settings::moved_series_reset_exceptions` and
//! `Settings::stale_exceptions_survive`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    event::{Content, Copy, State},
    series::{Part, split_id},
    state::World,
};

/// How many occurrences decide whether a rule has grown.
const LOOKED_AT: usize = 1000;

/// Fields of an exception that never follow the series by themselves.
const OWN_FIELDS: [&str; 5] = [
    "start",
    "end",
    "recurrence",
    "attendees",
    "extendedProperties",
];

impl World {
    /// Whether a series now takes place when it did not before; a one-off event never does.
    pub(super) fn takes_place_anew(
        &self,
        calendar: &str,
        before: &Content,
        after: &Content,
    ) -> bool {
        if !before.same_times(after) {
            return true;
        }
        if before.recurrence == after.recurrence {
            return false;
        }
        let zone = self
            .calendar(calendar)
            .map_or(chrono_tz::UTC, |calendar| calendar.zone);
        let slots = |content: &Content| -> BTreeSet<String> {
            let slots = content.slots(zone, Part::first(LOOKED_AT));
            slots.into_iter().map(|slot| slot.suffix).collect()
        };
        let before = slots(before);
        !slots(after).is_subset(&before)
    }

    /// Brings the exceptions of a series that its organizer changed in line with it.
    pub(super) fn follow_series(&mut self, before: &Copy) {
        let organizer = before.organizer.clone();
        let Ok(main) = self.live_copy(&organizer, &before.id).cloned() else {
            return;
        };
        let moved = !before.content.same_times(&main.content);
        for id in self.exception_ids(&organizer, &main.id) {
            let by_rule = split_id(&id).is_some_and(|(_, suffix)| {
                self.calendar(&organizer)
                    .is_ok_and(|calendar| main.content.slot(calendar.zone, suffix).is_some())
            });
            let survives = by_rule || self.settings.stale_exceptions_survive;
            if moved && self.settings.moved_series_reset_exceptions && by_rule {
                self.reset_exception(&id);
            } else if !moved && !survives || moved && self.settings.moved_series_reset_exceptions {
                for holder in self.holders(&id) {
                    self.bury(&holder, &id);
                }
            } else {
                self.adapt_exception(&organizer, &id, &before.content, &main);
            }
        }
    }

    /// The exception becomes what the rule says, on every calendar that holds the series.
    fn reset_exception(&mut self, id: &str) {
        for holder in self.holders(id) {
            let by_rule = self
                .calendar(&holder)
                .ok()
                .and_then(|calendar| calendar.by_rule(id));
            let Some(by_rule) = by_rule else {
                self.bury(&holder, id);
                continue;
            };
            let open = by_rule.answer(&holder) == Some("needsAction");
            self.touch(&holder, id, |copy| {
                copy.state = State::Live;
                copy.sequence = by_rule.sequence;
                copy.content = by_rule.content;
            });
            if open {
                self.ask_room(&holder, id);
            }
        }
    }

    fn adapt_exception(&mut self, organizer: &str, id: &str, before: &Content, main: &Copy) {
        let Ok(exception) = self.copy(organizer, id).cloned() else {
            return;
        };
        if !exception.is_live() {
            self.cancel_for_new_guests(main, id);
            return;
        }
        let adapted = adapted(&exception.content, before, &main.content);
        if adapted != exception.content {
            self.touch(organizer, id, |copy| copy.content = adapted);
            self.spread(organizer, id, &exception.content.attendees);
        }
    }

    /// Who joins a series later must not see dates that were cancelled before.
    fn cancel_for_new_guests(&mut self, main: &Copy, id: &str) {
        for guest in self.guest_calendars(main) {
            let by_rule = self.calendar(&guest).ok().and_then(|calendar| {
                let unknown = calendar
                    .events
                    .get(id)
                    .is_none_or(|copy| copy.state == State::Tombstone);
                unknown.then(|| calendar.by_rule(id)).flatten()
            });
            let Some(mut copy) = by_rule else { continue };
            copy.index = self.count();
            copy.changed = copy.index;
            copy.state = State::Cancelled;
            if let Ok(calendar) = self.calendar_mut(&guest) {
                calendar.events.insert(id.to_owned(), copy);
            }
            self.notify(&guest);
        }
    }
}

/// The exception with those changes of its series that concern what it had in common with it.
fn adapted(exception: &Content, before: &Content, after: &Content) -> Content {
    let (mut own, old, new) = (object(exception), object(before), object(after));
    for (field, value) in &new {
        if OWN_FIELDS.contains(&field.as_str()) || old.get(field) == Some(value) {
            continue;
        }
        if own.get(field) == old.get(field) {
            own.insert(field.clone(), value.clone());
        }
    }
    let Ok(mut content) = serde_json::from_value::<Content>(Value::Object(own)) else {
        return exception.clone();
    };
    let is_in = |list: &[super::event::Attendee], mail: &str| {
        list.iter()
            .any(|entry| entry.email.eq_ignore_ascii_case(mail))
    };
    content.attendees.retain(|entry| {
        is_in(&after.attendees, &entry.email) || !is_in(&before.attendees, &entry.email)
    });
    for entry in &after.attendees {
        if !is_in(&before.attendees, &entry.email) && !is_in(&content.attendees, &entry.email) {
            content.attendees.push(entry.clone());
        }
    }
    content
}

fn object(content: &Content) -> Map<String, Value> {
    match serde_json::to_value(content) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
