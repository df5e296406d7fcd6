//! Access roles on a calendar, from nothing to everything.

use serde::{Deserialize, Serialize};

/// What somebody may do with a calendar. Greater roles include smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// See when it is busy, and nothing else.
    FreeBusyReader,
    /// See events; private ones as a shell.
    Reader,
    /// Change events, but see private ones as a shell.
    WriterWithoutPrivateAccess,
    /// See and change events.
    Writer,
    /// Also share the calendar.
    Owner,
}

impl Role {
    /// The word that Google uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FreeBusyReader => "freeBusyReader",
            Self::Reader => "reader",
            Self::WriterWithoutPrivateAccess => "writerWithoutPrivateAccess",
            Self::Writer => "writer",
            Self::Owner => "owner",
        }
    }

    pub(crate) fn may_write(self) -> bool {
        self >= Self::WriterWithoutPrivateAccess
    }

    pub(crate) fn sees_private(self) -> bool {
        self >= Self::Writer
    }
}
