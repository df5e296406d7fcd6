//! `events.list`: full listings and deltas, page by page.

use serde_json::{Value, json};

use super::{
    calendar::Calendar,
    cursor::{Cursor, Kind},
    error::ApiError,
    event::Copy,
    query::ListQuery,
    roles::Role,
    state::World,
    view::{View, stamp},
};

/// Google's page size where the caller asks for none, and its largest.
const USUAL_PAGE: usize = 250;
const LARGEST_PAGE: usize = 2500;

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
        let blank = self.settings.empty_pages && !cursor.blank;
        let mut items = if blank {
            Vec::new()
        } else {
            self.items(calendar, role, query, &cursor)
        };
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
        if more {
            let after = items.last().map_or(cursor.after, |(place, _)| *place);
            let next = Cursor {
                kind: Kind::Page,
                parameters: query.fingerprint,
                after,
                blank,
                ..cursor
            };
            page["nextPageToken"] = json!(next.write());
        } else if query.can_be_synced() {
            let next = Cursor {
                kind: Kind::Sync,
                parameters: query.sync_fingerprint,
                since: Some(cursor.upto),
                after: 0,
                blank: false,
                ..cursor
            };
            page["nextSyncToken"] = json!(next.write());
        }
        page["items"] = items.into_iter().map(|(_, item)| item).collect();
        Ok(page)
    }

    /// Where this page begins: at the page token, after the sync token, or at the beginning.
    fn begin(&self, calendar: &Calendar, query: &ListQuery) -> Result<Cursor, ApiError> {
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
            after: 0,
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

    /// All items from the cursor on, in order, each with its place.
    fn items(
        &self,
        calendar: &Calendar,
        role: Role,
        query: &ListQuery,
        cursor: &Cursor,
    ) -> Vec<(u64, Value)> {
        let zone = query.time_zone.unwrap_or(calendar.zone);
        let with_deleted = query.show_deleted == Some(true);
        let view = View {
            role,
            zone,
            max_attendees: query.max_attendees,
            strip_cancelled: !with_deleted,
        };
        let place = |copy: &Copy| {
            if cursor.since.is_some() {
                copy.changed
            } else {
                copy.index
            }
        };
        let wanted = |copy: &&Copy| match cursor.since {
            Some(since) => {
                copy.changed > since && copy.changed <= cursor.upto && matches_types(query, copy)
            }
            None => {
                (copy.is_live() || with_deleted || query.updated_min.is_some())
                    && matches(query, calendar, copy)
            }
        };
        let mut copies: Vec<&Copy> = calendar.events.values().filter(wanted).collect();
        match query.order_by.as_deref() {
            Some("startTime") => copies.sort_by_key(|copy| copy.span(calendar.zone).0),
            Some(_) => copies.sort_by_key(|copy| copy.updated),
            None => {
                let odd = calendar
                    .odd
                    .iter()
                    .filter(|(count, _)| cursor.since.is_none_or(|since| *count > since))
                    .filter(|(count, _)| *count <= cursor.upto)
                    .map(|(count, item)| (*count, item.clone()));
                let shown = copies
                    .iter()
                    .map(|copy| (place(copy), self.show(calendar, copy, view)));
                let mut items: Vec<_> = shown
                    .chain(odd)
                    .filter(|(place, _)| *place > cursor.after)
                    .collect();
                items.sort_by_key(|(place, _)| *place);
                return items;
            }
        }
        // Ordered listings count their items from 1.
        (1..)
            .zip(copies)
            .filter(|(place, _)| *place > cursor.after)
            .map(|(place, copy)| (place, self.show(calendar, copy, view)))
            .collect()
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

/// Whether a copy belongs into a full listing with these filters.
fn matches(query: &ListQuery, calendar: &Calendar, copy: &Copy) -> bool {
    let (start, end) = copy.span(calendar.zone);
    let content = &copy.content;
    let properties = &content.extended_properties;
    let contains = |text: &String| {
        [&content.summary, &content.description, &content.location]
            .into_iter()
            .flatten()
            .any(|field| field.to_lowercase().contains(text))
    };
    query.time_min.is_none_or(|min| end > min)
        && query.time_max.is_none_or(|max| start < max)
        && query.updated_min.is_none_or(|min| copy.updated >= min)
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
}

fn matches_types(query: &ListQuery, copy: &Copy) -> bool {
    let kind = copy.content.event_type.as_deref().unwrap_or("default");
    query.event_types.is_empty() || query.event_types.iter().any(|wanted| wanted == kind)
}
