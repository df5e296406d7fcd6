//! Typed ids: no two of them can be swapped.
//!
//! Ours are UUIDs of version 7. The main app's (`TenantId`, `ObjectId`, `UserId`, `DeviceId`) are
//! text it chose, checked at the border where they enter.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is no id of the main app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 characters of `A-Z a-z 0-9 . _ : -`")]
pub struct InvalidId;

macro_rules! uuid_id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id (UUID version 7: sorts by time of making).
            #[expect(clippy::disallowed_methods, reason = "the one place that makes these ids")]
            #[expect(clippy::new_without_default, reason = "a default id would be a fresh one: surprising")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

uuid_id! {
    /// A booking of ours.
    BookingId,
    /// A link between an object and a resource calendar. Never reused.
    LinkId,
    /// sync-worker's calendar; equal to the id of the link it serves.
    CalendarId,
    /// A watch channel at Google.
    ChannelId,
    /// A tenant's connection to its Google organisation.
    ConnectionId,
}

impl From<LinkId> for CalendarId {
    fn from(link: LinkId) -> Self {
        Self(link.0)
    }
}

impl From<CalendarId> for LinkId {
    fn from(calendar: CalendarId) -> Self {
        Self(calendar.0)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                if is_text_id(&text) { Ok(Self(text)) } else { Err(InvalidId) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_id! {
    /// A customer of the main app.
    TenantId,
    /// A desk, room or parking space of the main app.
    ObjectId,
    /// A person of the main app.
    UserId,
    /// A door display of the main app.
    DeviceId,
}

fn is_text_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("room-1.2_3:4", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("ä", false)]
    fn text_ids_are_checked(#[case] text: &str, #[case] ok: bool) {
        assert_eq!(text.parse::<ObjectId>().is_ok(), ok);
    }

    #[test]
    fn a_text_id_of_65_characters_is_refused() {
        assert!("x".repeat(64).parse::<TenantId>().is_ok());
        assert!("x".repeat(65).parse::<TenantId>().is_err());
    }
}
