//! Plays a sequence's acts at Google. What Google refuses (a date that is cancelled, a room that is
//! not invited) is part of it: people try such things.

use std::collections::BTreeSet;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{
    Answer, Control, ControlError, Effect, Fault, NewEvent, Operation, PushEffect, PushFault, Role,
    RoomControl, UserControl, When,
};
use roomsync_domain::{Clock as _, SystemClock};
use serde_json::{Value, json};

use crate::sequence::{Edit, Kind, RULES, Reshape, Slot, Trouble};

const ANSWERS: [Answer; 3] = [Answer::Accepted, Answer::Declined, Answer::NeedsAction];

/// An event that was made, and on whose calendar it is organized.
#[derive(Debug, Clone)]
struct Made {
    id: String,
    organizer: String,
}

/// Google, as far as one sequence sees it.
pub(crate) struct Google<'a> {
    pub(crate) control: &'a Control,
    pub(crate) users: &'a [UserControl],
    pub(crate) rooms: Vec<RoomControl>,
    made: Vec<Made>,
    /// Events that somebody changed after they were made, by hand at Google.
    touched: BTreeSet<String>,
}

impl<'a> Google<'a> {
    pub(crate) fn new(
        control: &'a Control,
        users: &'a [UserControl],
        rooms: Vec<RoomControl>,
    ) -> Self {
        Self {
            control,
            users,
            rooms,
            made: Vec::new(),
            touched: BTreeSet::new(),
        }
    }

    /// An event that Flexopus made: from now on people change it like any other.
    pub(crate) fn found(&mut self, id: &str, organizer: &str) {
        if self.made.iter().all(|made| made.id != id) {
            let (id, organizer) = (id.to_owned(), organizer.to_owned());
            self.made.push(Made { id, organizer });
        }
    }

    /// Whether somebody changed an event, or the series that it is a date of, by hand.
    pub(crate) fn is_touched(&self, event: &Value) -> bool {
        ["id", "recurringEventId"].iter().any(|field| {
            event[field]
                .as_str()
                .is_some_and(|id| self.touched.contains(id))
        })
    }

    pub(crate) fn insert(&mut self, who: usize, slot: Slot, kind: &Kind, rooms: u8) -> Played {
        let mut event = event(slot, kind);
        for (place, room) in self.rooms.iter().enumerate() {
            if rooms & (1 << place) != 0 {
                event = event.in_room(room.mail());
            }
        }
        let user = self.user(who);
        let id = user.insert_event(event)?;
        let organizer = user.mail().to_owned();
        self.made.push(Made { id, organizer });
        Ok(())
    }

    pub(crate) fn insert_on_room(
        &mut self,
        who: usize,
        room: usize,
        slot: Slot,
        kind: &Kind,
    ) -> Played {
        let room = self.room(room);
        let id = room.insert_event(self.user(who).mail(), event(slot, kind))?;
        let organizer = room.mail().to_owned();
        self.made.push(Made { id, organizer });
        Ok(())
    }

    /// Which event an edit means: the id of the whole, and that of the date.
    pub(crate) fn target(&self, event: usize, date: Option<usize>) -> Option<(String, String)> {
        let made = self.made.get(event % self.made.len().max(1))?;
        let date = date.and_then(|date| self.date(made, date));
        let id = date.map_or_else(|| made.id.clone(), |date| id_of(&date));
        Some((made.id.clone(), id))
    }

    pub(crate) fn edit(&mut self, whole: &str, id: &str, edit: &Edit) -> Played {
        self.touched.extend([whole.to_owned(), id.to_owned()]);
        let Some(made) = self.made.iter().find(|made| made.id == whole) else {
            return Ok(());
        };
        // Calendars of rooms are edited like those of users.
        let organizer = self.control.user(&made.organizer);
        match *edit {
            Edit::Shift { hours } => {
                let Some((start, end)) = times(&organizer.event(id)?) else {
                    return Ok(());
                };
                let start = moved(start, TimeDelta::hours(hours));
                organizer.move_event(id, start, moved(end, TimeDelta::hours(hours)))
            }
            Edit::MoveTo(slot) => {
                let Some((start, end)) = times(&organizer.event(id)?) else {
                    return Ok(());
                };
                if let (Some(from), Some(to)) = (instant(&start), instant(&end)) {
                    let begin = at(slot);
                    let keep = |when: &When, instant| When {
                        time_zone: when.time_zone.clone(),
                        ..When::at(instant)
                    };
                    let moved = (keep(&start, begin), keep(&end, begin + (to - from)));
                    organizer.move_event(id, moved.0, moved.1)
                } else {
                    let day = TimeDelta::days(slot.day % 5);
                    organizer.move_event(id, moved(start, day), moved(end, day))
                }
            }
            Edit::Resize { quarters } => {
                let Some((start, end)) = times(&organizer.event(id)?) else {
                    return Ok(());
                };
                let Some(from) = instant(&start) else {
                    return organizer.move_event(id, start, moved(end, TimeDelta::days(1)));
                };
                let end = When {
                    time_zone: end.time_zone,
                    ..When::at(from + TimeDelta::minutes(15 * quarters))
                };
                organizer.move_event(id, start, end)
            }
            Edit::Retitle => organizer.retitle_event(id, "Another title"),
            Edit::Cancel => organizer.cancel_event(id),
            Edit::Invite { room } => organizer.invite_room(id, self.room(room).mail()),
            Edit::Uninvite { room } => organizer.uninvite_room(id, self.room(room).mail()),
            Edit::Swap { from, to } => {
                organizer.swap_room(id, self.room(from).mail(), self.room(to).mail())
            }
            Edit::Answer { room, answer } => {
                self.room(room).respond(id, ANSWERS[answer % ANSWERS.len()])
            }
            Edit::DeleteByRoom { room } => self.room(room).cancel_event(id),
            Edit::Transparent(on) => {
                let shown = if on { "transparent" } else { "opaque" };
                // Each copy has its own: here somebody shows the event as free on the room's.
                for room in &self.rooms {
                    let copy = self.control.user(room.mail());
                    let _ = copy.patch_event(id, json!({ "transparency": shown }));
                }
                organizer.patch_event(id, json!({ "transparency": shown }))
            }
            Edit::Private(on) => {
                let visibility = if on { "private" } else { "default" };
                organizer.patch_event(id, json!({ "visibility": visibility }))
            }
            Edit::Tentative(on) => {
                let status = if on { "tentative" } else { "confirmed" };
                organizer.patch_event(id, json!({ "status": status }))
            }
        }
    }

    pub(crate) fn reshape(&mut self, event: usize, reshape: &Reshape) -> Played {
        let count = self.made.len().max(1);
        let Some(made) = self.made.get(event % count).cloned() else {
            return Ok(());
        };
        self.touched.insert(made.id.clone());
        let organizer = self.control.user(&made.organizer);
        match *reshape {
            Reshape::Split { date, hours } => {
                let Some(date) = self.date(&made, date) else {
                    return Ok(());
                };
                let Ok(original) = serde_json::from_value(date["originalStartTime"].clone()) else {
                    return Ok(());
                };
                let mut changes = json!({});
                let Some((start, end)) = times(&date) else {
                    return Ok(());
                };
                if hours != 0 && instant(&start).is_some() {
                    let later = TimeDelta::hours(hours);
                    changes = json!({ "start": moved(start, later), "end": moved(end, later) });
                }
                let id = organizer.split_series(&made.id, &original, changes)?;
                self.touched.insert(id.clone());
                self.made.push(Made { id, ..made });
                Ok(())
            }
            Reshape::Rule { rule } => {
                let line = format!("RRULE:{}", RULES[rule % RULES.len()]);
                organizer.change_recurrence(&made.id, &[&line])
            }
            Reshape::Single => organizer.patch_event(&made.id, json!({ "recurrence": [] })),
            Reshape::HandOver { to } => {
                let to = self.user(to).mail().to_owned();
                organizer.hand_over(&made.id, &to)?;
                for one in &mut self.made {
                    if one.id == made.id {
                        one.organizer.clone_from(&to);
                    }
                }
                Ok(())
            }
        }
    }

    pub(crate) fn trouble(&self, room: usize, trouble: &Trouble) -> Played {
        let room = self.room(room);
        let next = |fault: Fault| {
            let fault = match fault.operation {
                Some(_) => fault,
                None => fault.on(Operation::List),
            };
            self.control.add_fault(fault.of_calendar(room.mail()));
        };
        let pushes = |fault: PushFault| {
            self.control.add_push_fault(fault.of_calendar(room.mail()));
        };
        match *trouble {
            Trouble::FullSyncRequired => next(Fault::answer(410, "fullSyncRequired")),
            Trouble::FullSyncRequiredMidPaging => {
                next(Fault::answer(410, "fullSyncRequired").on_later_pages());
            }
            Trouble::UpdatedMinTooLongAgo => next(Fault::answer(410, "updatedMinTooLongAgo")),
            Trouble::TokensExpire => room.expire_sync_tokens()?,
            Trouble::RightsChange => room.share("somebody@acme.example", Role::Reader)?,
            Trouble::Unavailable => next(Fault::answer(503, "backendError").times(2)),
            Trouble::Html => next(Fault::next(Effect::Html502)),
            Trouble::Garbage => next(Fault::next(Effect::Garbage)),
            Trouble::ConnectionClosed => next(Fault::next(Effect::CloseConnection)),
            Trouble::WithoutSyncToken => next(Fault::next(Effect::WithoutSyncToken)),
            Trouble::NotFoundOnce => next(Fault::answer(404, "notFound")),
            Trouble::ThrottledOnce => next(Fault::next(Effect::Answer {
                status: 429,
                reason: "rateLimitExceeded".to_owned(),
                retry_after: Some("1".to_owned()),
                newer_envelope: false,
            })),
            Trouble::InstancesUnavailable => {
                next(Fault::answer(503, "backendError").on(Operation::Instances));
            }
            Trouble::PushesDropped(count) => pushes(PushFault::next(count, PushEffect::Drop)),
            Trouble::PushesDoubled(count) => pushes(PushFault::next(count, PushEffect::Duplicate)),
            Trouble::PushesLate(late) => {
                let delay = std::time::Duration::from_millis(late);
                pushes(PushFault::next(2, PushEffect::Delay { delay }));
            }
            Trouble::PushesReordered => pushes(PushFault::next(2, PushEffect::Reorder { of: 2 })),
        }
        Ok(())
    }

    pub(crate) fn room(&self, room: usize) -> &RoomControl {
        &self.rooms[room % self.rooms.len()]
    }

    fn user(&self, user: usize) -> &'a UserControl {
        &self.users[user % self.users.len()]
    }

    /// One date of a series as its organizer sees it; none of a single event.
    fn date(&self, made: &Made, date: usize) -> Option<Value> {
        let now = SystemClock.now();
        let (from, to) = (now - TimeDelta::days(7), now + TimeDelta::days(80));
        let mut dates = self.control.occurrences(&made.organizer, from, to).ok()?;
        dates.retain(|date| date["recurringEventId"] == made.id);
        (!dates.is_empty()).then(|| dates.swap_remove(date % dates.len()))
    }
}

/// What Google said to an act.
pub(crate) type Played = Result<(), ControlError>;

pub(crate) fn at(slot: Slot) -> DateTime<Utc> {
    let today = SystemClock.now().duration_trunc(TimeDelta::days(1));
    let today = today.unwrap_or_else(|error| panic!("no day: {error}"));
    today + TimeDelta::days(slot.day) + TimeDelta::minutes(15 * slot.quarter)
}

fn event(slot: Slot, kind: &Kind) -> NewEvent {
    let start = at(slot);
    let day = start.date_naive();
    let lasting = |quarters: i64| NewEvent::timed(start, start + TimeDelta::minutes(15 * quarters));
    let days = |days| NewEvent::all_day(day, day + TimeDelta::days(days));
    match kind {
        Kind::Timed { quarters } => lasting(*quarters),
        Kind::Days { days: count } => days(*count),
        Kind::Series {
            quarters,
            rules,
            berlin,
        } => {
            let zone = if *berlin { "Europe/Berlin" } else { "UTC" };
            rules
                .iter()
                .fold(lasting(*quarters).in_zone(zone), |event, rule| {
                    event.repeating(RULES[rule % RULES.len()])
                })
        }
        Kind::DaysSeries { rule } => days(1).repeating(RULES[rule % RULES.len()]),
    }
    .titled("A meeting")
}

/// From when to when; a cancelled event may not say, and nobody can move it.
fn times(event: &Value) -> Option<(When, When)> {
    let time = |at: &Value| serde_json::from_value(at.clone()).ok();
    Some((time(&event["start"])?, time(&event["end"])?))
}

fn instant(when: &When) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(when.date_time.as_deref()?)
        .ok()
        .map(|at| at.to_utc())
}

/// A whole day moves by whole days.
fn moved(when: When, by: TimeDelta) -> When {
    match (instant(&when), when.date) {
        (Some(at), _) => When {
            time_zone: when.time_zone,
            ..When::at(at + by)
        },
        (None, Some(day)) => When::on(day + TimeDelta::days(by.num_days().max(1))),
        (None, None) => when,
    }
}

fn id_of(event: &Value) -> String {
    event["id"].as_str().unwrap_or_default().to_owned()
}
