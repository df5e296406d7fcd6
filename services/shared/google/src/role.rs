//! What we may do on a calendar.

use serde::{Deserialize, Serialize};

/// The role that an answer of the Calendar API reports with every page: the cheapest health check.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AccessRole {
    /// Google did not say.
    #[default]
    Unknown,
    /// Nothing.
    None,
    /// Times only.
    FreeBusyReader,
    /// Everything that is not private.
    Reader,
    /// Writes; private events are shells without a title.
    WriterWithoutPrivateAccess,
    /// Reads and writes everything.
    Writer,
    /// As a writer, and manages the rights.
    Owner,
    /// A word this version does not know.
    Other(String),
}

impl AccessRole {
    /// Google's word; empty when it did not say.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown => "",
            Self::None => "none",
            Self::FreeBusyReader => "freeBusyReader",
            Self::Reader => "reader",
            Self::WriterWithoutPrivateAccess => "writerWithoutPrivateAccess",
            Self::Writer => "writer",
            Self::Owner => "owner",
            Self::Other(word) => word,
        }
    }

    /// Whether the room can be declined with it. An unknown role is not trusted with that.
    pub fn may_decline(&self) -> bool {
        matches!(
            self,
            Self::WriterWithoutPrivateAccess | Self::Writer | Self::Owner
        )
    }

    /// Whether it shows times only, and so cannot be mirrored.
    pub fn is_times_only(&self) -> bool {
        matches!(self, Self::None | Self::FreeBusyReader)
    }
}

impl From<String> for AccessRole {
    fn from(word: String) -> Self {
        match word.as_str() {
            "" => Self::Unknown,
            "none" => Self::None,
            "freeBusyReader" => Self::FreeBusyReader,
            "reader" => Self::Reader,
            "writerWithoutPrivateAccess" => Self::WriterWithoutPrivateAccess,
            "writer" => Self::Writer,
            "owner" => Self::Owner,
            _ => Self::Other(word),
        }
    }
}

impl From<AccessRole> for String {
    fn from(role: AccessRole) -> Self {
        role.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("owner", true, false)]
    #[case("writer", true, false)]
    #[case("writerWithoutPrivateAccess", true, false)]
    #[case("reader", false, false)]
    #[case("freeBusyReader", false, true)]
    #[case("none", false, true)]
    #[case("steward", false, false)]
    #[case("", false, false)]
    fn a_role_says_what_it_allows(#[case] word: &str, #[case] decline: bool, #[case] times: bool) {
        let role = AccessRole::from(word.to_owned());
        assert_eq!((role.may_decline(), role.is_times_only()), (decline, times));
        assert_eq!(role.as_str(), word);
    }
}
