//! Why a Google call gave no answer, and what to do about it.

use std::{fmt, time::Duration};

use reqwest::StatusCode;

/// Why a Google call gave no answer. [`Self::advice`] says what to do. No text of it names a
/// person, a calendar or a token.
#[derive(Debug, thiserror::Error)]
pub enum GoogleError {
    /// Too many requests just now.
    #[error("google asked us to slow down")]
    Throttled {
        /// How long Google wants us to wait, if it says.
        retry_after: Option<Duration>,
    },
    /// Usage limits that take hours or longer to clear ("Calendar usage limits exceeded.").
    #[error("google's usage limits are exceeded")]
    QuotaExceeded,
    /// The sync token (or `updatedMin`) is too old, or the calendar's rights changed.
    #[error("the sync token is no longer valid")]
    CursorExpired,
    /// Already deleted.
    #[error("it is already deleted")]
    Gone,
    /// It never existed, or we have no access to its calendar: Google does not say which.
    #[error("google does not know it, or does not let us see it")]
    NotFound,
    /// The access token was refused.
    #[error("the access token was refused")]
    Unauthorized,
    /// The token endpoint gives us no access token any more.
    #[error("access to the organisation was refused: {why}")]
    AccessLost {
        /// What Google said, as far as it can be told.
        why: AccessLostWhy,
    },
    /// Not allowed; see [`reason`] for the words that callers look for.
    #[error("google does not allow it: {reason}")]
    Forbidden {
        /// Google's reason, or `unknown`.
        reason: String,
    },
    /// The subject has no Google Calendar.
    #[error("the subject has no google calendar")]
    NotCalendarUser,
    /// This calendar cannot be watched.
    #[error("google does not push for this calendar")]
    PushRefused,
    /// The push address is not accepted by Google: the configuration is wrong.
    #[error("google does not accept the push address")]
    PushAddressRefused,
    /// A channel with this id was opened before.
    #[error("the channel id was used before")]
    ChannelIdTaken,
    /// The id is taken, also by a deleted event.
    #[error("the id is taken")]
    Conflict,
    /// It changed since we read it.
    #[error("it changed since it was read")]
    PreconditionFailed,
    /// A bug of ours, or data that Google will never take.
    #[error("google refused the request with {status}: {reason}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Google's reason, or `unknown`.
        reason: String,
    },
    /// Google has a fault.
    #[error("google answered {status}")]
    Unavailable {
        /// The status.
        status: StatusCode,
        /// How long Google wants us to wait, if it says.
        retry_after: Option<Duration>,
    },
    /// No answer at all: connection, TLS, deadline. The request may still have had its effect.
    #[error("failed to reach google")]
    Unreachable(#[source] reqwest::Error),
    /// An answer with a good status that makes no sense.
    #[error("google's answer cannot be read: {0}")]
    Unreadable(&'static str),
}

/// The words in [`GoogleError::Forbidden`] that callers look for.
pub mod reason {
    /// The token lacks a scope: consent or delegation must be renewed.
    pub const MISSING_SCOPE: &str = "insufficientPermissions";
    /// The API is not enabled in the Google project.
    pub const API_DISABLED: &str = "accessNotConfigured";
    /// The subject's role on the calendar is too low.
    pub const ROLE_TOO_LOW: &str = "requiredAccessLevel";
    /// In general; from the Directory: the subject is no administrator.
    pub const FORBIDDEN: &str = "forbidden";
    /// Google gave no reason that we could read.
    pub const UNKNOWN: &str = "unknown";
}

/// Why the token endpoint refuses. The class is decided by its `error`; the finer difference within
/// `invalid_grant` is read from its text, to show it to an administrator and to find out that a clock
/// is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLostWhy {
    /// The client is not delegated in the organisation, or not for one of the scopes.
    NotDelegated,
    /// Google does not know the subject.
    SubjectUnknown,
    /// The key or its service account was deleted or disabled.
    KeyRefused,
    /// Our clock and Google's differ too much.
    ClockSkew,
    /// The client itself was deleted or disabled.
    ClientRefused,
    /// A policy of the organisation forbids it.
    Policy,
    /// Withdrawn, expired, or for a reason that Google does not tell.
    Withdrawn,
}

impl AccessLostWhy {
    /// The name in logs and states.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotDelegated => "not_delegated",
            Self::SubjectUnknown => "subject_unknown",
            Self::KeyRefused => "key_refused",
            Self::ClockSkew => "clock_skew",
            Self::ClientRefused => "client_refused",
            Self::Policy => "policy",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for AccessLostWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDelegated => "the service account is not delegated for these scopes",
            Self::SubjectUnknown => "google does not know the subject",
            Self::KeyRefused => "the key or its service account was deleted or disabled",
            Self::ClockSkew => "our clock differs from google's",
            Self::ClientRefused => "the client was deleted or disabled",
            Self::Policy => "a policy of the organisation forbids it",
            Self::Withdrawn => "it was withdrawn or has expired",
        })
    }
}

/// What to do about a [`GoogleError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Try the same again, with growing delays, not before `after`.
    Retry {
        /// What Google asked for.
        after: Option<Duration>,
    },
    /// Park for hours and raise an alert; reading may go on.
    WaitLong,
    /// Drop the cursor and list everything as a difference. Never wipe.
    FullSync,
    /// It is as we wanted it.
    Done,
    /// Fetch a new access token once and try once more; then the connection is lost.
    RefreshToken,
    /// The connection is lost: stop, keep what is mirrored, tell an administrator.
    Reconnect,
    /// Try again with growing delays; after some tries count the link as unverified. Never wipe.
    CheckAccess,
    /// An administrator must change rights, scopes or licences. No retry storm.
    FixRights,
    /// Do without push: poll faster, try again in days. No alarm.
    PollInstead,
    /// The operator must correct our push address; poll until then.
    FixPushAddress,
    /// Use a new id.
    NewId,
    /// Read again and decide again.
    ReadAgain,
    /// Park it: trying again cannot help.
    Park,
}

impl GoogleError {
    /// What to do.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Throttled { retry_after } | Self::Unavailable { retry_after, .. } => {
                Advice::Retry {
                    after: *retry_after,
                }
            }
            Self::Unreachable(_) | Self::Unreadable(_) => Advice::Retry { after: None },
            Self::QuotaExceeded => Advice::WaitLong,
            Self::CursorExpired => Advice::FullSync,
            Self::Gone => Advice::Done,
            Self::NotFound => Advice::CheckAccess,
            Self::Unauthorized => Advice::RefreshToken,
            Self::AccessLost { .. } => Advice::Reconnect,
            Self::Forbidden { .. } | Self::NotCalendarUser => Advice::FixRights,
            Self::PushRefused => Advice::PollInstead,
            Self::PushAddressRefused => Advice::FixPushAddress,
            Self::ChannelIdTaken => Advice::NewId,
            Self::Conflict | Self::PreconditionFailed => Advice::ReadAgain,
            Self::Refused { .. } => Advice::Park,
        }
    }

    /// The class in metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::QuotaExceeded => "quota_exceeded",
            Self::CursorExpired => "cursor_expired",
            Self::Gone => "gone",
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::AccessLost { .. } => "access_lost",
            Self::Forbidden { .. } => "forbidden",
            Self::NotCalendarUser => "not_calendar_user",
            Self::PushRefused => "push_refused",
            Self::PushAddressRefused => "push_address_refused",
            Self::ChannelIdTaken => "channel_id_taken",
            Self::Conflict => "conflict",
            Self::PreconditionFailed => "precondition_failed",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "unavailable",
            Self::Unreachable(_) => "unreachable",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// A failure to send or receive. The address is dropped from it: it holds mail addresses.
    pub(crate) fn unreachable(cause: reqwest::Error) -> Self {
        Self::Unreachable(cause.without_url())
    }
}
