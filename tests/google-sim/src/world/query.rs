//! The parameters of `events.list`, read and checked for combinations that Google refuses.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{error::ApiError, when::When};

#[derive(Debug, Clone, Default)]
pub(crate) struct ListQuery {
    pub(crate) max_results: Option<usize>,
    pub(crate) page_token: Option<String>,
    pub(crate) sync_token: Option<String>,
    pub(crate) single_events: bool,
    pub(crate) show_deleted: Option<bool>,
    pub(crate) time_min: Option<DateTime<Utc>>,
    pub(crate) time_max: Option<DateTime<Utc>>,
    pub(crate) updated_min: Option<DateTime<Utc>>,
    pub(crate) order_by: Option<String>,
    pub(crate) ical_uid: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) private: Vec<(String, String)>,
    pub(crate) shared: Vec<(String, String)>,
    pub(crate) event_types: Vec<String>,
    pub(crate) max_attendees: Option<usize>,
    pub(crate) time_zone: Option<Tz>,
    /// Of `events.instances`: only the occurrence that begins then by the rule.
    pub(crate) original_start: Option<When>,
    /// Identifies all parameters but the page token.
    pub(crate) fingerprint: u64,
    /// Identifies the parameters that a sync token is bound to.
    pub(crate) sync_fingerprint: u64,
}

/// Parameters that a sync token does not go with.
const NOT_WITH_SYNC_TOKEN: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// Parameters that may differ between the initial sync and a delta.
const NOT_BOUND: [&str; 16] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
    "maxResults",
    "syncToken",
    "timeZone",
    "alwaysIncludeEmail",
    "fields",
    "prettyPrint",
    "quotaUser",
    "alt",
];

impl ListQuery {
    pub(crate) fn read(parameters: &[(String, String)]) -> Result<Self, ApiError> {
        let mut query = Self::default();
        for (name, value) in parameters {
            query.take(name, value)?;
        }
        query.fingerprint = hash(parameters, |name| {
            name == "pageToken" || name == "quotaUser"
        });
        query.sync_fingerprint = hash(parameters, |name| {
            name == "pageToken" || NOT_BOUND.contains(&name)
        });
        query.check(parameters)?;
        Ok(query)
    }

    /// Those of `events.instances`, which knows no sync token and no order.
    pub(crate) fn read_for_instances(parameters: &[(String, String)]) -> Result<Self, ApiError> {
        const KNOWN: [&str; 9] = [
            "timeMin",
            "timeMax",
            "showDeleted",
            "originalStart",
            "maxResults",
            "maxAttendees",
            "pageToken",
            "timeZone",
            "quotaUser",
        ];
        let known: Vec<_> = parameters
            .iter()
            .filter(|(name, _)| KNOWN.contains(&name.as_str()))
            .cloned()
            .collect();
        Self::read(&known)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        match name {
            "maxResults" => {
                let most: usize = number("maxResults", value)?;
                if most == 0 {
                    return Err(ApiError::invalid_parameter("maxResults", "Invalid value."));
                }
                self.max_results = Some(most);
            }
            "pageToken" => self.page_token = Some(value.to_owned()),
            "syncToken" => self.sync_token = Some(value.to_owned()),
            "singleEvents" => self.single_events = flag("singleEvents", value)?,
            "showDeleted" => self.show_deleted = Some(flag("showDeleted", value)?),
            "timeMin" => self.time_min = Some(instant("timeMin", value)?),
            "timeMax" => self.time_max = Some(instant("timeMax", value)?),
            "updatedMin" => self.updated_min = Some(instant("updatedMin", value)?),
            "orderBy" => match value {
                "startTime" | "updated" => self.order_by = Some(value.to_owned()),
                _ => return Err(ApiError::invalid_parameter("orderBy", "Invalid value.")),
            },
            "iCalUID" => self.ical_uid = Some(value.to_owned()),
            "q" => self.text = Some(value.to_lowercase()),
            "privateExtendedProperty" => self.private.push(property(value)?),
            "sharedExtendedProperty" => self.shared.push(property(value)?),
            "eventTypes" => self.event_types.push(value.to_owned()),
            "maxAttendees" => self.max_attendees = Some(number("maxAttendees", value)?),
            "timeZone" => {
                self.time_zone = Some(
                    value
                        .parse()
                        .map_err(|_| ApiError::invalid_parameter("timeZone", "Unknown zone."))?,
                );
            }
            "originalStart" => self.original_start = Some(original_start(value)?),
            _ => {}
        }
        Ok(())
    }

    fn check(&self, parameters: &[(String, String)]) -> Result<(), ApiError> {
        if self.sync_token.is_some() {
            let wrong = parameters
                .iter()
                .any(|(name, _)| NOT_WITH_SYNC_TOKEN.contains(&name.as_str()));
            if wrong || self.show_deleted == Some(false) {
                return Err(ApiError::invalid_parameter(
                    "syncToken",
                    "Sync token cannot be combined with other query restrictions.",
                ));
            }
        }
        if self.order_by.as_deref() == Some("startTime") && !self.single_events {
            return Err(ApiError::invalid_parameter(
                "orderBy",
                "The requested ordering is not available for the particular query.",
            ));
        }
        if let (Some(min), Some(max)) = (self.time_min, self.time_max)
            && min >= max
        {
            return Err(ApiError::time_range_empty());
        }
        Ok(())
    }

    /// Some restrictions make Google answer without a sync token.
    pub(crate) fn can_be_synced(&self) -> bool {
        self.order_by.is_none()
            && self.ical_uid.is_none()
            && self.text.is_none()
            && self.private.is_empty()
            && self.shared.is_empty()
            && self.updated_min.is_none()
    }
}

fn hash(parameters: &[(String, String)], skip: impl Fn(&str) -> bool) -> u64 {
    let mut kept: Vec<_> = parameters.iter().filter(|(name, _)| !skip(name)).collect();
    kept.sort();
    let mut hasher = DefaultHasher::new();
    kept.hash(&mut hasher);
    hasher.finish()
}

fn flag(name: &'static str, value: &str) -> Result<bool, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::invalid_parameter(name, "Invalid value."))
}

fn number(name: &'static str, value: &str) -> Result<usize, ApiError> {
    value
        .parse()
        .map_err(|_| ApiError::invalid_parameter(name, "Invalid value."))
}

/// A date or an instant.
fn original_start(value: &str) -> Result<When, ApiError> {
    value.parse().map(When::on).or_else(|_| {
        let instant = instant("originalStart", value)?;
        Ok(When::at(instant))
    })
}

/// RFC 3339 with an offset; fractions of a second are ignored.
fn instant(name: &'static str, value: &str) -> Result<DateTime<Utc>, ApiError> {
    DateTime::parse_from_rfc3339(value)
        .ok()
        .and_then(|instant| DateTime::from_timestamp(instant.timestamp(), 0))
        .ok_or_else(|| ApiError {
            location: Some(("parameter", name)),
            ..ApiError::bad_request("Bad Request")
        })
}

fn property(value: &str) -> Result<(String, String), ApiError> {
    value
        .split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| ApiError::invalid("Invalid property constraint."))
}
