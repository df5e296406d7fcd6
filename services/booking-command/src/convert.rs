//! Between the API's messages and the domain's words.
//!
//! Instants are cut to microseconds when they enter, because PostgreSQL keeps no more: what is read
//! back must equal what was sent, or every replay would look like a change. To add a word to the
//! API: its variant here, in the one match of its type.

use chrono::{DateTime, SubsecRound as _, Utc};
use prost_types::Timestamp;
use roomsync_domain::{Booker, BookingState, Flags, TimeWindow};
use roomsync_proto::booking::v1 as pb;

use crate::validate::stamp;

/// An instant of the API; `None` for one that no calendar holds.
pub(crate) fn instant(stamp: &Timestamp) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(stamp.nanos).ok()?;
    DateTime::from_timestamp(stamp.seconds, nanos).map(|at| at.trunc_subsecs(6))
}

/// A window for the API.
pub(crate) fn window(window: TimeWindow) -> pb::TimeWindow {
    pb::TimeWindow {
        starts_at: Some(stamp(window.starts_at())),
        ends_at: Some(stamp(window.ends_at())),
    }
}

/// A booking's state for the API.
pub(crate) fn booking_state(state: BookingState) -> pb::BookingState {
    match state {
        BookingState::Requested => pb::BookingState::Requested,
        BookingState::Pending => pb::BookingState::Pending,
        BookingState::Confirmed => pb::BookingState::Confirmed,
        BookingState::Undecided => pb::BookingState::Undecided,
        BookingState::Declining => pb::BookingState::Declining,
        BookingState::Rejected => pb::BookingState::Rejected,
        BookingState::Removed => pb::BookingState::Removed,
    }
}

/// A booker for the API.
pub(crate) fn booker(booker: &Booker) -> pb::Booker {
    use pb::booker::Booker as Kind;
    let kind = match booker {
        Booker::User { user } => Kind::UserId(user.to_string()),
        Booker::Device { device } => Kind::DeviceId(device.to_string()),
        Booker::Anonymous => Kind::Anonymous(pb::AnonymousBooker {}),
    };
    pb::Booker { booker: Some(kind) }
}

/// A booking's flags for the API.
pub(crate) fn flags(flags: Flags) -> Vec<i32> {
    let conflict = flags.conflict.then_some(pb::BookingFlag::Conflict.into());
    let object_blocked = flags
        .object_blocked
        .then_some(pb::BookingFlag::ObjectBlocked.into());
    let awaiting_approval = flags
        .awaiting_approval
        .then_some(pb::BookingFlag::AwaitingApproval.into());
    [conflict, object_blocked, awaiting_approval]
        .into_iter()
        .flatten()
        .collect()
}

/// A stored word as the API says it: causes, reasons and link states are `UPPER_SNAKE` there.
pub(crate) fn api_word(word: &str) -> String {
    word.to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_cut_to_what_postgresql_keeps() {
        let at = instant(&Timestamp {
            seconds: 1,
            nanos: 123_456_789,
        })
        .unwrap();
        assert_eq!(stamp(at).nanos, 123_456_000);
    }

    #[test]
    fn impossible_instants_are_none() {
        assert_eq!(
            instant(&Timestamp {
                seconds: i64::MAX,
                nanos: 0
            }),
            None
        );
        assert_eq!(
            instant(&Timestamp {
                seconds: 0,
                nanos: -1
            }),
            None
        );
    }

    #[test]
    fn every_state_has_the_same_name_in_the_api() {
        for state in BookingState::ALL {
            let name = format!("BOOKING_STATE_{}", api_word(state.as_str()));
            assert_eq!(booking_state(state).as_str_name(), name);
        }
    }
}
