//! What belongs into a listing: events, and series as masters or as their occurrences.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{
    calendar::Calendar,
    event::{Copy, State},
    query::ListQuery,
    series::Part,
    state::World,
};

/// A bounded listing shows all of a series between its bounds, up to this.
const MOST_BETWEEN_BOUNDS: usize = 20_000;

impl World {
    /// What a full listing with these filters contains, in no order.
    pub(super) fn select<'a>(
        &self,
        calendar: &'a Calendar,
        query: &ListQuery,
    ) -> Vec<Cow<'a, Copy>> {
        let with_deleted = query.show_deleted == Some(true);
        let mut found = Vec::new();
        for copy in calendar.events.values() {
            if query.single_events && copy.is_master() {
                let dates = if copy.is_live() {
                    calendar.plain_occurrences(copy, self.part(query))
                } else if with_deleted {
                    self.deleted_occurrences(calendar, copy)
                } else {
                    Vec::new()
                };
                let wanted = dates
                    .into_iter()
                    .filter(|date| self.matches(query, calendar, date));
                found.extend(wanted.map(Cow::Owned));
                continue;
            }
            // Without single events a cancelled exception is told, asked for or not.
            let exception = copy.state == State::Cancelled && copy.origin.is_some();
            let listed = copy.is_live()
                || with_deleted
                || query.updated_min.is_some()
                || exception && !query.single_events;
            if listed && self.matches(query, calendar, copy) {
                found.push(Cow::Borrowed(copy));
            }
        }
        found
    }

    /// What changed between two counts, in no order. Series are told as a whole: as masters, or
    /// with all their occurrences.
    pub(super) fn select_changed<'a>(
        &self,
        calendar: &'a Calendar,
        query: &ListQuery,
        since: u64,
        upto: u64,
    ) -> Vec<Cow<'a, Copy>> {
        let mut found = Vec::new();
        for copy in calendar.events.values() {
            let changed = copy.changed > since && copy.changed <= upto;
            if !changed || !matches_types(query, copy) {
                continue;
            }
            if query.single_events && copy.is_master() {
                let dates = self.changed_occurrences(calendar, copy, since);
                found.extend(dates.into_iter().map(Cow::Owned));
            } else {
                found.push(Cow::Borrowed(copy));
            }
        }
        found
    }

    fn part(&self, query: &ListQuery) -> Part {
        Part {
            from: query.time_min,
            to: query.time_max,
            most: if query.time_max.is_some() {
                MOST_BETWEEN_BOUNDS
            } else {
                self.settings.most_instances
            },
        }
    }

    fn changed_occurrences(&self, calendar: &Calendar, master: &Copy, since: u64) -> Vec<Copy> {
        if !master.is_live() {
            return self.deleted_occurrences(calendar, master);
        }
        let most = Part::first(self.settings.most_instances);
        let mut dates = calendar.plain_occurrences(master, most);
        let former = master.former.iter().filter(|(count, _)| *count > since);
        for (_, content) in former {
            let before = Copy {
                content: content.clone(),
                ..master.clone()
            };
            let gone: Vec<Copy> = self
                .deleted_occurrences(calendar, &before)
                .into_iter()
                .filter(|old| calendar.by_rule(&old.id).is_none())
                .filter(|old| dates.iter().all(|date| date.id != old.id))
                .collect();
            dates.extend(gone);
        }
        dates
    }

    /// The occurrences of a series that is no more, as far as Google reports them.
    pub(super) fn deleted_occurrences(&self, calendar: &Calendar, master: &Copy) -> Vec<Copy> {
        let reach = chrono::Duration::from_std(self.settings.deleted_series_reach)
            .unwrap_or(chrono::Duration::zero());
        let part = Part {
            from: Some(self.now),
            to: self.now.checked_add_signed(reach),
            most: self.settings.most_instances,
        };
        let mut dates = calendar.plain_occurrences(master, part);
        for date in &mut dates {
            date.state = State::Cancelled;
        }
        dates
    }

    /// Whether a copy belongs into a full listing with these filters.
    fn matches(&self, query: &ListQuery, calendar: &Calendar, copy: &Copy) -> bool {
        let content = &copy.content;
        let properties = &content.extended_properties;
        let contains = |text: &String| {
            [&content.summary, &content.description, &content.location]
                .into_iter()
                .flatten()
                .any(|field| field.to_lowercase().contains(text))
        };
        query.updated_min.is_none_or(|min| copy.updated >= min)
            && query
                .ical_uid
                .as_ref()
                .is_none_or(|uid| copy.ical_uid == *uid)
            && query.text.as_ref().is_none_or(contains)
            && query
                .private
                .iter()
                .all(|(name, value)| properties.private.get(name) == Some(value))
            && query
                .shared
                .iter()
                .all(|(name, value)| properties.shared.get(name) == Some(value))
            && matches_types(query, copy)
            && self.takes_place(query.time_min, query.time_max, calendar, copy)
    }

    /// Whether something of an event lies between the bounds.
    fn takes_place(
        &self,
        min: Option<DateTime<Utc>>,
        max: Option<DateTime<Utc>>,
        calendar: &Calendar,
        copy: &Copy,
    ) -> bool {
        let (start, end) = copy.span(calendar.zone);
        let itself = min.is_none_or(|min| end > min) && max.is_none_or(|max| start < max);
        if itself || !copy.is_master() || self.settings.time_min_hides_running_series {
            return itself;
        }
        let part = Part {
            from: min,
            to: max,
            most: 1,
        };
        !copy.content.slots(calendar.zone, part).is_empty()
    }
}

fn matches_types(query: &ListQuery, copy: &Copy) -> bool {
    let kind = copy.content.event_type.as_deref().unwrap_or("default");
    query.event_types.is_empty() || query.event_types.iter().any(|wanted| wanted == kind)
}
