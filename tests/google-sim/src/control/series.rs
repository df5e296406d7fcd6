//! Acting on series: single occurrences, whole series, and "this and following".
//!
//! An occurrence is named by its series and by when it begins according to the rule, also after it
//! was moved. Every action on one returns the id that Google gives it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Answer, Control, ControlError,
    people::{RoomControl, UserControl},
};
use crate::world::{When, occurrence_id};

impl UserControl {
    /// Changes fields of one occurrence as `events.patch` does.
    pub fn change_occurrence(
        &self,
        event: &str,
        original_start: &When,
        changes: Value,
    ) -> Result<String, ControlError> {
        let id = occurrence_id(event, original_start);
        self.patch_event(&id, changes)?;
        Ok(id)
    }

    /// Gives one occurrence new times.
    pub fn move_occurrence(
        &self,
        event: &str,
        original_start: &When,
        start: When,
        end: When,
    ) -> Result<String, ControlError> {
        let id = occurrence_id(event, original_start);
        self.move_event(&id, start, end)?;
        Ok(id)
    }

    /// Cancels one occurrence: an exception, as Google's web page makes it, not an EXDATE.
    pub fn cancel_occurrence(
        &self,
        event: &str,
        original_start: &When,
    ) -> Result<String, ControlError> {
        let id = occurrence_id(event, original_start);
        self.cancel_event(&id)?;
        Ok(id)
    }

    /// Adds a room to one occurrence only: its calendar gets an exception without a master.
    pub fn invite_room_to_occurrence(
        &self,
        event: &str,
        original_start: &When,
        room: &str,
    ) -> Result<String, ControlError> {
        let id = occurrence_id(event, original_start);
        self.invite_room(&id, room)?;
        Ok(id)
    }

    /// Takes a room off one occurrence only.
    pub fn uninvite_room_from_occurrence(
        &self,
        event: &str,
        original_start: &When,
        room: &str,
    ) -> Result<String, ControlError> {
        let id = occurrence_id(event, original_start);
        self.uninvite_room(&id, room)?;
        Ok(id)
    }

    /// "This and following": the series ends before an occurrence and a new one begins there with
    /// these changes. Returns the new series' id.
    pub fn split_series(
        &self,
        event: &str,
        original_start: &When,
        changes: Value,
    ) -> Result<String, ControlError> {
        self.control
            .split(&self.mail, event, original_start, changes)
    }

    /// Gives a whole series new times; `start` and `end` are those of the first occurrence.
    pub fn move_series(&self, event: &str, start: When, end: When) -> Result<(), ControlError> {
        self.move_event(event, start, end)
    }

    /// Gives a series other lines, such as `RRULE:FREQ=DAILY;COUNT=3`.
    pub fn change_recurrence(&self, event: &str, lines: &[&str]) -> Result<(), ControlError> {
        self.patch_event(event, json!({"recurrence": lines}))
    }

    /// Makes another user the organizer of an event or a whole series.
    pub fn hand_over(&self, event: &str, to: &str) -> Result<(), ControlError> {
        Ok(self
            .control
            .core
            .act(|world| world.hand_over(&self.mail, event, to))?)
    }

    /// Deletes the account with its calendar; the user's events stay on the others' calendars.
    pub fn delete_account(&self) -> Result<(), ControlError> {
        Ok(self
            .control
            .core
            .act(|world| world.delete_user(&self.mail))?)
    }

    /// Deletes a whole series with its exceptions.
    pub fn cancel_series(&self, event: &str) -> Result<(), ControlError> {
        self.cancel_event(event)
    }

    /// What takes place on the user's calendar between two instants, series expanded.
    pub fn occurrences(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Value>, ControlError> {
        self.control.occurrences(&self.mail, from, to)
    }
}

impl RoomControl {
    /// Answers one occurrence as the room's keeper.
    pub fn respond_occurrence(
        &self,
        event: &str,
        original_start: &When,
        answer: Answer,
    ) -> Result<String, ControlError> {
        let id = occurrence_id(event, original_start);
        self.respond(&id, answer)?;
        Ok(id)
    }

    /// What is on the room's calendar between two instants, series expanded; also what the room
    /// declined.
    pub fn occurrences(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Value>, ControlError> {
        self.control.occurrences(&self.mail, from, to)
    }
}

impl Control {
    pub(crate) fn split(
        &self,
        calendar: &str,
        event: &str,
        original_start: &When,
        changes: Value,
    ) -> Result<String, ControlError> {
        let Value::Object(changes) = changes else {
            return Err(ControlError::Invalid(
                "changes must be an object".to_owned(),
            ));
        };
        let id = occurrence_id(event, original_start);
        Ok(self.core.act(|world| world.split(calendar, &id, changes))?)
    }

    /// What takes place on a calendar between two instants, series expanded, as its owner sees it.
    pub fn occurrences(
        &self,
        calendar: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Value>, ControlError> {
        Ok(self
            .core
            .read(|world| world.owner_occurrences(calendar, from, to))?)
    }
}

/// The id that Google gives the occurrence of a series that begins, by the rule, at a time.
pub fn instance_id(event: &str, original_start: &When) -> String {
    occurrence_id(event, original_start)
}
