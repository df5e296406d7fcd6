//! Which occurrences are bookings.

use rstest::rstest;

use super::*;

#[rstest]
#[case::accepted(RoomAnswer::Accepted, false, Some(BookingState::Confirmed))]
#[case::organizer(RoomAnswer::Organizer, true, Some(BookingState::Confirmed))]
#[case::organizer_without_an_entry(RoomAnswer::None, true, Some(BookingState::Confirmed))]
#[case::organizer_that_declined(RoomAnswer::Declined, true, None)]
#[case::not_answered(RoomAnswer::NeedsAction, false, Some(BookingState::Pending))]
#[case::maybe(RoomAnswer::Tentative, false, Some(BookingState::Pending))]
#[case::declined(RoomAnswer::Declined, false, None)]
#[case::not_invited(RoomAnswer::None, false, None)]
#[case::guest_list_not_shown(RoomAnswer::Hidden, false, Some(BookingState::Confirmed))]
fn the_rooms_answer_decides_what_is_a_booking(
    #[case] room_answer: RoomAnswer,
    #[case] organizer_is_room: bool,
    #[case] expected: Option<BookingState>,
) {
    let seen = Occurrence {
        room_answer,
        organizer_is_room,
        ..accepted("a")
    };
    let changes = decide_at_noon(&[], &[event("a", vec![seen])]);
    let state = changes.first().map(|change| match change {
        Change::Create { state, .. } => *state,
        other => panic!("expected a new booking, got {other:?}"),
    });
    assert_eq!(state, expected);
}

#[rstest]
#[case::cancelled(Occurrence { cancelled: true, window: None, ..accepted("a") }, Cause::Cancelled)]
#[case::declined(Occurrence { room_answer: RoomAnswer::Declined, ..accepted("a") }, Cause::RoomDeclined)]
#[case::uninvited(Occurrence { room_answer: RoomAnswer::None, ..accepted("a") }, Cause::RoomLeft)]
#[case::shown_as_free(Occurrence { transparent: true, ..accepted("a") }, Cause::NotBlocking)]
#[case::without_duration(Occurrence { window: None, ..accepted("a") }, Cause::NotBlocking)]
fn what_no_longer_occupies_the_room_ends_its_booking(
    #[case] seen: Occurrence,
    #[case] cause: Cause,
) {
    let known = in_state(BookingState::Confirmed);
    let changes = decide_at_noon(
        std::slice::from_ref(&known),
        &[event("a", vec![seen.clone()])],
    );
    assert_eq!(
        changes,
        [Change::End {
            id: known.id,
            state: BookingState::Removed,
            cause
        }]
    );
    assert_eq!(
        decide_at_noon(&[], &[event("a", vec![seen])]),
        [],
        "and none is made for it"
    );
}
