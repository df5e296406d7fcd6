//! What the mirror does with bookings that were made in Flexopus.

use rstest::rstest;

use super::*;

fn user(id: &str) -> Booker {
    Booker::User {
        user: id.parse().unwrap(),
    }
}

fn device(id: &str) -> Booker {
    Booker::Device {
        device: id.parse().unwrap(),
    }
}

fn ours(state: BookingState) -> Known {
    Known {
        ours: true,
        ..in_state(state)
    }
}

fn seen(known: &Known, occurrence: Occurrence) -> (Known, Vec<Change>) {
    let changes = decide_at_noon(std::slice::from_ref(known), &[event("a", vec![occurrence])]);
    (
        after(std::slice::from_ref(known), &changes).remove(0),
        changes,
    )
}

#[rstest]
#[case::google_has_it(BookingState::Requested, BookingState::Pending)]
#[case::waits(BookingState::Pending, BookingState::Pending)]
#[case::watched(BookingState::Undecided, BookingState::Undecided)]
#[case::answered_before(BookingState::Confirmed, BookingState::Confirmed)]
#[case::being_declined(BookingState::Declining, BookingState::Declining)]
fn a_guest_list_that_is_not_shown_confirms_nothing_of_ours(
    #[case] from: BookingState,
    #[case] to: BookingState,
) {
    let hidden = Occurrence {
        room_answer: RoomAnswer::Hidden,
        ..accepted("a")
    };
    assert_eq!(seen(&ours(from), hidden.clone()).0.state, to);
    let theirs = in_state(BookingState::Pending);
    assert_eq!(seen(&theirs, hidden).0.state, BookingState::Confirmed);
}

#[rstest]
#[case::declined(RoomAnswer::Declined, false)]
#[case::room_left(RoomAnswer::None, false)]
#[case::cancelled(RoomAnswer::Accepted, true)]
fn an_end_that_google_shows_settles_what_was_being_declined(
    #[case] room_answer: RoomAnswer,
    #[case] cancelled: bool,
) {
    let known = in_state(BookingState::Declining);
    let gone = Occurrence {
        cancelled,
        room_answer,
        ..accepted("a")
    };
    let settled = [Change::End {
        id: known.id,
        state: BookingState::Removed,
        cause: Cause::Declined,
    }];
    assert_eq!(seen(&known, gone).1, settled);
    let absent = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![])]);
    assert_eq!(absent, settled);
}

#[rstest]
#[case::took_place(BookingState::Confirmed, 11, BookingState::Confirmed)]
#[case::still_going_on(BookingState::Confirmed, 13, BookingState::Removed)]
#[case::never_confirmed(BookingState::Pending, 11, BookingState::Rejected)]
#[case::being_declined(BookingState::Declining, 11, BookingState::Removed)]
fn a_room_that_declines_afterwards_does_not_undo_what_took_place(
    #[case] from: BookingState,
    #[case] ends: i64,
    #[case] to: BookingState,
) {
    let mut known = in_state(from);
    known.details.window = window(10, ends);
    let declined = Occurrence {
        room_answer: RoomAnswer::Declined,
        window: Some(window(10, ends)),
        ..accepted("a")
    };
    assert_eq!(seen(&known, declined).0.state, to);
}

#[rstest]
#[case::shared_calendar(user("anna"), Some("c_1@group.calendar.google.com"), &["ben@example.com"], user("anna"))]
#[case::unknown_address(user("anna"), Some("a.other@example.com"), &[], user("anna"))]
#[case::nobody_shown(user("anna"), None, &[], user("anna"))]
#[case::handed_over(user("anna"), Some("ben@example.com"), &[], user("ben"))]
#[case::device(device("door-1"), None, &["ben@example.com"], device("door-1"))]
#[case::device_handed_over(device("door-1"), Some("ben@example.com"), &[], user("ben"))]
#[case::left(Booker::Anonymous, Some("ben@example.com"), &[], user("ben"))]
fn a_booking_of_ours_stays_whose_it_was_made_for_until_it_is_handed_over(
    #[case] booker: Booker,
    #[case] organizer: Option<&str>,
    #[case] guests: &[&str],
    #[case] expected: Booker,
) {
    let mut known = ours(BookingState::Confirmed);
    known.details.booker = booker;
    let shown = Occurrence {
        organizer_mail: organizer.map(str::to_owned),
        attendee_mails: guests.iter().map(|&mail| mail.to_owned()).collect(),
        window: Some(window(16, 17)),
        ..accepted("a")
    };
    assert_eq!(seen(&known, shown).0.details.booker, expected);
}

#[rstest]
#[case::device(None, &["ben@example.com"], device("door-1"), device("door-1"))]
#[case::shared_calendar(Some("c_1@group.calendar.google.com"), &["x@other.org"], user("anna"), user("anna"))]
#[case::a_person_organizes(Some("ben@example.com"), &[], user("anna"), user("ben"))]
#[case::a_stranger_organizes(Some("x@other.org"), &[], user("anna"), Booker::Anonymous)]
fn our_property_says_whose_an_event_is_unless_a_person_organizes_it(
    #[case] organizer: Option<&str>,
    #[case] guests: &[&str],
    #[case] signed: Booker,
    #[case] expected: Booker,
) {
    let back = Occurrence {
        organizer_mail: organizer.map(str::to_owned),
        attendee_mails: guests.iter().map(|&mail| mail.to_owned()).collect(),
        ..accepted("a")
    };
    let signed = HashMap::from([("a".to_owned(), signed)]);
    let changes = decide_signed(&[], &[event("a", vec![back])], &signed);
    assert_eq!(after(&[], &changes)[0].details.booker, expected);
}

#[test]
fn the_dates_of_a_series_that_was_made_of_our_event_are_not_signed() {
    let unsigned = |start| Occurrence {
        organizer_mail: None,
        ..slot("a", start)
    };
    let signed = HashMap::from([("a".to_owned(), device("door-1"))]);
    let mut known = ours(BookingState::Confirmed);
    known.details.booker = device("door-1");
    let dates = series("a", vec![unsigned(14), unsigned(38)]);
    let changes = decide_signed(std::slice::from_ref(&known), &[dates], &signed);
    let bookers: Vec<Booker> = after(&[known.clone()], &changes)
        .into_iter()
        .map(|booking| booking.details.booker)
        .collect();
    assert_eq!(bookers, [device("door-1"), Booker::Anonymous]);
}

#[rstest]
#[case::there(&["anna@example.com"], &[], false)]
#[case::declined(&["anna@example.com"], &["anna@example.com"], true)]
#[case::gone(&[], &[], true)]
#[case::rooms_are_nobody(&["c_2@resource.calendar.google.com"], &[], true)]
#[case::somebody_else_stays(&["anna@example.com", "ben@example.com"], &["anna@example.com"], false)]
fn an_event_without_people_is_deserted(
    #[case] guests: &[&str],
    #[case] declined: &[&str],
    #[case] expected: bool,
) {
    let owned = |mails: &[&str]| mails.iter().map(|&mail| mail.to_owned()).collect();
    let shown = Occurrence {
        attendee_mails: owned(guests),
        declined_mails: owned(declined),
        ..accepted("a")
    };
    assert_eq!(is_deserted(&shown), expected);
    let hidden = Occurrence {
        room_answer: RoomAnswer::Hidden,
        ..shown
    };
    assert!(!is_deserted(&hidden), "nothing is known without the list");
}

fn everything(seen: Vec<Occurrence>) -> Listing {
    Listing {
        scope: Scope::Window(window(0, 100)),
        seen,
    }
}

#[rstest]
#[case::waits(BookingState::Pending, None)]
#[case::watched(BookingState::Undecided, None)]
#[case::it_was_there(BookingState::Confirmed, Some(BookingState::Removed))]
#[case::being_declined(BookingState::Declining, Some(BookingState::Removed))]
fn what_was_written_just_now_is_not_missed_in_a_listing_of_everything(
    #[case] from: BookingState,
    #[case] ends: Option<BookingState>,
) {
    let known = [ours(from)];
    let changes = decide_just_written(&known, &[everything(vec![])]);
    assert_eq!(after(&known, &changes)[0].state, ends.unwrap_or(from));
    assert_eq!(decide_at_noon(&known, &[everything(vec![])]).len(), 1);
}

#[rstest]
#[case::cancelled(vec![event("a", vec![Occurrence { cancelled: true, ..accepted("a") }]), everything(vec![])])]
#[case::gone_beyond_the_horizon(vec![event("a", vec![]), everything(vec![])])]
#[case::declined(vec![everything(vec![Occurrence { room_answer: RoomAnswer::Declined, ..accepted("a") }])])]
fn what_google_says_of_it_counts_however_new_it_is(#[case] listings: Vec<Listing>) {
    let known = [ours(BookingState::Pending)];
    let changes = decide_just_written(&known, &listings);
    assert!(!after(&known, &changes)[0].state.blocks());
}

#[test]
fn what_was_written_just_now_and_made_a_series_goes_on_as_its_first_date() {
    let known = [ours(BookingState::Pending)];
    let changes = decide_just_written(&known, &[everything(vec![slot("a", 14), slot("a", 38)])]);
    let after = after(&known, &changes);
    assert_eq!(after[0].key, slot("a", 14).key);
    assert_eq!(after.len(), 2, "and nothing stands there twice");
}
