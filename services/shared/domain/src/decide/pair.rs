//! Which new date of a series is an old one that was moved (D26).
//!
//! An occurrence is known by its slot, and moving a whole series gives every date another slot, as
//! splitting it ("this and following") or making a one-off event a series and back gives it another
//! series or none. In a listing all of these look alike: dates are gone and others have come. [`pair`]
//! says which of them belong together, so that the booking goes on, with its id and its history:
//!
//! 1. those with equal start, within one series;
//! 2. those with equal start, within one family;
//! 3. the rest in the order of their slots, within one series;
//! 4. the rest in the order of their slots, within one family.
//!
//! A family is a series `<id>`, what was split off it (`<id>_R<timestamp>`, observed), and the one-off
//! event with such an id. In 3 and 4 no date is moved past one that stays of the same series, or
//! family: when one date of a series is cancelled while the horizon reaches a new one a year ahead, the
//! former is cancelled, not moved.
//!
//! The answer does not depend on the order in which bookings or occurrences are given.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Change;
use crate::{BookingState, Cause, OccurrenceKey};

/// One date of a series, or a one-off event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date<'a> {
    /// Its place in the caller's list.
    index: usize,
    key: &'a OccurrenceKey,
    starts_at: DateTime<Utc>,
}

impl<'a> Date<'a> {
    /// The date at this place of the caller's list.
    pub(super) fn new(index: usize, key: &'a OccurrenceKey, starts_at: DateTime<Utc>) -> Self {
        Self {
            index,
            key,
            starts_at,
        }
    }

    /// Where its series put it, whatever happened to this one date.
    fn slot(&self) -> DateTime<Utc> {
        match self.key {
            OccurrenceKey::Event(_) => self.starts_at,
            OccurrenceKey::Slot { original_start, .. } => *original_start,
        }
    }

    fn series(&self) -> &'a str {
        match self.key {
            OccurrenceKey::Event(id) => id,
            OccurrenceKey::Slot { series, .. } => series,
        }
    }

    fn family(&self) -> &'a str {
        family(self.series())
    }
}

/// Whether a booking with this change may go on as another date: it ends because its occurrence is not
/// there any more. What the room declined or left is still there. A request is not Google's yet; and a
/// booking that was being declined ends as was asked, rather than that another date is declined (D25).
pub(super) fn may_go_on(state: BookingState, change: &Change) -> bool {
    let not_there = matches!(
        change,
        Change::End {
            cause: Cause::Absent | Cause::Cancelled,
            ..
        }
    );
    let stands = matches!(
        state,
        BookingState::Pending | BookingState::Confirmed | BookingState::Undecided
    );
    not_there && stands
}

/// Pairs dates that are `gone` with dates that have `come`, given those that `stay`. Answers the places
/// of both in the caller's lists; no date is in two pairs.
pub(super) fn pair(
    gone: Vec<Date<'_>>,
    come: Vec<Date<'_>>,
    stay: &[Date<'_>],
) -> Vec<(usize, usize)> {
    let (of_series, of_family) = (Stay::of(stay, Date::series), Stay::of(stay, Date::family));
    let mut pairing = Pairing {
        gone,
        come,
        pairs: Vec::new(),
    };
    pairing.step(|date| (date.series(), 0), equal_starts);
    pairing.step(|date| (date.family(), 0), equal_starts);
    pairing.step(
        |date| (date.series(), of_series.before(date.series(), date)),
        in_order,
    );
    pairing.step(
        |date| (date.family(), of_family.before(date.family(), date)),
        in_order,
    );
    pairing.pairs
}

/// The slots of the dates that stay, by series or by family.
struct Stay<'a>(BTreeMap<&'a str, Vec<DateTime<Utc>>>);

impl<'a> Stay<'a> {
    fn of(dates: &[Date<'a>], group: impl Fn(&Date<'a>) -> &'a str) -> Self {
        let mut slots: BTreeMap<&str, Vec<DateTime<Utc>>> = BTreeMap::new();
        for date in dates {
            slots.entry(group(date)).or_default().push(date.slot());
        }
        for slots in slots.values_mut() {
            slots.sort_unstable();
        }
        Self(slots)
    }

    /// How many dates of this group stay before the date: equal for two dates exactly if none lies
    /// between them.
    fn before(&self, group: &str, date: &Date<'_>) -> usize {
        let slots = self.0.get(group);
        slots.map_or(0, |slots| slots.partition_point(|slot| *slot < date.slot()))
    }
}

/// The pairs found so far, and the dates without one.
struct Pairing<'a> {
    gone: Vec<Date<'a>>,
    come: Vec<Date<'a>>,
    pairs: Vec<(usize, usize)>,
}

/// Both sides of a group.
type Sides<'a> = (Vec<Date<'a>>, Vec<Date<'a>>);

/// Finds pairs among both sides of a group, which it may sort.
type Find<'a> = fn(&mut [Date<'a>], &mut [Date<'a>]) -> Vec<(usize, usize)>;

impl<'a> Pairing<'a> {
    /// Finds pairs within each group of the dates that have none yet.
    fn step(&mut self, group_of: impl Fn(&Date<'a>) -> (&'a str, usize), find: Find<'a>) {
        let mut groups: BTreeMap<(&str, usize), Sides<'a>> = BTreeMap::new();
        for date in self.gone.drain(..) {
            groups.entry(group_of(&date)).or_default().0.push(date);
        }
        for date in self.come.drain(..) {
            groups.entry(group_of(&date)).or_default().1.push(date);
        }
        for (mut gone, mut come) in groups.into_values() {
            let found = find(&mut gone, &mut come);
            let (left, right): (HashSet<usize>, HashSet<usize>) = found.iter().copied().unzip();
            self.pairs.extend(found);
            gone.retain(|date| !left.contains(&date.index));
            come.retain(|date| !right.contains(&date.index));
            self.gone.append(&mut gone);
            self.come.append(&mut come);
        }
    }
}

/// Those that start at the same instant; the first of several on each side.
fn equal_starts(gone: &mut [Date<'_>], come: &mut [Date<'_>]) -> Vec<(usize, usize)> {
    gone.sort_by_key(|date| (date.starts_at, date.key));
    come.sort_by_key(|date| (date.starts_at, date.key));
    let mut come = come.iter().peekable();
    let mut pairs = Vec::new();
    for date in gone {
        while come
            .next_if(|other| other.starts_at < date.starts_at)
            .is_some()
        {}
        if let Some(other) = come.next_if(|other| other.starts_at == date.starts_at) {
            pairs.push((date.index, other.index));
        }
    }
    pairs
}

/// As many as there are on the shorter side, in order. Of the longer side, those that lie nearest: a
/// series that was moved and lost a date in the middle keeps the others where they belong.
fn in_order(gone: &mut [Date<'_>], come: &mut [Date<'_>]) -> Vec<(usize, usize)> {
    gone.sort_by_key(|date| (date.slot(), date.key));
    come.sort_by_key(|date| (date.slot(), date.key));
    if gone.len() <= come.len() {
        nearest(gone, come)
    } else {
        let swapped = nearest(come, gone).into_iter();
        swapped.map(|(come, gone)| (gone, come)).collect()
    }
}

fn nearest(short: &[Date<'_>], long: &[Date<'_>]) -> Vec<(usize, usize)> {
    let mut spare = long.len() - short.len();
    let mut long = long.iter().peekable();
    let mut pairs = Vec::with_capacity(short.len());
    for date in short {
        let Some(mut best) = long.next() else { break };
        while spare > 0
            && let Some(nearer) = long.next_if(|next| apart(date, next) < apart(date, best))
        {
            best = nearer;
            spare -= 1;
        }
        pairs.push((date.index, best.index));
    }
    pairs
}

fn apart(one: &Date<'_>, other: &Date<'_>) -> TimeDelta {
    (one.slot() - other.slot()).abs()
}

/// The id of the series without what marks it as split off another.
fn family(mut series: &str) -> &str {
    while let Some((before, split_at)) = series.rsplit_once("_R")
        && !before.is_empty()
        && is_timestamp(split_at)
    {
        series = before;
    }
    series
}

/// `20261202T080000`, with or without `Z`; `20261202` for all-day series.
fn is_timestamp(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    digits(date, 8) && time.is_none_or(|time| digits(time, 6))
}
