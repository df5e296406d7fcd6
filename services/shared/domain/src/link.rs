//! The words of a link between an object and a resource calendar.

use serde::{Deserialize, Serialize};

use crate::booking::UnknownWord;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in SQL, messages and logs. The API says it in upper case.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text { $($word => Ok(Self::$variant),)* _ => Err(UnknownWord) }
            }
        }
    };
}

words! {
    /// The life of a link.
    LinkState {
        /// Not yet verified.
        Pending = "pending",
        /// Google knows the resource and lets us read it.
        Verified = "verified",
        /// Verification failed; a reason says why.
        Failed = "failed",
        /// Being taken down.
        Closing = "closing",
        /// Gone; the id is never reused.
        Removed = "removed",
    }
}

words! {
    /// Why a link is failed, why a pending one is still tried, or why nothing comes of a verified one.
    LinkReason {
        /// The organisation has no resource with this address.
        NotInOrganisation = "not_in_organisation",
        /// The resource exists, its calendar cannot be read by the rooms subject.
        NoCalendarAccess = "no_calendar_access",
        /// The rooms subject sees only free and busy.
        TimesOnly = "times_only",
        /// The connection's access was withdrawn.
        AccessLost = "access_lost",
        /// Google did not answer.
        GoogleUnavailable = "google_unavailable",
    }
}

words! {
    /// What a link can do.
    Capability {
        /// Bookings are mirrored.
        Read = "read",
        /// The room can be declined.
        Decline = "decline",
    }
}
