//! How a booking follows its event: its state and its times.

use rstest::rstest;

use super::*;

#[test]
fn a_moved_event_moves_its_booking() {
    let known = in_state(BookingState::Confirmed);
    let moved = Occurrence {
        window: Some(window(16, 18)),
        ..accepted("a")
    };
    let changes = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![moved])]);
    let details = Details {
        window: window(16, 18),
        ..known.details.clone()
    };
    let state = BookingState::Confirmed;
    assert_eq!(
        changes,
        [Change::Update {
            id: known.id,
            key: known.key.clone(),
            state,
            details
        }]
    );
}

#[rstest]
#[case::room_asks_anew(
    BookingState::Confirmed,
    RoomAnswer::NeedsAction,
    Some(BookingState::Pending)
)]
#[case::room_accepts(
    BookingState::Pending,
    RoomAnswer::Accepted,
    Some(BookingState::Confirmed)
)]
#[case::google_has_a_request(
    BookingState::Requested,
    RoomAnswer::NeedsAction,
    Some(BookingState::Pending)
)]
#[case::request_accepted(
    BookingState::Requested,
    RoomAnswer::Accepted,
    Some(BookingState::Confirmed)
)]
#[case::late_answer(
    BookingState::Undecided,
    RoomAnswer::Accepted,
    Some(BookingState::Confirmed)
)]
#[case::still_undecided(BookingState::Undecided, RoomAnswer::NeedsAction, None)]
#[case::declining_survives(BookingState::Declining, RoomAnswer::Accepted, None)]
#[case::request_declined(
    BookingState::Requested,
    RoomAnswer::Declined,
    Some(BookingState::Rejected)
)]
#[case::pending_declined(
    BookingState::Pending,
    RoomAnswer::Declined,
    Some(BookingState::Rejected)
)]
#[case::confirmed_declined(
    BookingState::Confirmed,
    RoomAnswer::Declined,
    Some(BookingState::Removed)
)]
#[case::decline_arrived(
    BookingState::Declining,
    RoomAnswer::Declined,
    Some(BookingState::Removed)
)]
fn the_rooms_answer_moves_the_state(
    #[case] from: BookingState,
    #[case] room_answer: RoomAnswer,
    #[case] to: Option<BookingState>,
) {
    let known = in_state(from);
    let seen = Occurrence {
        room_answer,
        ..accepted("a")
    };
    let changes = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![seen])]);
    assert_eq!(changes.len(), usize::from(to.is_some()));
    assert_eq!(after(&[known], &changes)[0].state, to.unwrap_or(from));
}
