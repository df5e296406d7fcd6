//! `events.instances`: the occurrences of one series, exceptions among them.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    error::ApiError,
    event::{Copy, State},
    listing::Listing,
    query::ListQuery,
    roles::Role,
    series::Part,
    state::World,
};

impl World {
    /// One page of the occurrences of a series as somebody with this role sees them. A series
    /// whose master is not, or no longer, on the calendar is not found, whatever exceptions are.
    pub(crate) fn instances(
        &self,
        calendar: &str,
        master: &str,
        role: Role,
        query: &ListQuery,
    ) -> Result<Value, ApiError> {
        let calendar = self.calendar(calendar)?;
        let master = calendar
            .events
            .get(master)
            .filter(|copy| copy.is_live())
            .ok_or_else(ApiError::not_found)?;
        let cursor = self.begin(calendar, query)?;
        let exceptions = calendar.exceptions(&master.id).filter(|copy| {
            let (start, end) = copy.span(calendar.zone);
            (copy.state == State::Live || query.show_deleted == Some(true))
                && query.time_min.is_none_or(|min| end > min)
                && query.time_max.is_none_or(|max| start < max)
        });
        let part = Part {
            from: query.time_min,
            to: query.time_max,
            most: self.settings.most_instances,
        };
        let plain = calendar.plain_occurrences(master, part);
        let wanted = |copy: &Copy| {
            query.original_start.as_ref().is_none_or(|wanted| {
                copy.origin.as_ref().is_some_and(|origin| {
                    origin.start.instant(calendar.zone) == wanted.instant(calendar.zone)
                })
            })
        };
        let mut copies: Vec<Cow<'_, Copy>> = exceptions
            .map(Cow::Borrowed)
            .chain(plain.into_iter().map(Cow::Owned))
            .filter(|copy| wanted(copy))
            .collect();
        copies.sort_by_key(|copy| copy.span(calendar.zone).0);
        let listing = Listing::numbered(copies);
        Ok(self.page(calendar, role, query, cursor, listing, false))
    }

    /// What takes place on a calendar between two instants, exceptions and single occurrences, as
    /// its owner sees it.
    pub(crate) fn owner_occurrences(
        &self,
        calendar: &str,
        from: chrono::DateTime<chrono::Utc>,
        to: chrono::DateTime<chrono::Utc>,
    ) -> Result<Vec<Value>, ApiError> {
        let calendar = self.calendar(calendar)?;
        let query = ListQuery {
            single_events: true,
            time_min: Some(from),
            time_max: Some(to),
            ..ListQuery::default()
        };
        let mut copies = self.select(calendar, &query);
        copies.sort_by_key(|copy| copy.span(calendar.zone).0);
        let view = super::view::View::of(calendar, Role::Owner);
        Ok(copies
            .iter()
            .map(|copy| self.show(calendar, copy, view))
            .collect())
    }
}
