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
/// A calendar of our own making, and no other: the shared calendar of a consented connection.
pub const CALENDAR_APP_CREATED: &str = "https://www.googleapis.com/auth/calendar.app.created";
/// People: is somebody of the organisation, and an administrator; optional.
pub const DIRECTORY_USERS: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
/// A booker's own calendar: events that the booker organises, and no others.
pub const CALENDAR_EVENTS_OWNED: &str = "https://www.googleapis.com/auth/calendar.events.owned";
/// Who signs in.
pub const OPENID: &str = "openid";
/// The address of who signs in. Google tells it as granted by its long name.
pub const EMAIL: &str = "email";
/// The long name of [`EMAIL`].
pub const EMAIL_GRANTED: &str = "https://www.googleapis.com/auth/userinfo.email";
