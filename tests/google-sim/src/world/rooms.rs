//! The worker that answers invitations for rooms.
//!
//! A series is accepted if at least half of its dates are free and not too many are taken; the
//! taken ones are declined each for itself. An exception is answered like a single event.

use chrono::{DateTime, Utc};

use super::{
    calendar::Calendar,
    event::Copy,
    roles::Role,
    series::Part,
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
        let declined = self.conflicts(calendar, copy);
        let allowed = self.may_book(calendar, &copy.organizer);
        let taken = declined.is_none();
        let (answer, dates) = match declined {
            Some(dates) if allowed => (Answer::Accepted, dates),
            _ => (Answer::Declined, Vec::new()),
        };
        // It was found live and invited a moment ago.
        let _ = self.respond(mail, event, answer);
        for date in dates {
            // An occurrence of the series that was just accepted.
            let _ = self.respond(mail, &date, Answer::Declined);
        }
        self.ask_about_exceptions(mail, event);
        if taken && allowed {
            self.book_similar(mail, event);
        }
    }

    /// Dates that became exceptions before their series was answered still wait for an answer.
    fn ask_about_exceptions(&mut self, mail: &str, master: &str) {
        for id in self.exception_ids(mail, master) {
            if self.answer_of(mail, &id) == Some(Answer::NeedsAction) {
                self.ask_room(mail, &id);
            }
        }
    }

    /// What a room has answered; `None` if it is not invited.
    pub(crate) fn answer_of(&self, mail: &str, event: &str) -> Option<Answer> {
        let copy = self.find_live(mail, event).ok()?;
        copy.answer(mail).map(Answer::read)
    }

    /// The dates of a series on which the room is taken; `None` if there are too many of them, or
    /// if the room is taken when a single event wants it.
    pub(super) fn conflicts(&self, room: &Calendar, asked: &Copy) -> Option<Vec<String>> {
        if !asked.is_master() {
            let span = asked.span(room.zone);
            return busy(room, asked, span).is_empty().then(Vec::new);
        }
        let dates = room.plain_occurrences(asked, Part::first(self.settings.most_instances));
        let spans: Vec<Span> = dates.iter().map(|date| date.span(room.zone)).collect();
        let first = spans.iter().map(|span| span.0).min();
        let last = spans.iter().map(|span| span.1).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Some(Vec::new());
        };
        let busy = busy(room, asked, (first, last));
        let total = dates.len();
        let taken: Vec<String> = dates
            .into_iter()
            .zip(spans)
            .filter(|(_, span)| busy.iter().any(|other| overlap(*span, *other)))
            .map(|(date, _)| date.id)
            .collect();
        let half_free = (total - taken.len()) * 2 >= total;
        (half_free && taken.len() <= self.settings.series_conflict_limit).then_some(taken)
    }

    /// Whether a booker has the right to book: by the domain's setting, by reading the calendar,
    /// or as a super administrator.
    pub(super) fn may_book(&self, room: &Calendar, booker: &str) -> bool {
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

/// When the room is taken by others within a span.
fn busy(room: &Calendar, asked: &Copy, within: Span) -> Vec<Span> {
    let of_asked = |other: &Copy| {
        other.id == asked.id
            || asked.is_master()
                && other
                    .origin
                    .as_ref()
                    .is_some_and(|origin| origin.master == asked.id)
    };
    let part = Part {
        from: Some(within.0),
        to: Some(within.1),
        most: usize::MAX,
    };
    let mut spans = Vec::new();
    for other in room.events.values() {
        if of_asked(other) || !blocks(room, other) {
            continue;
        }
        if other.is_master() {
            let dates = room.plain_occurrences(other, part);
            spans.extend(dates.iter().map(|date| date.span(room.zone)));
        } else {
            spans.push(other.span(room.zone));
        }
    }
    spans.retain(|span| overlap(*span, within));
    spans
}

type Span = (DateTime<Utc>, DateTime<Utc>);

fn overlap(one: Span, other: Span) -> bool {
    one.0 < other.1 && other.0 < one.1
}
