//! The scopes that are asked for. Ask only for what a purpose needs: one scope that is not delegated
//! fails the whole grant.

/// Rooms: list, instances, watch, stop, insert, patch, delete.
pub const CALENDAR_EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
/// Directory: the organisation's resources, read only.
pub const DIRECTORY_RESOURCES: &str =
    "https://www.googleapis.com/auth/admin.directory.resource.calendar.readonly";
/// Calendars' own settings, read only; optional. `calendar.events` does not cover them.
pub const CALENDAR_CALENDARS_READONLY: &str =
    "https://www.googleapis.com/auth/calendar.calendars.readonly";
