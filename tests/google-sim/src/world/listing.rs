//! `events.list`: full listings and deltas, page by page.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{
    calendar::Calendar,
    cursor::{Cursor, Kind, Place},
    error::ApiError,
    event::Copy,
    query::ListQuery,
    roles::Role,
    state::World,
    view::{View, stamp},
};
use crate::settings::FreeBusyListing;

/// Google's page size where the caller asks for none, and its largest.
const USUAL_PAGE: usize = 250;
const LARGEST_PAGE: usize = 2500;

/// Everything that a listing will show over its pages.
pub(super) struct Listing<'a>(Vec<(Place, Item<'a>)>);

enum Item<'a> {
    Copy(Box<Cow<'a, Copy>>),
    Odd(&'a Value),
}

impl<'a> Listing<'a> {
    /// Copies in the order in which they come.
    pub(super) fn numbered(copies: Vec<Cow<'a, Copy>>) -> Self {
        let numbered = (1..).zip(copies);
        Self(
            numbered
                .map(|(number, copy)| (Place(0, number, String::new()), Item::Copy(Box::new(copy))))
                .collect(),
        )
    }
}

impl World {
    /// One page of a calendar's events as somebody with this role sees them.
    pub(crate) fn list(
        &self,
        calendar: &str,
        role: Role,
        query: &ListQuery,
    ) -> Result<Value, ApiError> {
        let calendar = self.calendar(calendar)?;
        let cursor = self.begin(calendar, query)?;
        let listing = self.listing(calendar, query, &cursor);
        Ok(self.page(
            calendar,
            role,
            query,
            cursor,
            listing,
            query.can_be_synced()
                && (role > Role::FreeBusyReader || self.settings.free_busy_sync_tokens),
        ))
    }

    /// Second hand: a free/busy reader's listing is one of single events, asked for or not.
    pub(crate) fn limit_to_times(&self, role: Role, query: &mut ListQuery) -> Result<(), ApiError> {
        if role > Role::FreeBusyReader {
            return Ok(());
        }
        query.single_events = true;
        match self.settings.free_busy_listing {
            FreeBusyListing::Times => Ok(()),
            FreeBusyListing::Refused => Err(ApiError::reader_needed()),
        }
    }

    /// Writes one page of a listing.
    pub(super) fn page(
        &self,
        calendar: &Calendar,
        role: Role,
        query: &ListQuery,
        cursor: Cursor,
        listing: Listing<'_>,
        synced: bool,
    ) -> Value {
        let blank = self.settings.empty_pages && !cursor.blank;
        let mut items = listing.0;
        if blank {
            items.clear();
        }
        items.retain(|(place, _)| cursor.after.as_ref().is_none_or(|after| place > after));
        let size = query
            .max_results
            .unwrap_or(USUAL_PAGE)
            .min(LARGEST_PAGE)
            .min(self.settings.forced_page_size.unwrap_or(LARGEST_PAGE));
        let more = blank || items.len() > size;
        items.truncate(size);
        let zone = query.time_zone.unwrap_or(calendar.zone);
        let mut page = json!({
            "kind": "calendar#events",
            "etag": format!("\"p{}\"", self.last_count),
            "summary": calendar.summary,
            "updated": stamp(self.now),
            "timeZone": zone.name(),
            "accessRole": role.as_str(),
            "defaultReminders": [],
        });
        let view = View {
            role,
            zone,
            max_attendees: query.max_attendees,
            strip_cancelled: query.show_deleted != Some(true),
        };
        page["items"] = items
            .iter()
            .map(|(_, item)| match item {
                Item::Copy(copy) => self.show(calendar, copy, view),
                Item::Odd(item) => (*item).clone(),
            })
            .collect();
        if more {
            let next = Cursor {
                kind: Kind::Page,
                parameters: query.fingerprint,
                after: items.pop().map_or(cursor.after, |(place, _)| Some(place)),
                blank,
                ..cursor
            };
            page["nextPageToken"] = json!(next.write());
        } else if synced {
            let next = Cursor {
                kind: Kind::Sync,
                parameters: query.sync_fingerprint,
                since: Some(cursor.upto),
                after: None,
                blank: false,
                ..cursor
            };
            page["nextSyncToken"] = json!(next.write());
        }
        page
    }

    /// Where this page begins: at the page token, after the sync token, or at the beginning.
    pub(super) fn begin(&self, calendar: &Calendar, query: &ListQuery) -> Result<Cursor, ApiError> {
        if let Some(min) = query.updated_min {
            let limit = chrono::Duration::from_std(self.settings.updated_min_limit)
                .unwrap_or(chrono::Duration::MAX);
            if self.now - min > limit {
                return Err(ApiError::updated_min_too_long_ago());
            }
        }
        let fresh = Cursor {
            kind: Kind::Page,
            calendar: calendar.mail.clone(),
            generation: calendar.generation,
            parameters: query.fingerprint,
            since: None,
            upto: self.last_count,
            after: None,
            blank: false,
        };
        let synced = query
            .sync_token
            .as_deref()
            .map(|token| check(token, Kind::Sync, query.sync_fingerprint, calendar))
            .transpose()?;
        let paged = query
            .page_token
            .as_deref()
            .map(|token| check(token, Kind::Page, query.fingerprint, calendar))
            .transpose()?;
        Ok(match (paged, synced) {
            (Some(page), _) => page,
            (None, Some(sync)) => Cursor {
                since: sync.since,
                ..fresh
            },
            (None, None) => fresh,
        })
    }

    /// All items of a listing in order, each with its place.
    fn listing<'a>(
        &self,
        calendar: &'a Calendar,
        query: &ListQuery,
        cursor: &Cursor,
    ) -> Listing<'a> {
        let mut copies = match cursor.since {
            Some(since) => self.select_changed(calendar, query, since, cursor.upto),
            None => self.select(calendar, query),
        };
        match query.order_by.as_deref() {
            Some("startTime") => copies.sort_by_key(|copy| copy.span(calendar.zone).0),
            Some(_) => copies.sort_by_key(|copy| copy.updated),
            None => return self.as_they_come(calendar, cursor, copies),
        }
        Listing::numbered(copies)
    }

    /// By age in full listings, by change in deltas, with what was injected among them.
    fn as_they_come<'a>(
        &self,
        calendar: &'a Calendar,
        cursor: &Cursor,
        copies: Vec<Cow<'a, Copy>>,
    ) -> Listing<'a> {
        let late = u8::from(self.settings.exceptions_first);
        let place = |copy: &Copy| {
            let count = match cursor.since {
                Some(_) => copy.changed,
                None => copy.index,
            };
            let class = if copy.origin.is_none() { late } else { 0 };
            Place(class, count, copy.id.clone())
        };
        let odd = calendar
            .odd
            .iter()
            .filter(|(count, _)| cursor.since.is_none_or(|since| *count > since))
            .filter(|(count, _)| *count <= cursor.upto)
            .map(|(count, item)| (Place(late, *count, String::new()), Item::Odd(item)));
        let mut items: Vec<_> = copies
            .into_iter()
            .map(|copy| (place(&copy), Item::Copy(Box::new(copy))))
            .chain(odd)
            .collect();
        items.sort_by(|one, other| one.0.cmp(&other.0));
        Listing(items)
    }
}

fn check(
    token: &str,
    kind: Kind,
    parameters: u64,
    calendar: &Calendar,
) -> Result<Cursor, ApiError> {
    let name = if kind == Kind::Sync {
        "syncToken"
    } else {
        "pageToken"
    };
    let cursor = Cursor::read(token)
        .filter(|cursor| cursor.kind == kind && cursor.calendar == calendar.mail)
        .ok_or_else(|| ApiError::invalid_parameter(name, "Invalid token value."))?;
    if cursor.generation != calendar.generation {
        return Err(ApiError::full_sync_required());
    }
    if cursor.parameters != parameters {
        return Err(ApiError::invalid_parameter(
            name,
            "The parameters differ from those of the request that the token comes from.",
        ));
    }
    Ok(cursor)
}
