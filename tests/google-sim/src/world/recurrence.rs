//! The lines of a recurrence (RRULE, RDATE, EXDATE, EXRULE) and the local times they stand for.
//!
//! Everything is expanded in the series' own wall-clock time, written as if it were UTC, so that
//! crate `rrule` never meets a zone: its handling of `UNTIL`, of whole days and of zones that
//! `chrono-tz` does not know differs from Google's. The caller turns the local times into instants.

use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use rrule::{RRule, RRuleSet, Unvalidated};

/// No line is followed further than this, whatever is asked.
const MOST_PER_LINE: usize = 20_000;

/// The lines of one series, read.
#[derive(Debug)]
pub(crate) struct Recurrence {
    first: NaiveDateTime,
    rules: Vec<RRuleSet>,
    exceptions: Vec<RRuleSet>,
    dates: BTreeSet<NaiveDateTime>,
    not: BTreeSet<NaiveDateTime>,
    has_rules: bool,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[error("invalid recurrence line: {0}")]
pub(crate) struct BadLine(String);

/// What the lines are relative to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    /// The first occurrence in the series' wall-clock time.
    pub(crate) first: NaiveDateTime,
    pub(crate) zone: Tz,
    pub(crate) whole_days: bool,
}

impl Recurrence {
    pub(crate) fn read(lines: &[String], base: Base) -> Result<Self, BadLine> {
        let mut read = Self {
            first: base.first,
            rules: Vec::new(),
            exceptions: Vec::new(),
            dates: BTreeSet::new(),
            not: BTreeSet::new(),
            has_rules: false,
        };
        for line in lines {
            read.take(line, base)?;
        }
        Ok(read)
    }

    fn take(&mut self, line: &str, base: Base) -> Result<(), BadLine> {
        let bad = || BadLine(line.to_owned());
        // Google itself returns `RRULE:DATE;…` where it means an RDATE.
        let line = line
            .strip_prefix("RRULE:DATE;")
            .map_or_else(|| line.to_owned(), |rest| format!("RDATE;{rest}"));
        let end = line.find([';', ':']).ok_or_else(bad)?;
        match line[..end].to_uppercase().as_str() {
            "RRULE" => {
                self.has_rules = true;
                self.rules.extend(rule(&line[end..], base).ok_or_else(bad)?);
            }
            "EXRULE" => self
                .exceptions
                .extend(rule(&line[end..], base).ok_or_else(bad)?),
            "RDATE" => self
                .dates
                .extend(dates(&line[end..], base).ok_or_else(bad)?),
            "EXDATE" => self.not.extend(dates(&line[end..], base).ok_or_else(bad)?),
            _ => return Err(bad()),
        }
        Ok(())
    }

    /// The local beginnings from `from` up to, but not at, `to`: at most `most`, in order.
    pub(crate) fn between(
        &self,
        from: Option<NaiveDateTime>,
        to: Option<NaiveDateTime>,
        most: usize,
    ) -> Vec<NaiveDateTime> {
        let inside = |local: &NaiveDateTime| {
            from.is_none_or(|from| *local >= from) && to.is_none_or(|to| *local < to)
        };
        // What EXRULE and EXDATE take away must not count against the limit.
        let limit = most.saturating_add(self.not.len()).min(MOST_PER_LINE);
        let follow = |set: &RRuleSet, limit: usize| -> Vec<NaiveDateTime> {
            set.into_iter()
                .take(MOST_PER_LINE)
                .map(|instant| instant.naive_utc())
                .skip_while(|local| from.is_some_and(|from| *local < from))
                .take_while(|local| to.is_none_or(|to| *local < to))
                .take(limit)
                .collect()
        };
        let mut found: BTreeSet<_> = self.dates.iter().copied().filter(inside).collect();
        if !self.has_rules && inside(&self.first) {
            found.insert(self.first);
        }
        for set in &self.rules {
            found.extend(follow(set, limit));
        }
        for set in &self.exceptions {
            for local in follow(set, MOST_PER_LINE) {
                found.remove(&local);
            }
        }
        found
            .into_iter()
            .filter(|local| !self.not.contains(local))
            .take(most)
            .collect()
    }
}

/// A rule ready to be followed; `Some(None)` is one that ended before the series begins.
#[expect(
    clippy::option_option,
    reason = "unreadable and without occurrences are two things"
)]
fn rule(text: &str, base: Base) -> Option<Option<RRuleSet>> {
    let text = text.rsplit_once(':')?.1.to_uppercase();
    let mut parts: Vec<(String, String)> = text
        .split(';')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect::<Option<_>>()?;
    for (name, value) in &mut parts {
        if name == "UNTIL" {
            let until = until(value, base)?;
            if until < base.first {
                return Some(None);
            }
            *value = until.format("%Y%m%dT%H%M%SZ").to_string();
        }
    }
    let has = |wanted: &str| parts.iter().any(|(name, _)| name == wanted);
    let yearly = parts
        .iter()
        .any(|(name, value)| name == "FREQ" && value == "YEARLY");
    // Google means once a year where the crate would go by the month.
    if yearly && has("BYMONTHDAY") && !has("BYMONTH") && !has("BYYEARDAY") && !has("BYWEEKNO") {
        parts.push(("BYMONTH".to_owned(), base.first.month().to_string()));
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let rule: RRule<Unvalidated> = format!("RRULE:{}", parts.join(";")).parse().ok()?;
    let first = base.first.and_utc().with_timezone(&rrule::Tz::UTC);
    rule.build(first).ok().map(Some)
}

/// UNTIL in local time. A date means the whole day; a zone's clock decides what an instant is.
fn until(value: &str, base: Base) -> Option<NaiveDateTime> {
    let local = match read_time(value, base.zone)? {
        (local, true) if !base.whole_days => local + TimeDelta::seconds(86_399),
        (local, _) => local,
    };
    Some(if base.whole_days {
        local.date().and_time(NaiveTime::MIN)
    } else {
        local
    })
}

/// The values of an RDATE or EXDATE in the series' local time.
fn dates(text: &str, base: Base) -> Option<Vec<NaiveDateTime>> {
    let (parameters, values) = text.rsplit_once(':')?;
    let zone = parameters
        .split(';')
        .find_map(|part| part.strip_prefix("TZID="))
        .map_or(Some(base.zone), |name| name.parse().ok())?;
    values
        .split(',')
        // Of a period only the beginning matters.
        .map(|value| value.split('/').next().unwrap_or(value))
        .map(|value| {
            let (local, is_date) = read_time(value, zone)?;
            if base.whole_days {
                return is_date.then_some(local);
            }
            let instant = super::when::resolve(local, zone);
            Some(if zone == base.zone {
                local
            } else {
                instant.with_timezone(&base.zone).naive_local()
            })
        })
        .collect()
}

/// `YYYYMMDD`, `YYYYMMDDTHHMMSS` or the same with `Z`, as local time of a zone; whether it is a
/// date is told too.
fn read_time(value: &str, zone: Tz) -> Option<(NaiveDateTime, bool)> {
    if let Ok(date) = NaiveDate::parse_from_str(value, "%Y%m%d") {
        return Some((date.and_time(NaiveTime::MIN), true));
    }
    let (text, in_utc) = value
        .strip_suffix('Z')
        .map_or((value, false), |text| (text, true));
    let time = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?;
    Some((
        if in_utc {
            time.and_utc().with_timezone(&zone).naive_local()
        } else {
            time
        },
        false,
    ))
}

#[cfg(test)]
#[path = "recurrence_tests.rs"]
mod tests;
