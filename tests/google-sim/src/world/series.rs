//! Series: from a master to its occurrences, each with the id that Google gives it.

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{
    calendar::Calendar,
    error::ApiError,
    event::{Content, Copy, Origin, State},
    recurrence::{Base, Recurrence},
    state::World,
    when::{When, resolve},
};

/// One occurrence as the rule has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    pub(crate) suffix: String,
    pub(crate) start: When,
    pub(crate) end: When,
}

/// The part of a series to look at. Bounds are as in listings: `from` bounds the end, `to` the
/// start, both exclusive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
    pub(crate) most: usize,
}

impl Part {
    /// Everything up to a number of occurrences.
    pub(crate) fn first(most: usize) -> Self {
        Self {
            from: None,
            to: None,
            most,
        }
    }
}

impl Content {
    pub(crate) fn is_series(&self) -> bool {
        !self.recurrence.is_empty()
    }

    /// Refuses what Google refuses of a series.
    pub(crate) fn check_recurrence(&self) -> Result<(), ApiError> {
        let Some(start) = self.start.as_ref().filter(|_| self.is_series()) else {
            return Ok(());
        };
        if !start.is_day() && start.time_zone.is_none() {
            return Err(ApiError::required("time zone definition for start time"));
        }
        self.recurrence_in(chrono_tz::UTC)
            .map(|_| ())
            .ok_or_else(|| ApiError::invalid("Invalid recurrence rule."))
    }

    fn recurrence_in(&self, calendar: Tz) -> Option<(Recurrence, Base)> {
        let start = self.start.as_ref()?;
        let zone = start.zone(calendar);
        let base = Base {
            first: start.local(zone),
            zone,
            whole_days: start.is_day(),
        };
        let read = Recurrence::read(&self.recurrence, base).ok()?;
        Some((read, base))
    }

    /// The occurrences of a series by its rule, in order; none if it is no series.
    pub(crate) fn slots(&self, calendar: Tz, part: Part) -> Vec<Slot> {
        let (Some(start), Some(end)) = (&self.start, &self.end) else {
            return Vec::new();
        };
        if !self.is_series() {
            return Vec::new();
        }
        let Some((recurrence, base)) = self.recurrence_in(calendar) else {
            return Vec::new();
        };
        let length = end.instant(chrono_tz::UTC) - start.instant(chrono_tz::UTC);
        // Bounds in local time are a day too wide, whatever the zones do; the instants decide.
        let margin = TimeDelta::days(1);
        let local = |instant: DateTime<Utc>| instant.with_timezone(&base.zone).naive_local();
        let from = part.from.map(|from| local(from) - length - margin);
        let to = part.to.map(|to| local(to) + margin);
        recurrence
            .between(from, to, part.most.saturating_add(50))
            .into_iter()
            .map(|first| slot(first, length, start, end, base))
            .filter(|slot| {
                part.from.is_none_or(|from| {
                    slot.end.instant(calendar) > from || slot.start.instant(calendar) > from
                }) && part.to.is_none_or(|to| slot.start.instant(calendar) < to)
            })
            .take(part.most)
            .collect()
    }

    /// The occurrence whose id ends in this suffix.
    pub(crate) fn slot(&self, calendar: Tz, suffix: &str) -> Option<Slot> {
        let original = original(suffix)?.instant(calendar);
        let day = TimeDelta::days(1);
        let part = Part {
            from: Some(original - day),
            to: Some(original + day),
            most: 10_000,
        };
        self.slots(calendar, part)
            .into_iter()
            .find(|slot| slot.suffix == suffix)
    }
}

impl Copy {
    pub(crate) fn is_master(&self) -> bool {
        self.origin.is_none() && self.content.is_series()
    }

    /// One occurrence of this series as if it had been stored.
    pub(crate) fn occurrence(&self, slot: Slot) -> Self {
        let mut copy = self.clone();
        copy.former.clear();
        copy.id = format!("{}_{}", self.id, slot.suffix);
        copy.origin = Some(Origin {
            master: self.id.clone(),
            start: slot.start.clone(),
        });
        copy.content.recurrence.clear();
        copy.content.start = Some(slot.start);
        copy.content.end = Some(slot.end);
        copy
    }
}

impl Calendar {
    /// Whether an occurrence has a copy of its own here, so that the rule no longer speaks for it.
    pub(crate) fn is_singled_out(&self, master: &str, slot: &Slot) -> bool {
        self.events
            .get(&format!("{master}_{}", slot.suffix))
            .is_some_and(|copy| copy.state != State::Tombstone)
    }

    /// The occurrences of a live series that are as its rule has them.
    pub(crate) fn plain_occurrences(&self, master: &Copy, part: Part) -> Vec<Copy> {
        master
            .content
            .slots(self.zone, part)
            .into_iter()
            .filter(|slot| !self.is_singled_out(&master.id, slot))
            .map(|slot| master.occurrence(slot))
            .collect()
    }

    /// The exceptions of a series on this calendar, cancelled ones too, removed ones not.
    pub(crate) fn exceptions<'a>(&'a self, master: &'a str) -> impl Iterator<Item = &'a Copy> {
        self.events.values().filter(move |copy| {
            copy.state != State::Tombstone
                && copy
                    .origin
                    .as_ref()
                    .is_some_and(|origin| origin.master == master)
        })
    }

    /// A stored copy, or the occurrence of a live series that an id names.
    pub(crate) fn find(&self, id: &str) -> Option<Copy> {
        let stored = self.events.get(id);
        if let Some(copy) = stored.filter(|copy| copy.state != State::Tombstone) {
            return Some(copy.clone());
        }
        self.by_rule(id).or_else(|| stored.cloned())
    }

    /// The occurrence of a live series that an id names, as the rule has it.
    pub(crate) fn by_rule(&self, id: &str) -> Option<Copy> {
        let (master, suffix) = split_id(id)?;
        let master = self
            .events
            .get(master)
            .filter(|copy| copy.is_live() && copy.is_master())?;
        let slot = master.content.slot(self.zone, suffix)?;
        Some(master.occurrence(slot))
    }
}

impl World {
    /// A copy or an occurrence of a live series.
    pub(crate) fn find(&self, calendar: &str, id: &str) -> Result<Copy, ApiError> {
        self.calendar(calendar)?
            .find(id)
            .ok_or_else(ApiError::not_found)
    }
}

/// The id of the occurrence of a series that begins, by the rule, at a time.
pub(crate) fn occurrence_id(master: &str, original: &When) -> String {
    format!("{master}_{}", suffix(original))
}

/// Splits an instance id at its last underscore; `None` if it is none.
pub(crate) fn split_id(id: &str) -> Option<(&str, &str)> {
    let (master, suffix) = id.rsplit_once('_')?;
    original(suffix).map(|_| (master, suffix))
}

fn suffix(start: &When) -> String {
    match start.date {
        Some(date) => date.format("%Y%m%d").to_string(),
        None => start
            .instant(chrono_tz::UTC)
            .format("%Y%m%dT%H%M%SZ")
            .to_string(),
    }
}

fn original(suffix: &str) -> Option<When> {
    if suffix.len() == 8 {
        let date = chrono::NaiveDate::parse_from_str(suffix, "%Y%m%d").ok()?;
        return Some(When::on(date));
    }
    let time = NaiveDateTime::parse_from_str(suffix, "%Y%m%dT%H%M%SZ").ok()?;
    (suffix.len() == 16).then(|| When::at(time.and_utc()))
}

fn slot(first: NaiveDateTime, length: TimeDelta, start: &When, end: &When, base: Base) -> Slot {
    if base.whole_days {
        let days = Days::new(u64::try_from(length.num_days()).unwrap_or_default());
        let start = When::on(first.date());
        return Slot {
            suffix: suffix(&start),
            end: When::on(first.date().checked_add_days(days).unwrap_or(first.date())),
            start,
        };
    }
    let begins = resolve(first, base.zone);
    let at = |instant: DateTime<Utc>, like: &When| When {
        date_time: Some(
            instant
                .with_timezone(&base.zone)
                .to_rfc3339_opts(SecondsFormat::Secs, true),
        ),
        date: None,
        time_zone: like.time_zone.clone(),
    };
    let start = at(begins, start);
    Slot {
        suffix: suffix(&start),
        end: at(begins + length, end),
        start,
    }
}

impl When {
    /// The zone whose clock it goes by: its own, if that is one, else the calendar's.
    pub(crate) fn zone(&self, calendar: Tz) -> Tz {
        let Some(name) = self.time_zone.as_deref() else {
            return calendar;
        };
        // Google accepts `GMT+01:00`, which the zone database writes the other way round.
        let fixed = name
            .strip_prefix("GMT")
            .and_then(|offset| offset.strip_suffix(":00"))
            .and_then(|offset| offset.parse::<i8>().ok())
            .and_then(|hours| format!("Etc/GMT{:+}", -hours).parse().ok());
        name.parse().ok().or(fixed).unwrap_or(calendar)
    }

    /// Its wall-clock time in a zone; midnight of a whole day.
    fn local(&self, zone: Tz) -> NaiveDateTime {
        match self.date {
            Some(date) => date.and_time(NaiveTime::MIN),
            None => self.instant(zone).with_timezone(&zone).naive_local(),
        }
    }
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
