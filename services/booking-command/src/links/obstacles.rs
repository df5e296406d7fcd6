//! What stands in the way of linking, in the words of a link's reason.

use roomsync_domain::LinkReason;
use roomsync_google::{Advice, GoogleError};

use crate::{access, status::CommandError};

/// What Google's refusal to show a room's calendar means for a link, as verification judges it.
pub(super) fn of_calendar(error: &GoogleError) -> LinkReason {
    match error {
        GoogleError::NotFound | GoogleError::Gone => LinkReason::NoCalendarAccess,
        other => of_access(other),
    }
}

/// What a refusal means that says nothing about the room.
pub(super) fn of_access(error: &GoogleError) -> LinkReason {
    match error.advice() {
        Advice::Reconnect | Advice::FixRights => LinkReason::AccessLost,
        _ => LinkReason::GoogleUnavailable,
    }
}

/// A refusal of the Directory where there is no other way to say it: the subject lost its right there, or
/// Google said something that we do not know.
pub(super) fn unexpected(error: &GoogleError) -> CommandError {
    match of_access(error) {
        LinkReason::AccessLost => access::not_connected("directory_refused"),
        _ => access::google_unavailable(),
    }
}
