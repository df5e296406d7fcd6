//! Acting as a user in Google Calendar, and as a room or its keeper.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Answer, Control, ControlError, NewEvent};
use crate::world::{Role, When};

/// A user at the calendar.
#[derive(Debug, Clone)]
pub struct UserControl {
    pub(crate) control: Control,
    pub(crate) mail: String,
}

/// A room's calendar and its settings.
#[derive(Debug, Clone)]
pub struct RoomControl {
    pub(crate) control: Control,
    pub(crate) mail: String,
}

impl UserControl {
    /// The user's address, which is also the id of the calendar.
    pub fn mail(&self) -> &str {
        &self.mail
    }

    /// Creates an event on the user's calendar; returns its id.
    pub fn insert_event(&self, event: NewEvent) -> Result<String, ControlError> {
        self.control.insert(&self.mail, &self.mail, event)
    }

    /// Changes fields of the user's copy as `events.patch` does.
    pub fn patch_event(&self, event: &str, changes: Value) -> Result<(), ControlError> {
        self.control.patch(&self.mail, event, changes)
    }

    /// Gives the event new times.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the times are made for this call"
    )]
    pub fn move_event(&self, event: &str, start: When, end: When) -> Result<(), ControlError> {
        self.patch_event(event, json!({"start": start, "end": end}))
    }

    /// Gives the event another title.
    pub fn retitle_event(&self, event: &str, summary: &str) -> Result<(), ControlError> {
        self.patch_event(event, json!({"summary": summary}))
    }

    /// Adds a room to the event.
    pub fn invite_room(&self, event: &str, room: &str) -> Result<(), ControlError> {
        self.control
            .change_rooms(&self.mail, event, None, Some(room))
    }

    /// Takes a room off the event, which itself stays.
    pub fn uninvite_room(&self, event: &str, room: &str) -> Result<(), ControlError> {
        self.control
            .change_rooms(&self.mail, event, Some(room), None)
    }

    /// Replaces one room by another in one edit.
    pub fn swap_room(&self, event: &str, from: &str, to: &str) -> Result<(), ControlError> {
        self.control
            .change_rooms(&self.mail, event, Some(from), Some(to))
    }

    /// Deletes the event: for everybody if the user is the organizer, else only the user's copy.
    pub fn cancel_event(&self, event: &str) -> Result<(), ControlError> {
        self.control.cancel(&self.mail, event)
    }

    /// Answers an invitation.
    pub fn respond(&self, event: &str, answer: Answer) -> Result<(), ControlError> {
        self.control.respond(&self.mail, event, answer)
    }

    /// The user's copy of an event.
    pub fn event(&self, event: &str) -> Result<Value, ControlError> {
        self.control.event(&self.mail, event)
    }

    /// Suspends the account, or lets it back in.
    pub fn suspend(&self, suspended: bool) -> Result<(), ControlError> {
        self.control
            .core
            .act(|world| world.change_user(&self.mail, |u| u.suspended = suspended))
    }

    /// Switches Google Calendar off or on for the account.
    pub fn calendar_off(&self, off: bool) -> Result<(), ControlError> {
        self.control
            .core
            .act(|world| world.change_user(&self.mail, |u| u.calendar_off = off))
    }
}

impl RoomControl {
    /// The room's address, which is also the id of its calendar.
    pub fn mail(&self) -> &str {
        &self.mail
    }

    /// Creates an event straight on the room's calendar, which makes the room its organizer.
    pub fn insert_event(&self, actor: &str, event: NewEvent) -> Result<String, ControlError> {
        self.control.insert(&self.mail, actor, event)
    }

    /// Deletes the room's copy: declines, or cancels the meeting if the room is its organizer.
    pub fn cancel_event(&self, event: &str) -> Result<(), ControlError> {
        self.control.cancel(&self.mail, event)
    }

    /// Answers an invitation as the room's keeper.
    pub fn respond(&self, event: &str, answer: Answer) -> Result<(), ControlError> {
        self.control.respond(&self.mail, event, answer)
    }

    /// The room's copy of an event.
    pub fn event(&self, event: &str) -> Result<Value, ControlError> {
        self.control.event(&self.mail, event)
    }

    /// All copies on the room's calendar, cancelled ones too.
    pub fn events(&self) -> Result<Vec<Value>, ControlError> {
        self.control.events(&self.mail)
    }

    /// The room's own answer in its copy; `None` if it is not invited.
    pub fn answer(&self, event: &str) -> Option<Answer> {
        self.control
            .core
            .read(|world| world.answer_of(&self.mail, event))
    }

    /// Waits until the room has answered an invitation, and returns what it said.
    pub async fn wait_answered(
        &self,
        event: &str,
        timeout: Duration,
    ) -> Result<Answer, ControlError> {
        self.control
            .wait_for(timeout, |_| {
                self.answer(event).filter(|a| *a != Answer::NeedsAction)
            })
            .await
    }

    /// Gives somebody a role on the room's calendar. An ACL change: its sync tokens die.
    pub fn share(&self, with: &str, role: Role) -> Result<(), ControlError> {
        Ok(self
            .control
            .core
            .act(|world| world.share(&self.mail, with, Some(role)))?)
    }

    /// Takes somebody's role away. An ACL change: the calendar's sync tokens die.
    pub fn unshare(&self, with: &str) -> Result<(), ControlError> {
        Ok(self
            .control
            .core
            .act(|world| world.share(&self.mail, with, None))?)
    }

    /// Lets the calendar's sync tokens die: the next use gets 410 `fullSyncRequired`.
    pub fn expire_sync_tokens(&self) -> Result<(), ControlError> {
        self.change(|calendar| calendar.generation += 1)
    }

    /// Whether the calendar can be watched.
    pub fn support_push(&self, supported: bool) -> Result<(), ControlError> {
        self.change(|calendar| calendar.push_supported = supported)
    }

    /// Whether the room answers by itself.
    pub fn auto_accept(&self, on: bool) -> Result<(), ControlError> {
        self.change(|calendar| {
            if let Some(room) = &mut calendar.room {
                room.auto_accept = on;
            }
        })
    }

    /// Whether the Directory lists the room; its calendar stays.
    pub fn list_in_directory(&self, listed: bool) -> Result<(), ControlError> {
        self.control
            .core
            .act(|world| world.list_in_directory(&self.mail, listed))
    }

    /// Puts an arbitrary JSON value into the calendar's listings.
    pub fn inject_item(&self, item: Value) -> Result<(), ControlError> {
        Ok(self
            .control
            .core
            .act(|world| world.inject(&self.mail, item))?)
    }

    /// Leaves fields such as `summary` out of a copy wherever it is listed.
    pub fn hide_fields(&self, event: &str, fields: &[&str]) -> Result<(), ControlError> {
        Ok(self
            .control
            .core
            .act(|world| world.hide_fields(&self.mail, event, fields))?)
    }

    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut crate::world::Calendar),
    ) -> Result<(), ControlError> {
        Ok(self
            .control
            .core
            .act(|world| world.calendar_mut(&self.mail).map(change))?)
    }
}

impl Control {
    pub(crate) fn insert(
        &self,
        calendar: &str,
        actor: &str,
        event: NewEvent,
    ) -> Result<String, ControlError> {
        let body = event.body((calendar == actor).then_some(actor));
        Ok(self.core.act(|world| world.insert(calendar, actor, body))?)
    }

    pub(crate) fn patch(
        &self,
        calendar: &str,
        event: &str,
        changes: Value,
    ) -> Result<(), ControlError> {
        let Value::Object(changes) = changes else {
            return Err(ControlError::Invalid(
                "changes must be an object".to_owned(),
            ));
        };
        Ok(self
            .core
            .act(|world| world.patch(calendar, event, changes))?)
    }

    pub(crate) fn cancel(&self, calendar: &str, event: &str) -> Result<(), ControlError> {
        Ok(self.core.act(|world| world.delete(calendar, event))?)
    }

    pub(crate) fn respond(
        &self,
        calendar: &str,
        event: &str,
        answer: Answer,
    ) -> Result<(), ControlError> {
        Ok(self
            .core
            .act(|world| world.respond(calendar, event, answer))?)
    }

    pub(crate) fn change_rooms(
        &self,
        calendar: &str,
        event: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), ControlError> {
        self.core.act(|world| {
            let mut attendees = world.attendees_json(calendar, event)?;
            if let Some(from) = from {
                let before = attendees.len();
                attendees.retain(|entry| {
                    !entry["email"]
                        .as_str()
                        .is_some_and(|mail| mail.eq_ignore_ascii_case(from))
                });
                if attendees.len() == before {
                    return Err(ControlError::unknown("room of that event", from));
                }
            }
            if let Some(to) = to {
                attendees.push(json!({"email": to}));
            }
            let mut changes = Map::new();
            changes.insert("attendees".to_owned(), Value::Array(attendees));
            Ok(world.patch(calendar, event, changes)?)
        })
    }
}
