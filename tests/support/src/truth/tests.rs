use chrono::TimeDelta;
use serde_json::json;

use super::{
    event::{occupied, took_place},
    whose::whose,
    *,
};

const ROOM: &str = "room@resource.calendar.google.com";

fn event(answer: Option<&str>, more: &Value) -> Value {
    let mut event = json!({
        "status": "confirmed",
        "organizer": { "email": "ana@acme.example" },
        "start": { "dateTime": "2026-03-01T10:00:00+01:00" },
        "end": { "dateTime": "2026-03-01T11:00:00+01:00" },
    });
    if let Some(answer) = answer {
        event["attendees"] = json!([{ "email": ROOM, "responseStatus": answer }]);
    }
    for (key, value) in more.as_object().cloned().unwrap_or_default() {
        event[key] = value;
    }
    event
}

fn is(answer: Option<&str>, more: &Value) -> Option<bool> {
    occupied(&event(answer, more), ROOM, None).map(|occupied| occupied.confirmed)
}

#[test]
fn an_event_is_a_booking_by_the_rooms_own_answer() {
    assert_eq!(is(Some("accepted"), &json!({})), Some(true));
    assert_eq!(is(Some("needsAction"), &json!({})), Some(false));
    assert_eq!(is(Some("declined"), &json!({})), None);
    let without_room = json!([{ "email": "bob@acme.example", "responseStatus": "accepted" }]);
    assert_eq!(is(None, &json!({ "attendees": without_room })), None);
    assert_eq!(
        is(None, &json!({ "organizer": { "email": ROOM } })),
        Some(true)
    );
    assert_eq!(
        is(Some("accepted"), &json!({ "status": "cancelled" })),
        None
    );
    assert_eq!(
        is(Some("accepted"), &json!({ "transparency": "transparent" })),
        None
    );
}

#[test]
fn a_guest_list_that_is_kept_from_the_room_occupies_it() {
    assert_eq!(is(None, &json!({})), Some(true));
    assert_eq!(is(None, &json!({ "attendeesOmitted": true })), Some(true));
}

#[test]
fn what_takes_no_time_occupies_nothing() {
    let end = json!({ "end": { "dateTime": "2026-03-01T10:00:00+01:00" } });
    assert_eq!(is(Some("accepted"), &end), None);
}

#[test]
fn a_whole_day_is_midnight_to_midnight_of_the_rooms_own_clock() {
    let day = json!({
        "start": { "dateTime": "2026-03-01T00:00:00+01:00" },
        "end": { "dateTime": "2026-03-02T00:00:00+01:00" },
    });
    let all_day = |event| occupied(&event, ROOM, None).map(|occupied| occupied.all_day);
    assert_eq!(all_day(event(Some("accepted"), &day)), Some(true));
    assert_eq!(all_day(event(Some("accepted"), &json!({}))), Some(false));
}

#[test]
fn a_booking_is_the_organizers_else_the_only_guests_else_the_creators() {
    let people = People {
        users: [("ana@acme.example", "u-ana"), ("bob@acme.example", "u-bob")]
            .map(|(mail, id)| (mail.to_owned(), id.to_owned()))
            .into(),
        own_subjects: vec!["admin@acme.example".to_owned()],
    };
    let whose = |event: Value| whose(&event, &people);
    let room = json!({ "email": ROOM });
    let bob = json!({ "email": "Bob@acme.example" });
    assert_eq!(whose(event(Some("accepted"), &json!({}))), "u-ana");
    let by_guest = json!({ "organizer": room, "attendees": [room, bob] });
    assert_eq!(whose(event(None, &by_guest)), "u-bob");
    let by_creator = json!({ "organizer": room, "creator": bob });
    assert_eq!(whose(event(None, &by_creator)), "u-bob");
    let at_a_door = |id| {
        let said = "v1.0197a3c4-0000-7000-8000-000000000001.d:door.1.abc";
        json!({
            "id": id,
            "organizer": room,
            "extendedProperties": { "shared": { "flexopus": said } },
        })
    };
    let ours = "0197a3c4000070008000000000000001";
    assert_eq!(whose(event(None, &at_a_door(ours))), "door.1");
    assert_eq!(whose(event(None, &at_a_door("a-copy-of-it"))), "nobody");
    let ours = json!({ "organizer": room, "creator": { "email": "admin@acme.example" } });
    assert_eq!(whose(event(None, &ours)), "nobody");
    let note = "v1.0197-ab.d:door.1.mac";
    let shared = json!({ "shared": { "flexopus": note } });
    let signed = |id: &str, by: &Value| {
        whose(event(
            None,
            &json!({ "id": id, "organizer": by, "extendedProperties": shared }),
        ))
    };
    assert_eq!(signed("0197ab", &room), "door.1");
    assert_eq!(signed("0197ac", &room), "nobody", "a copy");
    assert_eq!(
        signed("0197ab", &json!({ "email": "bob@acme.example" })),
        "u-bob"
    );
}

#[test]
fn what_was_declined_after_it_was_over_may_be_there_or_not() {
    let now = DateTime::parse_from_rfc3339("2026-03-01T11:00:00+01:00").unwrap();
    let declined = event(Some("declined"), &json!({}));
    let perhaps = |now: DateTime<_>| took_place(&declined, ROOM, None, now.to_utc());
    assert_eq!(perhaps(now - TimeDelta::seconds(1)), None, "not over yet");
    let perhaps = perhaps(now).unwrap();
    let taken = occupied(&event(Some("accepted"), &json!({})), ROOM, None).unwrap();
    assert_eq!(difference(&[], std::slice::from_ref(&perhaps)), None);
    assert_eq!(
        difference(std::slice::from_ref(&taken), std::slice::from_ref(&perhaps)),
        None
    );
    let once = [taken.clone(), taken];
    assert!(difference(&once, &[perhaps]).is_some(), "once, not twice");
}

#[test]
fn a_date_of_a_series_that_was_made_of_ours_may_have_kept_its_booker() {
    let people = People::default();
    let date = json!({
        "id": "0197ab_20260301T090000Z",
        "recurringEventId": "0197ab",
        "organizer": { "email": ROOM },
        "extendedProperties": { "shared": { "flexopus": "v1.0197-ab.d:door.1.mac" } },
    });
    let date = occupied(&event(None, &date), ROOM, Some(&people)).unwrap();
    let told = |booker: &str| Occupied {
        booker: Some(booker.to_owned()),
        or_booker: None,
        ..date.clone()
    };
    let against = |booker| difference(&[told(booker)], std::slice::from_ref(&date));
    assert_eq!(against("door.1"), None);
    assert_eq!(against("nobody"), None);
    assert!(against("u-ana").is_some());
}

#[test]
fn a_difference_names_what_only_one_side_says() {
    let one = occupied(&event(Some("accepted"), &json!({})), ROOM, None).unwrap();
    let both = [one.clone(), one.clone()];
    assert_eq!(difference(&both, &both), None);
    let said = difference(&both, &both[..1]).unwrap();
    assert_eq!(said.matches("confirmed").count(), 1, "{said}");
}
