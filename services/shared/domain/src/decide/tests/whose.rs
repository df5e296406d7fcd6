//! Whose a booking is, and what of its title is kept.

use rstest::rstest;

use super::*;

#[rstest]
#[case::organizer(Some("anna@example.com"), &["ben@example.com"], None, Some("anna"))]
#[case::unknown_organizer(Some("x@other.org"), &["ben@example.com"], Some("ben@example.com"), None)]
#[case::shared_calendar(Some("c_1@group.calendar.google.com"), &["ben@example.com"], None, Some("ben"))]
#[case::only_guest_before_creator(None, &["ben@example.com"], Some("anna@example.com"), Some("ben"))]
#[case::several_guests(None, &["ben@example.com", "c@example.com"], Some("anna@example.com"), Some("anna"))]
#[case::only_guest_unknown(None, &["x@other.org"], Some("anna@example.com"), None)]
#[case::rooms_are_no_guests(None, &["c_2@resource.calendar.google.com"], Some("anna@example.com"), Some("anna"))]
#[case::creator_is_the_connection(None, &[], Some("admin@example.com"), None)]
#[case::nobody(None, &[], None, None)]
fn a_booking_belongs_to(
    #[case] organizer: Option<&str>,
    #[case] guests: &[&str],
    #[case] creator: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let seen = Occurrence {
        organizer_mail: organizer.map(str::to_owned),
        attendee_mails: guests.iter().map(|&mail| mail.to_owned()).collect(),
        creator_mail: creator.map(str::to_owned),
        ..accepted("a")
    };
    let booker = imported(&seen).details.booker;
    let user = expected.map(|user| Booker::User {
        user: user.parse().unwrap(),
    });
    assert_eq!(booker, user.unwrap_or(Booker::Anonymous));
}

#[test]
fn a_room_that_organizes_is_not_whose_booking_it_is() {
    let seen = Occurrence {
        organizer_mail: Some("ben@example.com".to_owned()),
        organizer_is_room: true,
        creator_mail: Some("anna@example.com".to_owned()),
        ..accepted("a")
    };
    assert_eq!(
        imported(&seen).details.organizer_mail.as_deref(),
        Some("anna@example.com")
    );
}

#[rstest]
#[case::future(14, true)]
#[case::past(10, false)]
fn a_user_who_appears_later_gets_future_bookings_only(#[case] start: i64, #[case] found: bool) {
    let seen = Occurrence {
        window: Some(window(start, start + 1)),
        ..accepted("a")
    };
    let mut known = imported(&seen);
    known.details.booker = Booker::Anonymous;
    let changes = decide_at_noon(&[known], &[event("a", vec![seen])]);
    assert_eq!(changes.len(), usize::from(found));
}

#[test]
fn a_devices_booking_stays_the_devices() {
    let mut known = in_state(BookingState::Confirmed);
    known.details.booker = Booker::Device {
        device: "door-1".parse().unwrap(),
    };
    assert_eq!(
        decide_at_noon(&[known], &[event("a", vec![accepted("a")])]),
        []
    );
}

#[test]
fn titles_are_kept_only_where_the_tenant_stores_them() {
    assert_eq!(imported(&accepted("a")).details.title, None);
    let users = users();
    let rules = Rules {
        users: &users,
        own_subjects: &[],
        signed: &HashMap::new(),
        just_written: &HashSet::new(),
        store_titles: true,
        now: at(NOON),
    };
    let changes = decide(&[], &[event("a", vec![accepted("a")])], &rules);
    let Change::Create { details, .. } = &changes[0] else {
        panic!("expected a new booking")
    };
    assert_eq!(details.title.as_deref(), Some("Planning"));
}

/// A private event of which no more than the times are shown.
fn shell() -> Occurrence {
    Occurrence {
        private: true,
        room_answer: RoomAnswer::Hidden,
        organizer_mail: None,
        creator_mail: None,
        title: None,
        ..accepted("a")
    }
}

#[rstest]
#[case::as_private(true, shell())]
#[case::as_a_default_event(true, Occurrence { private: false, ..shell() })]
#[case::made_private_just_now(false, shell())]
fn a_private_booking_keeps_its_booker_when_no_more_is_shown(
    #[case] was_private: bool,
    #[case] seen: Occurrence,
) {
    let known = imported(&Occurrence {
        private: was_private,
        ..accepted("a")
    });
    let moved = Occurrence {
        window: Some(window(16, 18)),
        ..seen
    };
    let changes = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![moved])]);
    let after = after(std::slice::from_ref(&known), &changes).remove(0);
    assert_eq!(
        after.details,
        Details {
            window: window(16, 18),
            private: true,
            ..known.details
        }
    );
}

#[test]
fn a_private_event_that_never_showed_its_organizer_is_anonymous() {
    let details = imported(&shell()).details;
    assert_eq!((details.booker, details.private), (Booker::Anonymous, true));
}

#[rstest]
#[case::shown_to_be_anothers(
    Occurrence { organizer_mail: Some("ben@example.com".to_owned()), ..shell() },
    Some("ben")
)]
#[case::not_private(Occurrence { private: false, ..shell() }, None)]
#[case::guests_shown(Occurrence { room_answer: RoomAnswer::Accepted, ..shell() }, None)]
fn a_booker_is_kept_only_when_nothing_is_shown(
    #[case] seen: Occurrence,
    #[case] expected: Option<&str>,
) {
    let known = in_state(BookingState::Confirmed);
    let changes = decide_at_noon(std::slice::from_ref(&known), &[event("a", vec![seen])]);
    let booker = after(&[known], &changes).remove(0).details.booker;
    let user = expected.map(|user| Booker::User {
        user: user.parse().unwrap(),
    });
    assert_eq!(booker, user.unwrap_or(Booker::Anonymous));
}
