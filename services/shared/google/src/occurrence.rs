//! From Google's event to the domain's occurrence: what one entry of a room's calendar says.
//!
//! * **The room's answer** is its own entry on the guest list (`self`, else the entry with the room's
//!   address, compared without case). An organizer-room counts as [`RoomAnswer::Organizer`] unless
//!   its own entry says declined: a declined room keeps a confirmed event (observed).
//! * **A guest list that is not shown** says nothing about the room: [`RoomAnswer::Hidden`]. Not shown
//!   means no guests at all, or `attendeesOmitted` without the room's own entry; the shell of a private
//!   event looks so to a `reader` (documented for the title, a guess for the guests). A list that is shown
//!   and does not hold the room says that the room left: [`RoomAnswer::None`]. A guest list that is hidden
//!   from guests only holds at least the room itself (a guess), which is all that counts.
//! * **Mail addresses are only ever people's.** Addresses of calendars (everything below
//!   `calendar.google.com`: resources, secondary calendars, imports) and the room's own are left out,
//!   so that nobody looks for a user behind them or writes to them; that the room organizes is said
//!   by `organizer_is_room`.
//! * **All-day** events of resource calendars come as date-times from midnight to midnight of the
//!   calendar's zone; they count as all-day as much as those with dates.
//! * **Dates of a series** are known by series and original start, however little of them arrived.
//! * **Times that make no window** (no length, end before start: observed) leave `window` empty; such an
//!   event blocks nothing. Times that are missing or cannot be read make the event odd: what is known of
//!   it stays as it is.
//! * **Zones** that nobody knows are replaced by the calendar's, and that by UTC; an offset in the time
//!   itself always wins.
//! * **Of no consequence** are the event's own tentative flag, its `eventType` (rooms tolerate any),
//!   `guestsCan…`, a missing title or organizer, and words that this version does not know: see the enums
//!   of [`crate::event`](crate::Event) for what stands in for them.

use roomsync_domain::{
    MailAddress, Occurrence, OccurrenceKey, ResourceEmail, RoomAnswer, TimeWindow,
};

use crate::{
    Attendee, Event, OddEvent, OddWhy, Person, ResponseStatus, Transparency, Visibility,
    instance_id, zone::Zone,
};

/// The shared extended property that carries our signed note about a booking.
pub const FLEXOPUS_PROPERTY: &str = "flexopus";

impl Event {
    /// What this event says on the calendar of `room`.
    pub fn occurrence(&self, room: &ResourceEmail) -> Result<Occurrence, OddEvent> {
        let cancelled = self.is_cancelled();
        let odd = |why| OddEvent {
            event_id: self.id.clone(),
            why,
        };
        if self.id.is_empty() || self.id.contains('\0') {
            return Err(odd(OddWhy::NoId));
        }
        if self.is_series() && !cancelled {
            return Err(odd(OddWhy::WholeSeries));
        }
        let zone = self.zone();
        let key = self.key(zone).ok_or_else(|| odd(OddWhy::NoSlot))?;
        let starts_at = self.start.as_ref().and_then(|time| time.instant(zone));
        let ends_at = self.end.as_ref().and_then(|time| time.instant(zone));
        let times = starts_at.zip(ends_at);
        if times.is_none() && !cancelled {
            return Err(odd(OddWhy::NoTimes));
        }
        let dates = self.start.as_ref().is_some_and(crate::EventTime::is_date);
        let midnights = is_calendar(room.as_str())
            && times.is_some_and(|(start, end)| {
                end > start && zone.is_midnight(start) && zone.is_midnight(end)
            });
        let own_entry = self.own_entry(room);
        let organizer_is_room = self.organizer.as_ref().is_some_and(|it| is_room(it, room));
        Ok(Occurrence {
            key,
            event_id: self.id.clone(),
            cancelled,
            room_answer: match room_answer(own_entry, organizer_is_room) {
                RoomAnswer::None if !cancelled && !self.shows_guests() => RoomAnswer::Hidden,
                answer => answer,
            },
            transparent: self.transparency == Transparency::Transparent,
            private: !matches!(self.visibility, Visibility::Default | Visibility::Public),
            window: times.and_then(|(start, end)| TimeWindow::new(start, end).ok()),
            all_day: dates || midnights,
            organizer_mail: self.organizer.as_ref().and_then(|it| person(it, room)),
            organizer_is_room,
            creator_mail: self.creator.as_ref().and_then(|it| person(it, room)),
            attendee_mails: self.people(room, |_| true),
            declined_mails: self.people(room, |entry| {
                entry.response_status == ResponseStatus::Declined
            }),
            title: self.summary.as_deref().map(|title| title.replace('\0', "")),
            flexopus_property: self
                .extended_properties
                .shared
                .get(FLEXOPUS_PROPERTY)
                .cloned(),
        })
    }

    /// The calendar's zone; the event's own where the calendar's is not known.
    fn zone(&self) -> Zone {
        let calendar = self.calendar_zone.as_deref().and_then(Zone::parse);
        let own = || self.start.as_ref().and_then(crate::EventTime::zone);
        calendar.or_else(own).unwrap_or(Zone::UTC)
    }

    fn key(&self, zone: Zone) -> Option<OccurrenceKey> {
        let slot = |series: &str, original_start| OccurrenceKey::Slot {
            series: series.to_owned(),
            original_start,
        };
        let in_id = instance_id::split(&self.id, zone);
        if let Some(series) = self
            .recurring_event_id
            .as_deref()
            .filter(|it| !it.is_empty())
        {
            let named = self
                .original_start_time
                .as_ref()
                .and_then(|time| time.instant(zone));
            let start = named.or_else(|| in_id.map(|(_, start)| start))?;
            return Some(slot(series, start));
        }
        match in_id {
            // An event that stands says itself whether it belongs to a series.
            Some((series, start)) if self.is_cancelled() => Some(slot(series, start)),
            _ => Some(OccurrenceKey::Event(self.id.clone())),
        }
    }

    fn own_entry(&self, room: &ResourceEmail) -> Option<&Attendee> {
        let by_mail = |entry: &&Attendee| entry.email.as_deref().is_some_and(|it| room.matches(it));
        self.attendees
            .iter()
            .find(|entry| entry.is_self)
            .or_else(|| self.attendees.iter().find(by_mail))
    }

    fn shows_guests(&self) -> bool {
        !self.attendees.is_empty() && !self.attendees_omitted
    }

    fn people(&self, room: &ResourceEmail, which: impl Fn(&Attendee) -> bool) -> Vec<String> {
        let mut mails: Vec<String> = Vec::new();
        for entry in self
            .attendees
            .iter()
            .filter(|entry| !entry.is_self && !entry.resource && which(entry))
        {
            let mail = entry.email.as_deref().and_then(|it| person_mail(it, room));
            if let Some(mail) = mail.filter(|mail| !mails.contains(mail)) {
                mails.push(mail);
            }
        }
        mails
    }
}

fn room_answer(own_entry: Option<&Attendee>, organizer_is_room: bool) -> RoomAnswer {
    match own_entry.map(|entry| entry.response_status) {
        Some(ResponseStatus::Declined) => RoomAnswer::Declined,
        _ if organizer_is_room => RoomAnswer::Organizer,
        Some(ResponseStatus::Accepted) => RoomAnswer::Accepted,
        Some(ResponseStatus::Tentative) => RoomAnswer::Tentative,
        // An answer that we do not understand blocks the slot and confirms nothing.
        Some(ResponseStatus::NeedsAction | ResponseStatus::Unknown) => RoomAnswer::NeedsAction,
        None => RoomAnswer::None,
    }
}

fn is_room(person: &Person, room: &ResourceEmail) -> bool {
    person.is_self
        || person
            .email
            .as_deref()
            .is_some_and(|mail| room.matches(mail))
}

fn person(person: &Person, room: &ResourceEmail) -> Option<String> {
    person
        .email
        .as_deref()
        .filter(|_| !person.is_self)
        .and_then(|mail| person_mail(mail, room))
}

fn person_mail(mail: &str, room: &ResourceEmail) -> Option<String> {
    let mail: MailAddress = mail.parse().ok()?;
    (!room.matches(mail.as_str()) && !is_calendar(mail.as_str())).then(|| mail.as_str().to_owned())
}

/// Whether a mail address is a calendar's, not a person's.
fn is_calendar(mail: &str) -> bool {
    let mail = mail.to_lowercase();
    mail.ends_with("@calendar.google.com") || mail.ends_with(".calendar.google.com")
}

#[cfg(test)]
mod tests;
