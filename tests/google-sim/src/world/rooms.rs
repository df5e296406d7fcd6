//! The worker that answers invitations for rooms.

use super::{
    calendar::Calendar,
    event::Copy,
    roles::Role,
    state::{Effect, World},
};
use crate::control::Answer;

impl World {
    /// Asks a room that answers by itself; it will after its delay. Others are left alone.
    pub(super) fn ask_room(&mut self, mail: &str, event: &str) {
        let delay = self.settings.room_answer_delay;
        let Ok(calendar) = self.calendar_mut(mail) else {
            return;
        };
        if calendar.room.as_ref().is_none_or(|room| !room.auto_accept) {
            return;
        }
        let Some(copy) = calendar.events.get_mut(event) else {
            return;
        };
        copy.request += 1;
        let (room, event, request) = (mail.to_owned(), event.to_owned(), copy.request);
        self.effects.push(Effect::AskRoom {
            room,
            event,
            request,
            delay,
        });
    }

    /// The room answers, unless the invitation was changed or answered in between.
    pub(crate) fn answer_as_room(&mut self, mail: &str, event: &str, request: u64) {
        let Ok(calendar) = self.calendar(mail) else {
            return;
        };
        let Some(copy) = calendar.events.get(event) else {
            return;
        };
        let open =
            copy.is_live() && copy.request == request && copy.answer(mail) == Some("needsAction");
        let automatic = calendar.room.as_ref().is_some_and(|room| room.auto_accept);
        if !open || !automatic {
            return;
        }
        let free = !calendar.events.values().any(|other| {
            other.id != copy.id && blocks(calendar, other) && overlap(calendar, copy, other)
        });
        let answer = if free && self.may_book(calendar, &copy.organizer) {
            Answer::Accepted
        } else {
            Answer::Declined
        };
        // It was found live and invited a moment ago.
        let _ = self.respond(mail, event, answer);
    }

    /// What a room has answered; `None` if it is not invited.
    pub(crate) fn answer_of(&self, mail: &str, event: &str) -> Option<Answer> {
        let copy = self.live_copy(mail, event).ok()?;
        copy.answer(mail).map(Answer::read)
    }

    /// Whether a booker has the right to book: by the domain's setting, by reading the calendar,
    /// or as a super administrator.
    fn may_book(&self, room: &Calendar, booker: &str) -> bool {
        let colleague = self
            .calendar(booker)
            .is_ok_and(|calendar| calendar.org == room.org);
        let everyone = room
            .room
            .as_ref()
            .is_some_and(|room| room.bookable_by_everyone);
        (everyone && colleague)
            || self
                .role(room, booker)
                .is_some_and(|role| role >= Role::Reader)
            || self
                .user(booker)
                .is_some_and(|user| user.admin && user.org == room.org)
    }
}

/// Whether an event occupies the room whose calendar it is on.
fn blocks(room: &Calendar, copy: &Copy) -> bool {
    let answer = copy.answer(&room.mail);
    let taken = if copy.organizer == room.mail {
        answer != Some("declined")
    } else {
        answer == Some("accepted")
    };
    copy.is_live() && taken && copy.content.transparency.as_deref() != Some("transparent")
}

fn overlap(room: &Calendar, one: &Copy, other: &Copy) -> bool {
    let (one, other) = (one.span(room.zone), other.span(room.zone));
    one.0 < other.1 && other.0 < one.1
}
