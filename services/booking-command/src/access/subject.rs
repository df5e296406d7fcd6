//! In whose name Google is called, and what for.

use aws_lc_rs::digest::{SHA256, digest};
use roomsync_domain::{MailAddress, TenantId};
use roomsync_google::scopes;

use super::budget::Api;

/// What a connection's subjects are for. Each asks only for its own scope: one that is not delegated
/// fails the whole grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// List, watch, stop, decline.
    Rooms,
    /// The organisation's resources.
    Directory,
    /// The calendars' settings, by the rooms subject: what a resource does with invitations. Optional: it
    /// may not have been granted, and the rooms' grant must not fail because of it.
    Settings,
    /// The calendar of our own, by the rooms subject. Optional: a key of the tenant's own may be without it.
    SharedCalendar,
    /// People of the organisation, by the directory subject. Optional.
    People,
}

/// In whose name a token is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Actor<'a> {
    /// A subject of the connection.
    Own(Purpose),
    /// A person who books: by delegation, for events of the person's own.
    Booker(&'a MailAddress),
}

impl Actor<'_> {
    /// Its purpose's name in SQL and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Own(purpose) => purpose.as_str(),
            Self::Booker(_) => "booker",
        }
    }

    /// The scopes it asks for.
    pub(super) fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Own(purpose) => purpose.scopes(),
            Self::Booker(_) => &[scopes::CALENDAR_EVENTS_OWNED],
        }
    }

    /// Whether a connection is whole without it.
    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::Own(purpose) if purpose.is_optional())
    }

    /// The API it calls.
    pub(super) fn api(self) -> Api {
        match self {
            Self::Own(purpose) => purpose.api(),
            Self::Booker(_) => Api::Calendar,
        }
    }
}

impl Purpose {
    /// Its name in SQL and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
            Self::Directory => "directory",
            Self::Settings => "settings",
            Self::SharedCalendar => "shared_calendar",
            Self::People => "people",
        }
    }

    /// The scopes it asks for.
    pub fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Rooms => &[scopes::CALENDAR_EVENTS],
            Self::Directory => &[scopes::DIRECTORY_RESOURCES],
            Self::Settings => &[scopes::CALENDAR_CALENDARS_READONLY],
            Self::SharedCalendar => &[scopes::CALENDAR_APP_CREATED],
            Self::People => &[scopes::DIRECTORY_USERS],
        }
    }

    /// Whether a connection is whole without it.
    pub fn is_optional(self) -> bool {
        matches!(self, Self::Settings | Self::SharedCalendar | Self::People)
    }

    /// The API it calls.
    pub fn api(self) -> Api {
        match self {
            Self::Rooms | Self::Settings | Self::SharedCalendar => Api::Calendar,
            Self::Directory | Self::People => Api::Directory,
        }
    }
}

/// What is sent as `quotaUser`: tells a tenant's subjects apart without naming them. 32 hexadecimal
/// characters; Google allows 40.
pub fn quota_user(tenant: &TenantId, subject: &MailAddress) -> String {
    let text = format!("{tenant}\n{}", subject.as_str());
    let mut name = hex::encode(digest(&SHA256, text.as_bytes()));
    name.truncate(32);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_asks_for_its_own_scope_and_no_more() {
        let ada = "ada@example.com".parse().unwrap();
        let expected = [
            (Actor::Own(Purpose::Rooms), "calendar.events"),
            (
                Actor::Own(Purpose::Directory),
                "admin.directory.resource.calendar.readonly",
            ),
            (Actor::Own(Purpose::Settings), "calendar.calendars.readonly"),
            (Actor::Own(Purpose::SharedCalendar), "calendar.app.created"),
            (Actor::Own(Purpose::People), "admin.directory.user.readonly"),
            (Actor::Booker(&ada), "calendar.events.owned"),
        ];
        for (actor, scope) in expected {
            let scope = format!("https://www.googleapis.com/auth/{scope}");
            assert_eq!(actor.scopes(), [scope.as_str()]);
        }
    }

    #[test]
    fn a_quota_user_is_32_hex_characters_and_differs_by_tenant_and_subject() {
        let name = |tenant: &str, subject: &str| {
            quota_user(&tenant.parse().unwrap(), &subject.parse().unwrap())
        };
        let ada = name("t1", "ada@example.com");
        assert!(ada.len() == 32 && ada.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(ada, name("t1", "Ada@Example.com"));
        assert_ne!(ada, name("t2", "ada@example.com"));
        assert_ne!(ada, name("t1", "bob@example.com"));
    }
}
