use roomsync_domain::{
    BookingState, Cause,
    decide::{Standing, responsible_mail, standing},
};
use serde_json::{Value, json};

use super::*;

const ROOM: &str = "c_188Aga@resource.calendar.google.com";

fn room() -> ResourceEmail {
    ROOM.parse().unwrap()
}

/// A meeting of Alice in the room, as Google writes it, with `changes` laid over it.
fn event(changes: &Value) -> Event {
    let mut event = json!({
        "kind": "calendar#event", "etag": "\"3492388675996910\"", "id": "7fcg", "status": "confirmed",
        "summary": "Jour fixe",
        "creator": {"email": "Alice@Example.com"}, "organizer": {"email": "Alice@Example.com"},
        "start": {"dateTime": "2026-11-25T10:00:00+01:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-11-25T11:00:00+01:00", "timeZone": "Europe/Berlin"},
        "attendees": [
            {"email": "Alice@Example.com", "organizer": true, "responseStatus": "accepted"},
            {"email": ROOM, "resource": true, "self": true, "responseStatus": "accepted"},
        ],
        "eventType": "default",
    });
    for (key, value) in changes.as_object().cloned().unwrap_or_default() {
        match value {
            Value::Null => drop(event.as_object_mut().unwrap().remove(&key)),
            value => event[key] = value,
        }
    }
    let mut event: Event = serde_json::from_value(event).unwrap();
    event.calendar_zone = Some("Europe/Berlin".to_owned());
    event
}

fn occurrence(changes: &Value) -> Occurrence {
    event(changes).occurrence(&room()).unwrap()
}

fn window(from: &str, to: &str) -> TimeWindow {
    TimeWindow::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

#[test]
fn a_meeting_becomes_an_occurrence() {
    assert_eq!(
        occurrence(&json!({})),
        Occurrence {
            key: OccurrenceKey::Event("7fcg".to_owned()),
            event_id: "7fcg".to_owned(),
            cancelled: false,
            room_answer: RoomAnswer::Accepted,
            transparent: false,
            private: false,
            window: Some(window("2026-11-25T09:00:00Z", "2026-11-25T10:00:00Z")),
            all_day: false,
            organizer_mail: Some("alice@example.com".to_owned()),
            organizer_is_room: false,
            creator_mail: Some("alice@example.com".to_owned()),
            attendee_mails: vec!["alice@example.com".to_owned()],
            declined_mails: Vec::new(),
            title: Some("Jour fixe".to_owned()),
            flexopus_property: None,
        }
    );
}

#[rstest::rstest]
#[case::declined(json!([{"self": true, "responseStatus": "declined"}]), RoomAnswer::Declined)]
#[case::tentative(json!([{"self": true, "responseStatus": "tentative"}]), RoomAnswer::Tentative)]
#[case::not_yet(json!([{"self": true, "responseStatus": "needsAction"}]), RoomAnswer::NeedsAction)]
#[case::no_word(json!([{"self": true}]), RoomAnswer::NeedsAction)]
#[case::new_word(json!([{"self": true, "responseStatus": "perhaps"}]), RoomAnswer::NeedsAction)]
#[case::by_mail(
    json!([{"email": "C_188AGA@RESOURCE.calendar.google.com", "responseStatus": "accepted"}]),
    RoomAnswer::Accepted
)]
#[case::self_before_mail(
    json!([{"email": ROOM, "responseStatus": "declined"}, {"self": true, "responseStatus": "accepted"}]),
    RoomAnswer::Accepted
)]
#[case::other_room(
    json!([{"email": "c_2@resource.calendar.google.com", "resource": true, "responseStatus": "accepted"}]),
    RoomAnswer::None
)]
#[case::nobody(json!([]), RoomAnswer::Hidden)]
#[case::no_list(Value::Null, RoomAnswer::Hidden)]
fn the_rooms_answer_is_its_own_entry(#[case] attendees: Value, #[case] expected: RoomAnswer) {
    assert_eq!(
        occurrence(&json!({"attendees": attendees})).room_answer,
        expected
    );
}

#[rstest::rstest]
#[case::by_self(json!({"email": "other@example.com", "self": true}), json!([]), RoomAnswer::Organizer)]
#[case::by_mail(json!({"email": ROOM.to_uppercase()}), json!([]), RoomAnswer::Organizer)]
#[case::and_declined(
    json!({"email": ROOM, "self": true}),
    json!([{"email": ROOM, "self": true, "responseStatus": "declined"}]),
    RoomAnswer::Declined
)]
fn a_room_may_organize(#[case] who: Value, #[case] attendees: Value, #[case] answer: RoomAnswer) {
    let seen = occurrence(&json!({"organizer": who, "creator": who, "attendees": attendees}));
    assert!(seen.organizer_is_room);
    assert_eq!(
        (seen.room_answer, seen.organizer_mail, seen.creator_mail),
        (answer, None, None)
    );
}

#[rstest::rstest]
#[case("c_2@group.calendar.google.com")]
#[case("c_2@resource.calendar.google.com")]
#[case("unknownorganizer@calendar.google.com")]
#[case("not an address")]
fn a_calendar_is_nobody(#[case] mail: &str) {
    let seen = occurrence(&json!({
        "organizer": {"email": mail}, "creator": {"email": mail},
        "attendees": [{"email": mail}, {"email": "BOB@example.com"}, {"email": "bob@example.com"}],
    }));
    assert!(!seen.organizer_is_room);
    assert_eq!((seen.organizer_mail, seen.creator_mail), (None, None));
    assert_eq!(seen.attendee_mails, ["bob@example.com"]);
}

#[test]
fn much_may_be_missing() {
    let seen = occurrence(&json!({
        "summary": null, "organizer": null, "creator": null, "attendees": null, "status": null,
        "etag": null, "eventType": "somethingNew",
    }));
    assert_eq!(
        (seen.title, seen.organizer_mail, seen.creator_mail),
        (None, None, None)
    );
    assert_eq!(
        (seen.attendee_mails, seen.room_answer),
        (vec![], RoomAnswer::Hidden)
    );
    assert!(!seen.cancelled);
}

#[rstest::rstest]
#[case(json!({"transparency": "transparent"}), true, false)]
#[case(json!({"transparency": "somethingNew"}), false, false)]
#[case(json!({"visibility": "private"}), false, true)]
#[case(json!({"visibility": "confidential"}), false, true)]
#[case(json!({"visibility": "public"}), false, false)]
#[case(json!({"visibility": "somethingNew"}), false, true)]
fn words_are_read(#[case] changes: Value, #[case] transparent: bool, #[case] private: bool) {
    let seen = occurrence(&changes);
    assert_eq!((seen.transparent, seen.private), (transparent, private));
}

#[rstest::rstest]
#[case::dates(json!({"date": "2026-11-25"}), json!({"date": "2026-11-26"}),
    Some(window("2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z")), true)]
#[case::dst(json!({"date": "2026-03-29"}), json!({"date": "2026-03-30"}),
    Some(window("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")), true)]
#[case::midnights(json!({"dateTime": "2026-11-25T00:00:00+01:00"}), json!({"dateTime": "2026-11-27T00:00:00+01:00"}),
    Some(window("2026-11-24T23:00:00Z", "2026-11-26T23:00:00Z")), true)]
#[case::other_offset(json!({"dateTime": "2026-11-24T23:00:00Z"}), json!({"dateTime": "2026-11-25T23:00:00Z"}),
    Some(window("2026-11-24T23:00:00Z", "2026-11-25T23:00:00Z")), true)]
#[case::until_midnight(json!({"dateTime": "2026-11-25T18:00:00+01:00"}), json!({"dateTime": "2026-11-26T00:00:00+01:00"}),
    Some(window("2026-11-25T17:00:00Z", "2026-11-25T23:00:00Z")), false)]
#[case::no_length(json!({"dateTime": "2026-11-25T10:00:00Z"}), json!({"dateTime": "2026-11-25T10:00:00Z"}), None, false)]
#[case::backwards(json!({"dateTime": "2026-11-25T10:00:00Z"}), json!({"dateTime": "2026-11-25T09:00:00Z"}), None, false)]
fn times_make_a_window(
    #[case] start: Value,
    #[case] end: Value,
    #[case] expected: Option<TimeWindow>,
    #[case] all_day: bool,
) {
    let seen = occurrence(&json!({"start": start, "end": end}));
    assert_eq!((seen.window, seen.all_day), (expected, all_day));
}

fn slot(original_start: &str) -> OccurrenceKey {
    OccurrenceKey::Slot {
        series: "7fcg".to_owned(),
        original_start: original_start.parse().unwrap(),
    }
}

#[rstest::rstest]
#[case::moved(
    json!({"id": "7fcg_20261202T080000Z", "recurringEventId": "7fcg",
           "originalStartTime": {"dateTime": "2026-12-02T09:00:00+01:00"}}),
    slot("2026-12-02T08:00:00Z")
)]
#[case::original_start_wins(
    json!({"id": "7fcg_20261202T080000Z", "recurringEventId": "7fcg",
           "originalStartTime": {"date": "2026-12-03"}}),
    slot("2026-12-02T23:00:00Z")
)]
#[case::only_the_series(
    json!({"id": "7fcg_20261202T080000Z", "recurringEventId": "7fcg"}),
    slot("2026-12-02T08:00:00Z")
)]
#[case::looks_like_one(
    json!({"id": "7fcg_20261202T080000Z"}),
    OccurrenceKey::Event("7fcg_20261202T080000Z".to_owned())
)]
fn a_date_of_a_series_keeps_its_slot(#[case] changes: Value, #[case] expected: OccurrenceKey) {
    assert_eq!(occurrence(&changes).key, expected);
}

#[rstest::rstest]
#[case("7fcg_20261202T080000Z", slot("2026-12-02T08:00:00Z"))]
#[case("7fcg_20261202", slot("2026-12-01T23:00:00Z"))]
#[case("7fcg", OccurrenceKey::Event("7fcg".to_owned()))]
#[case("7fcg_R20261202T080000", OccurrenceKey::Event("7fcg_R20261202T080000".to_owned()))]
fn a_bare_cancellation_is_enough(#[case] id: &str, #[case] expected: OccurrenceKey) {
    let mut event: Event =
        serde_json::from_value(json!({"id": id, "status": "cancelled"})).unwrap();
    event.calendar_zone = Some("Europe/Berlin".to_owned());
    let seen = event.occurrence(&room()).unwrap();
    assert_eq!(
        (seen.key, seen.cancelled, seen.window),
        (expected, true, None)
    );
}

#[rstest::rstest]
#[case::no_start(json!({"start": null}), OddWhy::NoTimes)]
#[case::no_end(json!({"end": null}), OddWhy::NoTimes)]
#[case::garbage(json!({"start": {"dateTime": "tomorrow"}}), OddWhy::NoTimes)]
#[case::no_slot(json!({"recurringEventId": "7fcg"}), OddWhy::NoSlot)]
#[case::series(json!({"recurrence": ["RRULE:FREQ=DAILY"]}), OddWhy::WholeSeries)]
fn what_makes_no_occurrence_is_odd(#[case] changes: Value, #[case] why: OddWhy) {
    let odd = event(&changes).occurrence(&room()).unwrap_err();
    assert_eq!(
        odd,
        OddEvent {
            event_id: "7fcg".to_owned(),
            why
        }
    );
}

#[test]
fn our_property_is_found_among_the_shared_ones_only() {
    let properties = |kind: &str| json!({"extendedProperties": {kind: {"flexopus": "v1.x"}}});
    assert_eq!(
        occurrence(&properties("shared"))
            .flexopus_property
            .as_deref(),
        Some("v1.x")
    );
    assert_eq!(occurrence(&properties("private")).flexopus_property, None);
}

#[test]
fn an_event_never_shows_people_or_titles() {
    let shown = format!("{:?}", event(&json!({})));
    assert!(
        !shown.to_lowercase().contains("example") && !shown.contains("Jour"),
        "{shown}"
    );
}

/// What an odd event comes to: blocking with this state and length in hours, or free for a cause.
#[derive(Debug, PartialEq)]
enum Outcome {
    Blocks(BookingState, i64),
    Free(Cause),
}
use Outcome::{Blocks, Free};

const CONFIRMED: Outcome = Blocks(BookingState::Confirmed, 1);

/// One row for each odd event: what it comes to, and whose it is (`None`: nobody that is a person).
#[rstest::rstest]
#[case::transparent(json!({"transparency": "transparent"}), Free(Cause::NotBlocking), Some("alice@example.com"))]
#[case::event_itself_tentative(json!({"status": "tentative"}), CONFIRMED, Some("alice@example.com"))]
#[case::unknown_status(json!({"status": "somethingNew"}), CONFIRMED, Some("alice@example.com"))]
#[case::private(json!({"visibility": "private"}), CONFIRMED, Some("alice@example.com"))]
#[case::private_shell(
    json!({"visibility": "private", "summary": null, "attendees": null, "organizer": null, "creator": null}),
    CONFIRMED, None
)]
#[case::no_length(
    json!({"end": {"dateTime": "2026-11-25T10:00:00+01:00"}}),
    Free(Cause::NotBlocking), Some("alice@example.com")
)]
#[case::end_before_start(
    json!({"end": {"dateTime": "2026-11-25T09:00:00+01:00"}}),
    Free(Cause::NotBlocking), Some("alice@example.com")
)]
#[case::several_days(
    json!({"end": {"dateTime": "2026-11-28T11:00:00+01:00"}}),
    Blocks(BookingState::Confirmed, 73), Some("alice@example.com")
)]
#[case::several_days_all_day(
    json!({"start": {"date": "2026-11-25"}, "end": {"date": "2026-11-28"}}),
    Blocks(BookingState::Confirmed, 72), Some("alice@example.com")
)]
#[case::over_the_end_of_summer_time(
    json!({"start": {"dateTime": "2026-10-25T01:00:00+02:00"}, "end": {"dateTime": "2026-10-25T04:00:00+01:00"}}),
    Blocks(BookingState::Confirmed, 4), Some("alice@example.com")
)]
#[case::no_organizer(json!({"organizer": null}), CONFIRMED, Some("alice@example.com"))]
#[case::no_organizer_no_creator(
    json!({"organizer": null, "creator": null, "attendees": [{"email": ROOM, "self": true, "responseStatus": "accepted"}]}),
    CONFIRMED, None
)]
#[case::secondary_calendar_organizes(
    json!({"organizer": {"email": "c_2@group.calendar.google.com"}}), CONFIRMED, Some("alice@example.com")
)]
#[case::a_mailing_group_organizes(
    json!({"organizer": {"email": "all@example.com"}}), CONFIRMED, Some("all@example.com")
)]
#[case::guests_hidden_from_guests(
    json!({"guestsCanSeeOtherGuests": false,
           "attendees": [{"email": ROOM, "self": true, "responseStatus": "accepted"}]}),
    CONFIRMED, Some("alice@example.com")
)]
#[case::guests_hidden_from_us(json!({"attendees": []}), CONFIRMED, Some("alice@example.com"))]
#[case::guests_omitted_but_the_room(
    json!({"attendeesOmitted": true, "attendees": [{"email": ROOM, "self": true, "responseStatus": "needsAction"}]}),
    Blocks(BookingState::Pending, 1), Some("alice@example.com")
)]
#[case::guests_and_the_room_omitted(
    json!({"attendeesOmitted": true, "attendees": [{"email": "bob@example.com"}]}),
    CONFIRMED, Some("alice@example.com")
)]
#[case::guests_omitted_and_the_room_organizes(
    json!({"attendeesOmitted": true, "attendees": null, "organizer": {"email": ROOM, "self": true}}),
    CONFIRMED, Some("alice@example.com")
)]
#[case::room_not_among_the_guests(
    json!({"attendees": [{"email": "bob@example.com"}]}), Free(Cause::RoomLeft), Some("alice@example.com")
)]
#[case::room_declined(
    json!({"attendees": [{"email": ROOM, "self": true, "responseStatus": "declined"}]}),
    Free(Cause::RoomDeclined), Some("alice@example.com")
)]
#[case::unknown_type(json!({"eventType": "somethingNew"}), CONFIRMED, Some("alice@example.com"))]
#[case::working_location(json!({"eventType": "workingLocation"}), CONFIRMED, Some("alice@example.com"))]
#[case::zone_by_offset(
    json!({"start": {"dateTime": "2026-11-25T10:00:00", "timeZone": "GMT+01:00"}}),
    CONFIRMED, Some("alice@example.com")
)]
#[case::unknown_zone(
    json!({"start": {"dateTime": "2026-11-25T10:00:00", "timeZone": "Mars/Olympus"}}),
    CONFIRMED, Some("alice@example.com")
)]
#[case::mixed_case(
    json!({"organizer": {"email": "ALICE@EXAMPLE.COM"},
           "attendees": [{"email": ROOM.to_uppercase(), "responseStatus": "accepted"}]}),
    CONFIRMED, Some("alice@example.com")
)]
#[case::no_title(json!({"summary": null}), CONFIRMED, Some("alice@example.com"))]
#[case::cancelled(json!({"status": "cancelled", "attendees": null}), Free(Cause::Cancelled), Some("alice@example.com"))]
fn every_odd_event_has_a_decided_outcome(
    #[case] changes: Value,
    #[case] outcome: Outcome,
    #[case] whose: Option<&str>,
) {
    let seen = occurrence(&changes);
    let decided = match standing(&seen) {
        Standing::Blocks { state, window } => {
            Blocks(state, (window.ends_at() - window.starts_at()).num_hours())
        }
        Standing::Free(cause) => Free(cause),
    };
    assert_eq!(decided, outcome);
    assert_eq!(responsible_mail(&seen, &[]), whose);
}
