//! What Google's answer to a write makes of the booking: a pure decision, taken under the object's lock from the
//! row as it is then. The mirror, a withdrawal or the end of the link may have been faster.

use std::time::Duration;

use roomsync_domain::{BookingState, Cause, GoogleWrite, flags::awaits_approval};

use crate::bookings::Booking;

/// What came of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Google has the event.
    Made {
        /// Of the main copy.
        etag: Option<String>,
        /// The room has accepted, or is the organizer.
        confirmed: bool,
    },
    /// Google will not have it.
    Rejected {
        /// Why.
        cause: Cause,
        /// An event may be there all the same.
        undo: bool,
    },
    /// Google has the event, and it has to go: somebody else was faster.
    GivesWay,
    /// Nothing of ours stands in Google any more.
    Undone,
    /// The event stays: it is not what we wrote any more, or not ours to delete.
    Kept,
}

/// How long after our write the room's calendar is looked at first.
pub(super) const FIRST_LOOK: Duration = Duration::from_millis(300);

/// What the booking is after a write.
pub(super) fn after(
    before: &Booking,
    outcome: &Outcome,
    attempted: bool,
    answers_by_itself: Option<bool>,
) -> Booking {
    let mut booking = before.clone();
    let inserting = before.google_write == Some(GoogleWrite::Insert);
    match outcome {
        Outcome::Made { confirmed, .. } => {
            booking.at_google = true;
            if before.state == BookingState::Requested {
                booking.state = if *confirmed {
                    BookingState::Confirmed
                } else {
                    BookingState::Pending
                };
                booking.flags.awaiting_approval = awaits_approval(booking.state, answers_by_itself);
            }
            if inserting {
                booking.google_write = take_back_if_ended(before, true);
            }
        }
        Outcome::Rejected { cause, undo } => {
            if before.state == BookingState::Requested {
                end(&mut booking, *cause);
                booking.google_write = undo.then_some(GoogleWrite::Undo);
            } else if inserting {
                booking.google_write = take_back_if_ended(before, attempted);
            }
        }
        Outcome::GivesWay => {
            booking.at_google = true;
            if before.state.blocks() {
                end(&mut booking, Cause::SlotTaken);
            }
            booking.google_write = Some(GoogleWrite::Undo);
        }
        Outcome::Undone => booking.google_write = None,
        Outcome::Kept => {
            booking.google_write = None;
            booking.event_kept = !before.state.blocks();
        }
    }
    booking
}

/// What the mirror has already seen needs nothing more; what ended meanwhile is taken back.
fn take_back_if_ended(before: &Booking, may_be_there: bool) -> Option<GoogleWrite> {
    (!before.state.blocks() && may_be_there).then_some(GoogleWrite::Undo)
}

fn end(booking: &mut Booking, cause: Cause) {
    booking.state = booking.state.ended_by(cause);
    booking.cause = Some(cause);
    booking.flags = roomsync_domain::Flags::default();
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use roomsync_domain::{
        Booker, BookingId, Flags, OccurrenceKey, Placement, TimeWindow, decide::Details,
    };
    use rstest::rstest;

    use super::*;

    fn booking(state: BookingState, google_write: Option<GoogleWrite>) -> Booking {
        let at = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        let id = BookingId::new();
        Booking {
            id,
            object: "o1".parse().unwrap(),
            key: OccurrenceKey::Event("e1".to_owned()),
            state,
            details: Details {
                event_id: "e1".to_owned(),
                window: TimeWindow::new(at(9), at(10)).unwrap(),
                all_day: false,
                booker: Booker::Anonymous,
                organizer_mail: None,
                private: false,
                title: None,
            },
            flags: Flags::default(),
            cause: None,
            placement: Some(Placement::UserCalendar),
            at_google: false,
            event_kept: false,
            google_write,
            object_version: 1,
            created_at: at(1),
            updated_at: at(1),
        }
    }

    const MADE: Outcome = Outcome::Made {
        etag: None,
        confirmed: false,
    };
    const ACCEPTED: Outcome = Outcome::Made {
        etag: None,
        confirmed: true,
    };
    const REFUSED: Outcome = Outcome::Rejected {
        cause: Cause::Refused,
        undo: false,
    };
    const GIVEN_UP: Outcome = Outcome::Rejected {
        cause: Cause::GoogleUnavailable,
        undo: true,
    };
    const INSERT: Option<GoogleWrite> = Some(GoogleWrite::Insert);
    const UNDO: Option<GoogleWrite> = Some(GoogleWrite::Undo);

    use BookingState::{Confirmed, Pending, Rejected, Removed, Requested};

    #[rstest]
    #[case::the_room_has_to_answer((Requested, INSERT), MADE, (Pending, None))]
    #[case::the_room_has_answered((Requested, INSERT), ACCEPTED, (Confirmed, None))]
    #[case::the_mirror_was_faster((Confirmed, INSERT), MADE, (Confirmed, None))]
    #[case::withdrawn_meanwhile((Rejected, UNDO), MADE, (Rejected, UNDO))]
    #[case::its_link_closed_meanwhile((Rejected, INSERT), MADE, (Rejected, UNDO))]
    #[case::cancelled_meanwhile((Removed, INSERT), ACCEPTED, (Removed, UNDO))]
    #[case::declined_meanwhile(
        (BookingState::Declining, Some(GoogleWrite::Decline)),
        MADE,
        (BookingState::Declining, Some(GoogleWrite::Decline))
    )]
    #[case::refused((Requested, INSERT), REFUSED, (Rejected, None))]
    #[case::given_up((Requested, INSERT), GIVEN_UP, (Rejected, UNDO))]
    #[case::given_up_but_seen((Pending, INSERT), GIVEN_UP, (Pending, None))]
    #[case::withdrawn_while_refused((Rejected, UNDO), REFUSED, (Rejected, UNDO))]
    #[case::ended_after_a_try((Rejected, INSERT), REFUSED, (Rejected, UNDO))]
    #[case::gives_way((Requested, INSERT), Outcome::GivesWay, (Rejected, UNDO))]
    #[case::gives_way_though_seen((Confirmed, INSERT), Outcome::GivesWay, (Removed, UNDO))]
    #[case::undone((Rejected, UNDO), Outcome::Undone, (Rejected, None))]
    #[case::kept((Rejected, UNDO), Outcome::Kept, (Rejected, None))]
    #[case::kept_and_live((Confirmed, UNDO), Outcome::Kept, (Confirmed, None))]
    fn what_a_write_makes_of_a_booking(
        #[case] before: (BookingState, Option<GoogleWrite>),
        #[case] outcome: Outcome,
        #[case] expected: (BookingState, Option<GoogleWrite>),
    ) {
        let before = booking(before.0, before.1);
        let after = after(&before, &outcome, true, None);
        assert_eq!((after.state, after.google_write), expected);
        assert!(after.state == before.state || before.state.may_become(after.state));
        let kept = outcome == Outcome::Kept && !before.state.blocks();
        assert_eq!(after.event_kept, kept);
    }

    #[test]
    fn what_never_reached_google_needs_no_taking_back() {
        let before = booking(Rejected, INSERT);
        assert_eq!(after(&before, &REFUSED, false, None).google_write, None);
    }

    #[test]
    fn a_room_with_human_approval_says_so() {
        let before = booking(Requested, INSERT);
        assert!(
            after(&before, &MADE, true, Some(false))
                .flags
                .awaiting_approval
        );
        assert!(
            !after(&before, &MADE, true, Some(true))
                .flags
                .awaiting_approval
        );
        assert!(
            !after(&before, &ACCEPTED, true, Some(false))
                .flags
                .awaiting_approval
        );
    }
}
