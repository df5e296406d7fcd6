//! Single occurrences of a series: giving one a copy of its own, and taking it away.
//!
//! An occurrence that nobody has touched is not stored; its series' rule speaks for it. What
//! changes one stores it, on every calendar that holds the series, as an exception with its own
//! etag and `updated`. A cancelled occurrence is such an exception too.

use std::collections::BTreeSet;

use super::{
    error::ApiError,
    event::{Copy, State},
    series::split_id,
    state::World,
};

impl World {
    /// Runs a change of an event. If its id names an occurrence, the occurrence is stored before
    /// on all calendars that hold the series; where the change left it alone it is forgotten.
    pub(super) fn singled_out<T>(
        &mut self,
        calendar: &str,
        id: &str,
        change: impl FnOnce(&mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let holders = self.single_out(calendar, id);
        let outcome = change(self);
        for holder in holders {
            if let Ok(calendar) = self.calendar_mut(&holder)
                && calendar
                    .events
                    .get(id)
                    .is_some_and(|copy| copy.changed == 0)
            {
                calendar.events.remove(id);
            }
        }
        outcome
    }

    /// Stores an occurrence wherever the rule still speaks for it; returns where.
    fn single_out(&mut self, calendar: &str, id: &str) -> BTreeSet<String> {
        let (Some((master, _)), Ok(own)) = (split_id(id), self.find(calendar, id)) else {
            return BTreeSet::new();
        };
        let mut holders = BTreeSet::from([calendar.to_lowercase(), own.organizer.clone()]);
        if let Ok(main) = self.copy(&own.organizer, master) {
            holders.extend(self.guest_calendars(main));
        }
        holders.retain(|holder| self.store_occurrence(holder, id));
        holders
    }

    fn store_occurrence(&mut self, holder: &str, id: &str) -> bool {
        let index = self.count();
        let Ok(calendar) = self.calendar_mut(holder) else {
            return false;
        };
        let stored = calendar.events.get(id);
        if stored.is_some_and(|copy| copy.state != State::Tombstone) {
            return false;
        }
        let Some(occurrence) = calendar.by_rule(id) else {
            return false;
        };
        let copy = Copy {
            index,
            // Not changed yet: no delta shows it, and `singled_out` forgets it if it stays so.
            changed: 0,
            request: 0,
            ..occurrence
        };
        calendar.events.insert(id.to_owned(), copy);
        true
    }

    /// What is left of a copy when its calendar's owner is no longer invited: of one date of a
    /// series that stays, a cancelled exception; of everything else, the id.
    pub(super) fn left_behind(&self, calendar: &str, id: &str) -> State {
        let Some((master, _)) = split_id(id) else {
            return State::Tombstone;
        };
        if self.live_copy(calendar, master).is_ok() {
            State::Cancelled
        } else {
            State::Tombstone
        }
    }

    /// Leaves only the id of a copy, cancelled or not.
    pub(super) fn bury(&mut self, calendar: &str, id: &str) {
        if self
            .copy(calendar, id)
            .is_ok_and(|copy| copy.state != State::Tombstone)
        {
            self.touch(calendar, id, |copy| copy.state = State::Tombstone);
        }
    }

    /// The calendars that hold an exception, by its id.
    pub(super) fn holders(&self, id: &str) -> Vec<String> {
        self.calendars
            .values()
            .filter(|calendar| calendar.events.contains_key(id))
            .map(|calendar| calendar.mail.clone())
            .collect()
    }

    /// Buries the exceptions of a series on one calendar.
    pub(super) fn bury_exceptions(&mut self, calendar: &str, master: &str) {
        for id in self.exception_ids(calendar, master) {
            self.bury(calendar, &id);
        }
    }

    /// Buries the exceptions of a series on all calendars.
    pub(super) fn bury_all_exceptions(&mut self, master: &str) {
        let calendars: Vec<String> = self.calendars.keys().cloned().collect();
        for calendar in calendars {
            self.bury_exceptions(&calendar, master);
        }
    }

    pub(super) fn exception_ids(&self, calendar: &str, master: &str) -> Vec<String> {
        self.calendar(calendar)
            .map(|calendar| {
                let exceptions = calendar.exceptions(master);
                exceptions.map(|copy| copy.id.clone()).collect()
            })
            .unwrap_or_default()
    }
}
