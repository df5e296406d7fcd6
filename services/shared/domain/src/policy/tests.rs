//! The table of who may end what (R61, R65, R66, R67, D8, D24, D25).

use rstest::rstest;

use super::*;

fn ana() -> Actor {
    Actor::User("u-ana".parse().unwrap())
}

fn bob() -> Actor {
    Actor::User("u-bob".parse().unwrap())
}

fn administrator() -> Actor {
    Actor::Administrator(None)
}

/// Another device of the same object than the one that booked.
fn device() -> Actor {
    Actor::Device("d-2".parse().unwrap())
}

fn of_ana() -> Booker {
    Booker::User {
        user: "u-ana".parse().unwrap(),
    }
}

fn of_device() -> Booker {
    Booker::Device {
        device: "d-1".parse().unwrap(),
    }
}

fn booking(booker: &Booker, placement: Option<Placement>, state: BookingState) -> Asked<'_> {
    Asked {
        booker,
        placement,
        state,
        as_written: true,
        over: false,
        of_series: false,
        declining_alone: state == BookingState::Declining,
    }
}

const OFF: Leave = Leave {
    decline: false,
    read_only: false,
};
const ON: Leave = Leave {
    decline: true,
    read_only: false,
};
const NOT_YOURS: Ending = Ending::Refuse(Refusal::NotYours);
const NOT_ALLOWED: Ending = Ending::Refuse(Refusal::DeclineNotAllowed);
const WAIT: Ending = Ending::Refuse(Refusal::Pending);

/// Confirmed, with the option off and on.
#[rstest]
#[case::owner(ana(), of_ana(), None, NOT_ALLOWED, Ending::Decline)]
#[case::owner_of_ours(
    ana(),
    of_ana(),
    Some(Placement::UserCalendar),
    NOT_ALLOWED,
    Ending::Decline
)]
#[case::owner_of_shared(
    ana(),
    of_ana(),
    Some(Placement::SharedCalendar),
    NOT_ALLOWED,
    Ending::Decline
)]
#[case::administrator(administrator(), of_ana(), None, NOT_ALLOWED, Ending::Decline)]
#[case::administrator_of_ours(
    administrator(),
    of_ana(),
    Some(Placement::UserCalendar),
    NOT_ALLOWED,
    Ending::Decline
)]
#[case::other_user(bob(), of_ana(), None, NOT_YOURS, NOT_YOURS)]
#[case::device(device(), of_ana(), None, NOT_YOURS, NOT_YOURS)]
#[case::device_of_ours(
    device(),
    of_ana(),
    Some(Placement::UserCalendar),
    NOT_YOURS,
    NOT_YOURS
)]
#[case::anonymous_user(ana(), Booker::Anonymous, None, NOT_YOURS, NOT_YOURS)]
#[case::anonymous_device(device(), Booker::Anonymous, None, NOT_YOURS, NOT_YOURS)]
#[case::anonymous_administrator(
    administrator(),
    Booker::Anonymous,
    None,
    NOT_ALLOWED,
    Ending::Decline
)]
#[case::of_device_by_device(
    device(),
    of_device(),
    Some(Placement::RoomCalendar),
    Ending::DeleteDeviceBooking,
    Ending::DeleteDeviceBooking
)]
#[case::of_device_by_administrator(
    administrator(),
    of_device(),
    Some(Placement::RoomCalendar),
    Ending::DeleteDeviceBooking,
    Ending::DeleteDeviceBooking
)]
#[case::of_device_by_user(
    ana(),
    of_device(),
    Some(Placement::RoomCalendar),
    NOT_YOURS,
    NOT_YOURS
)]
#[case::of_device_anonymised(
    device(),
    Booker::Anonymous,
    Some(Placement::RoomCalendar),
    Ending::DeleteDeviceBooking,
    Ending::DeleteDeviceBooking
)]
#[case::google(Actor::Google, of_ana(), None, NOT_YOURS, NOT_YOURS)]
#[case::system(Actor::System, of_ana(), None, NOT_YOURS, NOT_YOURS)]
fn a_confirmed_booking(
    #[case] actor: Actor,
    #[case] booker: Booker,
    #[case] placement: Option<Placement>,
    #[case] off: Ending,
    #[case] on: Ending,
) {
    let asked = booking(&booker, placement, BookingState::Confirmed);
    assert_eq!(ending(&actor, &asked, false, OFF), off);
    assert_eq!(ending(&actor, &asked, false, ON), on);
}

/// Not confirmed yet, with the option off and on: the same in each of the three states.
#[rstest]
#[case::booker(
    ana(),
    of_ana(),
    Some(Placement::UserCalendar),
    Ending::Withdraw,
    Ending::Withdraw
)]
#[case::booker_in_shared(
    ana(),
    of_ana(),
    Some(Placement::SharedCalendar),
    Ending::Withdraw,
    Ending::Withdraw
)]
#[case::administrator(
    administrator(),
    of_ana(),
    Some(Placement::UserCalendar),
    NOT_ALLOWED,
    Ending::Withdraw
)]
#[case::other_user(bob(), of_ana(), Some(Placement::UserCalendar), NOT_YOURS, NOT_YOURS)]
#[case::device(
    device(),
    of_ana(),
    Some(Placement::UserCalendar),
    NOT_YOURS,
    NOT_YOURS
)]
#[case::of_device(
    device(),
    of_device(),
    Some(Placement::RoomCalendar),
    Ending::Withdraw,
    Ending::Withdraw
)]
#[case::of_device_by_administrator(
    administrator(),
    of_device(),
    Some(Placement::RoomCalendar),
    Ending::Withdraw,
    Ending::Withdraw
)]
#[case::made_in_google(ana(), of_ana(), None, WAIT, WAIT)]
#[case::made_in_google_by_administrator(administrator(), of_ana(), None, WAIT, WAIT)]
fn a_request_that_is_not_confirmed(
    #[case] actor: Actor,
    #[case] booker: Booker,
    #[case] placement: Option<Placement>,
    #[case] off: Ending,
    #[case] on: Ending,
    #[values(
        BookingState::Requested,
        BookingState::Pending,
        BookingState::Undecided
    )]
    state: BookingState,
) {
    let asked = booking(&booker, placement, state);
    assert_eq!(ending(&actor, &asked, false, OFF), off);
    assert_eq!(ending(&actor, &asked, false, ON), on);
}

#[test]
fn one_that_was_moved_in_google_waits_for_the_room() {
    let booker = of_ana();
    let placement = Some(Placement::UserCalendar);
    let moved = Asked {
        as_written: false,
        ..booking(&booker, placement, BookingState::Pending)
    };
    assert_eq!(ending(&ana(), &moved, false, ON), WAIT);
}

#[rstest]
#[case(BookingState::Rejected, Ending::Ended)]
#[case(BookingState::Removed, Ending::Ended)]
#[case(BookingState::Declining, Ending::InHand)]
fn asking_again_is_no_fault_whatever_is_allowed_now(
    #[case] state: BookingState,
    #[case] expected: Ending,
    #[values(ana(), administrator())] actor: Actor,
    #[values(true, false)] over: bool,
    #[values(OFF, ON, Leave { decline: false, read_only: true })] leave: Leave,
) {
    let booker = of_ana();
    let asked = Asked {
        over,
        ..booking(&booker, None, state)
    };
    assert_eq!(ending(&actor, &asked, false, leave), expected);
    assert_eq!(ending(&bob(), &asked, false, leave), NOT_YOURS);
}

#[rstest]
#[case::confirmed(of_ana(), None, BookingState::Confirmed)]
#[case::pending(of_ana(), Some(Placement::UserCalendar), BookingState::Pending)]
#[case::of_device(of_device(), Some(Placement::RoomCalendar), BookingState::Confirmed)]
fn what_is_over_stays(
    #[case] booker: Booker,
    #[case] placement: Option<Placement>,
    #[case] state: BookingState,
) {
    let asked = Asked {
        over: true,
        ..booking(&booker, placement, state)
    };
    let over = Ending::Refuse(Refusal::Over);
    assert_eq!(ending(&administrator(), &asked, false, ON), over);
}

#[rstest]
#[case::owner(ana(), of_ana(), None)]
#[case::administrator(administrator(), Booker::Anonymous, None)]
#[case::of_device(device(), of_device(), Some(Placement::RoomCalendar))]
fn who_may_only_look_declines_nothing_and_withdraws_all_the_same(
    #[case] actor: Actor,
    #[case] booker: Booker,
    #[case] placement: Option<Placement>,
    #[values(true, false)] decline: bool,
) {
    let leave = Leave {
        decline,
        read_only: true,
    };
    let confirmed = booking(&booker, placement, BookingState::Confirmed);
    let refused = Ending::Refuse(Refusal::ReadOnly);
    assert_eq!(ending(&actor, &confirmed, false, leave), refused);
    let placement = placement.or(Some(Placement::UserCalendar));
    let pending = booking(&booker, placement, BookingState::Pending);
    if actor != administrator() {
        assert_eq!(ending(&actor, &pending, false, leave), Ending::Withdraw);
    }
}

#[rstest]
#[case::date(true, BookingState::Confirmed, ON, Ending::DeclineSeries)]
#[case::not_allowed(true, BookingState::Confirmed, OFF, NOT_ALLOWED)]
#[case::one_off(
    false,
    BookingState::Confirmed,
    ON,
    Ending::Refuse(Refusal::NotASeries)
)]
#[case::one_date_is_being_declined(true, BookingState::Declining, ON, Ending::DeclineSeries)]
#[case::gone(true, BookingState::Removed, ON, Ending::Ended)]
#[case::room_not_answered(true, BookingState::Pending, ON, WAIT)]
fn a_series_is_asked_for(
    #[case] of_series: bool,
    #[case] state: BookingState,
    #[case] leave: Leave,
    #[case] expected: Ending,
) {
    let booker = of_ana();
    let asked = Asked {
        of_series,
        ..booking(&booker, None, state)
    };
    assert_eq!(ending(&ana(), &asked, true, leave), expected);
}

#[test]
fn a_series_that_is_being_declined_is_waited_for() {
    let booker = of_ana();
    let asked = Asked {
        of_series: true,
        declining_alone: false,
        ..booking(&booker, None, BookingState::Declining)
    };
    assert_eq!(ending(&ana(), &asked, true, ON), Ending::InHand);
    assert_eq!(ending(&ana(), &asked, false, ON), Ending::InHand);
}

#[test]
fn every_reason_is_one_of_the_api() {
    let refusals = [
        (Refusal::NotYours, "NOT_YOURS"),
        (Refusal::Over, "BOOKING_OVER"),
        (Refusal::NotASeries, "NOT_A_SERIES"),
        (Refusal::Pending, "BOOKING_PENDING"),
        (Refusal::ReadOnly, "READ_ONLY"),
        (Refusal::DeclineNotAllowed, "DECLINE_NOT_ALLOWED"),
    ];
    for (refusal, reason) in refusals {
        assert_eq!(refusal.reason(), reason);
    }
}
