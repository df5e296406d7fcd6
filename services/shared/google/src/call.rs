//! The calls we make. The names are those of Google's reference; metrics and spans carry them.

/// One of Google's methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    EventsList,
    EventsInstances,
    EventsGet,
    EventsInsert,
    EventsPatch,
    EventsDelete,
    EventsWatch,
    ChannelsStop,
    CalendarsGet,
    CalendarsInsert,
    ResourcesList,
    UsersGet,
    Token,
    Revoke,
    Certs,
}

impl Call {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::EventsList => "events.list",
            Self::EventsInstances => "events.instances",
            Self::EventsGet => "events.get",
            Self::EventsInsert => "events.insert",
            Self::EventsPatch => "events.patch",
            Self::EventsDelete => "events.delete",
            Self::EventsWatch => "events.watch",
            Self::ChannelsStop => "channels.stop",
            Self::CalendarsGet => "calendars.get",
            Self::CalendarsInsert => "calendars.insert",
            Self::ResourcesList => "resources.calendars.list",
            Self::UsersGet => "users.get",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Certs => "certs",
        }
    }

    /// Whether it lists by cursor, so that a 410 without a reason means that the cursor has died.
    pub(crate) fn has_cursor(self) -> bool {
        self == Self::EventsList
    }
}
