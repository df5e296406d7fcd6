//! A calendar: a user's primary one, a room's, or a secondary one.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde_json::Value;

use super::{
    calendars::Created,
    error::ApiError,
    event::{Copy, State},
    grants::Caller,
    ids,
    roles::Role,
    state::{Effect, World},
};
use crate::scopes::APP_CREATED;

#[derive(Debug)]
pub(crate) struct Calendar {
    /// Its id, which is its owner's address.
    pub(crate) mail: String,
    pub(crate) org: String,
    pub(crate) summary: String,
    pub(crate) zone: Tz,
    /// Present if it belongs to a room.
    pub(crate) room: Option<Room>,
    /// Present if it is a secondary one.
    pub(crate) created: Option<Created>,
    pub(crate) acl: BTreeMap<String, Role>,
    /// Grows with every change of access; sync tokens of earlier generations are dead.
    pub(crate) generation: u64,
    pub(crate) push_supported: bool,
    /// It answers 404 to everybody.
    pub(crate) gone: bool,
    pub(crate) resource_id: String,
    pub(crate) events: BTreeMap<String, Copy>,
    /// Injected items of listings, each with the world's count when it came.
    pub(crate) odd: Vec<(u64, Value)>,
}

/// What only a room's calendar has.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) auto_accept: bool,
    pub(crate) bookable_by_everyone: bool,
}

impl Calendar {
    pub(crate) fn new(mail: &str, org: &str, summary: &str, zone: Tz, room: Option<Room>) -> Self {
        Self {
            mail: mail.to_owned(),
            org: org.to_owned(),
            summary: summary.to_owned(),
            zone,
            room,
            created: None,
            acl: BTreeMap::new(),
            generation: 0,
            push_supported: true,
            gone: false,
            resource_id: ids::random(27),
            events: BTreeMap::new(),
            odd: Vec::new(),
        }
    }

    /// Whether scope `calendar.app.created` reaches it for a caller.
    pub(crate) fn is_created_by(&self, caller: &Caller) -> bool {
        let own = self
            .created
            .as_ref()
            .is_some_and(|created| created.with == caller.client);
        own && caller.has_any(&[APP_CREATED])
    }
}

impl World {
    pub(crate) fn calendar(&self, mail: &str) -> Result<&Calendar, ApiError> {
        self.calendars
            .get(&mail.to_lowercase())
            .ok_or_else(ApiError::not_found)
    }

    pub(crate) fn calendar_mut(&mut self, mail: &str) -> Result<&mut Calendar, ApiError> {
        self.calendars
            .get_mut(&mail.to_lowercase())
            .ok_or_else(ApiError::not_found)
    }

    pub(crate) fn copy(&self, calendar: &str, id: &str) -> Result<&Copy, ApiError> {
        self.calendar(calendar)?
            .events
            .get(id)
            .ok_or_else(ApiError::not_found)
    }

    /// A copy that can be changed: it exists and is not cancelled.
    pub(crate) fn live_copy(&self, calendar: &str, id: &str) -> Result<&Copy, ApiError> {
        let copy = self.copy(calendar, id)?;
        if copy.is_live() {
            Ok(copy)
        } else {
            Err(ApiError::deleted())
        }
    }

    /// A copy or an occurrence of a live series that can be changed.
    pub(crate) fn find_live(&self, calendar: &str, id: &str) -> Result<Copy, ApiError> {
        Some(self.find(calendar, id)?)
            .filter(Copy::is_live)
            .ok_or_else(ApiError::deleted)
    }

    /// Changes a copy and notes that it changed: new etag, new `updated`, a place in deltas and a
    /// notification. A copy that does not exist is left at that.
    pub(crate) fn touch(&mut self, calendar: &str, id: &str, change: impl FnOnce(&mut Copy)) {
        let (count, now) = (self.count(), self.now);
        let Some(copy) = self
            .calendars
            .get_mut(calendar)
            .and_then(|calendar| calendar.events.get_mut(id))
        else {
            return;
        };
        let earlier = copy.is_master().then(|| copy.content.clone());
        change(copy);
        let reshaped = earlier.filter(|earlier| {
            earlier.recurrence != copy.content.recurrence || !earlier.same_times(&copy.content)
        });
        copy.former.extend(reshaped.map(|earlier| (count, earlier)));
        copy.changed = count;
        copy.updated = now.max(copy.updated + chrono::Duration::milliseconds(1));
        self.notify(calendar);
    }

    /// Cancels a copy, keeping its details or not.
    pub(crate) fn cancel_copy(&mut self, calendar: &str, id: &str, state: State) {
        if self.copy(calendar, id).is_ok_and(Copy::is_live) {
            self.touch(calendar, id, |copy| copy.state = state);
        }
    }

    /// Gives or takes a role; an ACL change, so the calendar's sync tokens die.
    pub(crate) fn share(
        &mut self,
        calendar: &str,
        with: &str,
        role: Option<Role>,
    ) -> Result<(), ApiError> {
        let calendar = self.calendar_mut(calendar)?;
        let with = with.to_lowercase();
        match role {
            Some(role) => calendar.acl.insert(with, role),
            None => calendar.acl.remove(&with),
        };
        calendar.generation += 1;
        Ok(())
    }

    /// A change of access in the middle of something, which lets sync tokens die or not.
    pub(crate) fn share_in_passing(
        &mut self,
        calendar: &str,
        with: &str,
        role: Option<Role>,
        tokens_survive: bool,
    ) {
        // A fault of a calendar that does not exist changes nothing.
        let shared = self.share(calendar, with, role);
        if let (Ok(()), true, Ok(calendar)) = (shared, tokens_survive, self.calendar_mut(calendar))
        {
            calendar.generation -= 1;
        }
    }

    /// What somebody may do with a calendar.
    pub(crate) fn role(&self, calendar: &Calendar, who: &str) -> Option<Role> {
        if calendar.gone {
            return None;
        }
        if calendar.mail == who {
            return Some(Role::Owner);
        }
        let admin = self.settings.super_admins_own_rooms
            && calendar.room.is_some()
            && self
                .user(who)
                .is_some_and(|user| user.admin && user.org == calendar.org);
        let listed = calendar.acl.get(who).copied();
        if admin { Some(Role::Owner) } else { listed }
    }

    /// Puts an arbitrary item into a calendar's listings.
    pub(crate) fn inject(&mut self, calendar: &str, item: Value) -> Result<(), ApiError> {
        let count = self.count();
        let calendar = self.calendar_mut(calendar)?;
        calendar.odd.push((count, item));
        let mail = calendar.mail.clone();
        self.notify(&mail);
        Ok(())
    }

    /// Leaves fields out of a copy wherever it is listed.
    pub(crate) fn hide_fields(
        &mut self,
        calendar: &str,
        id: &str,
        fields: &[&str],
    ) -> Result<(), ApiError> {
        self.find(calendar, id)?;
        self.singled_out(calendar, id, |world| {
            world.touch(&calendar.to_lowercase(), id, |copy| {
                copy.hidden = fields.iter().map(|&field| field.to_owned()).collect();
            });
            Ok(())
        })
    }

    /// Leaves a notification of every live channel on a calendar in the effects, once per act.
    pub(crate) fn notify(&mut self, calendar: &str) {
        for message in self.messages_for(calendar) {
            let sent = self.effects.iter().any(|effect| {
                matches!(effect, Effect::Notify(other) if other.channel == message.channel)
            });
            if !sent {
                self.effects.push(Effect::Notify(message));
            }
        }
    }
}
