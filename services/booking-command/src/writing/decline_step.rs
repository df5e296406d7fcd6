//! What declining an event needs, told from the room's copy of it: pure.

use roomsync_domain::{ResourceEmail, RoomAnswer};
use roomsync_google::{Attendee, Event, ResponseStatus};

/// What to do with the room's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The room is not in it any more.
    Done,
    /// The room's own entry says declined from now on.
    Decline,
    /// The same, for a room that organizes the event and so has no entry yet.
    DeclineAsOrganizer,
    /// The event goes: it was made at a device, and nobody but the room is in it (D8).
    Delete,
}

/// What to do; `of_device`: the event was made at a device of ours.
///
/// Who is not on a guest list that is shown must not be declined: the answer would put the room there
/// (observed). A list that is not shown holds the room all the same, or its calendar would not hold the event.
pub(super) fn step(copy: &Event, room: &ResourceEmail, of_device: bool) -> Step {
    if copy.is_cancelled() {
        return Step::Done;
    }
    // Of a series this asks as of one event: who is in it, and what the room said.
    let single = Event {
        recurrence: Vec::new(),
        ..copy.clone()
    };
    let has_entry = own_entry(copy, room).is_some();
    let all_guests_known = !copy.attendees_omitted;
    let Ok(occurrence) = single.occurrence(room) else {
        return if stands(copy, room) || !has_entry {
            Step::Decline
        } else {
            Step::Done
        };
    };
    match occurrence.room_answer {
        RoomAnswer::Declined | RoomAnswer::None => Step::Done,
        _ if occurrence.organizer_is_room => {
            let nobody = all_guests_known && occurrence.attendee_mails.is_empty();
            if of_device && nobody {
                Step::Delete
            } else if has_entry || !all_guests_known {
                Step::Decline
            } else {
                Step::DeclineAsOrganizer
            }
        }
        RoomAnswer::Organizer
        | RoomAnswer::Accepted
        | RoomAnswer::Tentative
        | RoomAnswer::NeedsAction
        | RoomAnswer::Hidden => Step::Decline,
    }
}

/// Whether a copy shows that the room is in it still: what Google answers to a decline that it did not
/// carry out. A guest list that is not shown says nothing.
pub(super) fn stands(copy: &Event, room: &ResourceEmail) -> bool {
    !copy.is_cancelled()
        && own_entry(copy, room).is_some_and(|own| own.response_status != ResponseStatus::Declined)
}

fn own_entry<'a>(copy: &'a Event, room: &ResourceEmail) -> Option<&'a Attendee> {
    let is_own = |entry: &&Attendee| {
        entry.is_self || entry.email.as_deref().is_some_and(|it| room.matches(it))
    };
    copy.attendees.iter().find(is_own)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const ROOM: &str = "c_1@resource.calendar.google.com";

    fn copy(change: &Value) -> Event {
        let mut event = json!({
            "id": "e1", "status": "confirmed", "etag": "\"1\"",
            "start": {"dateTime": "2026-11-22T09:00:00Z"},
            "end": {"dateTime": "2026-11-22T10:00:00Z"},
            "organizer": {"email": "ana@acme.example"},
        });
        for (field, value) in change.as_object().unwrap() {
            event[field] = value.clone();
        }
        serde_json::from_value(event).unwrap()
    }

    fn answered(answer: &str) -> Value {
        json!({"attendees": [
            {"email": "ana@acme.example", "organizer": true, "responseStatus": "accepted"},
            {"email": ROOM, "self": true, "resource": true, "responseStatus": answer},
        ]})
    }

    fn organizing(attendees: &Value) -> Value {
        json!({"organizer": {"email": ROOM, "self": true}, "attendees": attendees})
    }

    fn own(answer: &str) -> Value {
        json!({"email": ROOM, "self": true, "resource": true, "responseStatus": answer})
    }

    #[rstest]
    #[case::accepted(answered("accepted"), Step::Decline)]
    #[case::not_answered(answered("needsAction"), Step::Decline)]
    #[case::maybe(answered("tentative"), Step::Decline)]
    #[case::declined(answered("declined"), Step::Done)]
    #[case::cancelled(json!({"status": "cancelled"}), Step::Done)]
    #[case::room_left(json!({"attendees": [{"email": "bob@acme.example"}]}), Step::Done)]
    #[case::shell(json!({"visibility": "private"}), Step::Decline)]
    #[case::series(json!({"recurrence": ["RRULE:FREQ=DAILY"], "attendees": [own("accepted")]}), Step::Decline)]
    fn of_somebodys_event_only_the_room_leaves(
        #[case] change: Value,
        #[case] expected: Step,
        #[values(true, false)] of_device: bool,
    ) {
        let room = ROOM.parse().unwrap();
        assert_eq!(step(&copy(&change), &room, of_device), expected);
    }

    #[rstest]
    #[case::alone(json!([]), Step::Delete, Step::DeclineAsOrganizer)]
    #[case::alone_with_its_entry(json!([own("accepted")]), Step::Delete, Step::Decline)]
    #[case::with_another_room(
        json!([{"email": "c_2@resource.calendar.google.com", "resource": true}]),
        Step::Delete,
        Step::DeclineAsOrganizer
    )]
    #[case::with_somebody(
        json!([{"email": "bob@elsewhere.example"}]),
        Step::DeclineAsOrganizer,
        Step::DeclineAsOrganizer
    )]
    #[case::with_somebody_and_its_entry(
        json!([{"email": "bob@elsewhere.example"}, own("needsAction")]),
        Step::Decline,
        Step::Decline
    )]
    #[case::declined(json!([{"email": "bob@elsewhere.example"}, own("declined")]), Step::Done, Step::Done)]
    fn of_the_rooms_own_event_only_a_devices_goes_and_only_without_people(
        #[case] attendees: Value,
        #[case] of_device: Step,
        #[case] of_others: Step,
    ) {
        let room = ROOM.parse().unwrap();
        let copy = copy(&organizing(&attendees));
        assert_eq!(step(&copy, &room, true), of_device);
        assert_eq!(step(&copy, &room, false), of_others);
    }

    #[rstest]
    #[case::carried_out(answered("declined"), false)]
    #[case::not_carried_out(answered("accepted"), true)]
    #[case::shell(json!({"visibility": "private"}), false)]
    #[case::cancelled(json!({"status": "cancelled"}), false)]
    fn what_google_answers_is_looked_at(#[case] change: Value, #[case] expected: bool) {
        let room = ROOM.parse().unwrap();
        assert_eq!(stands(&copy(&change), &room), expected);
    }

    #[test]
    fn an_event_that_makes_no_sense_is_declined_once() {
        let room = ROOM.parse().unwrap();
        let odd = |answer| {
            let mut change = answered(answer);
            change["start"] = json!({"dateTime": "soon"});
            step(&copy(&change), &room, false)
        };
        assert_eq!(
            (odd("accepted"), odd("declined")),
            (Step::Decline, Step::Done)
        );
    }

    #[test]
    fn a_guest_list_that_is_not_complete_may_hide_somebody() {
        let room = ROOM.parse().unwrap();
        let mut copy = copy(&organizing(&json!([own("accepted")])));
        copy.attendees_omitted = true;
        assert_eq!(step(&copy, &room, true), Step::Decline);
    }
}
