//! Events that look odder than any rule would make them.

use google_sim::Oddity;
use reqwest::Method;
use serde_json::Value;

use crate::support::{Acme, answer, between, hour, repeated};

async fn shown(acme: &Acme, oddity: Oddity) -> Value {
    let (id, _) = acme.meeting(between(9, 10)).await;
    let token = acme.list("").await.text("nextSyncToken");
    acme.room.make_odd(&id, &[oddity]).expect("Google takes it");
    let delta = acme.list(&format!("?syncToken={token}")).await;
    assert_eq!(delta.ids(), [id.as_str()], "a change like any other");
    delta.items()[0].clone()
}

#[tokio::test]
async fn an_event_can_end_before_it_starts_or_when_it_starts() {
    let acme = Acme::start().await;
    let event = shown(&acme, Oddity::EndBeforeStart).await;
    assert_eq!(event["start"]["dateTime"], "2027-03-01T11:00:00+01:00");
    assert_eq!(event["end"]["dateTime"], "2027-03-01T10:00:00+01:00");
    let acme = Acme::start().await;
    let event = shown(&acme, Oddity::ZeroLength).await;
    assert_eq!(event["start"], event["end"]);
}

#[tokio::test]
async fn an_event_can_lack_its_fields() {
    for (oddity, missing) in [
        (Oddity::WithoutEnd, &["end"][..]),
        (Oddity::WithoutTimes, &["start", "end"]),
        (Oddity::WithoutSummary, &["summary"]),
        (Oddity::WithoutAttendees, &["attendees"]),
        (Oddity::WithoutOrganizer, &["organizer"]),
    ] {
        let acme = Acme::start().await;
        let event = shown(&acme, oddity).await;
        for field in missing {
            assert!(event.get(field).is_none(), "{oddity:?}");
        }
        assert!(event["id"].is_string());
    }
}

#[tokio::test]
async fn a_guest_list_can_be_left_out() {
    let acme = Acme::start().await;
    let event = shown(&acme, Oddity::AttendeesOmitted).await;
    assert_eq!(event["attendeesOmitted"], true);
    assert!(event.get("attendees").is_none());
}

#[tokio::test]
async fn zones_types_and_states_can_be_unknown() {
    for (oddity, at, value) in [
        (Oddity::UnknownZone, "/start/timeZone", "Mars/Olympus_Mons"),
        (Oddity::OffsetZone, "/end/timeZone", "GMT+01:00"),
        (Oddity::UnknownEventType, "/eventType", "teleport"),
        (Oddity::UnknownStatus, "/status", "pondering"),
    ] {
        let acme = Acme::start().await;
        let event = shown(&acme, oddity).await;
        assert_eq!(event.pointer(at), Some(&Value::from(value)));
    }
}

#[tokio::test]
async fn addresses_can_come_in_mixed_case_in_one_event_or_in_all() {
    let acme = Acme::start().await;
    let event = shown(&acme, Oddity::MixedCaseMails).await;
    assert_eq!(event["organizer"]["email"], "AlIcE@AcMe.tEsT");
    assert_eq!(answer(&event, acme.room.mail()), None);
    let own = event["attendees"].as_array().unwrap().iter();
    let own = own.filter(|entry| entry["self"] == true).count();
    assert_eq!(own, 1, "the calendar's own entry is still marked");
    let acme = Acme::with(|settings| settings.mixed_case_mails = true).await;
    acme.meeting(between(9, 10)).await;
    let all = acme.list("").await;
    assert_eq!(all.items()[0]["creator"]["email"], "AlIcE@AcMe.tEsT");
}

#[tokio::test]
async fn an_oddity_follows_later_changes_and_can_be_taken_back() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(between(9, 10)).await;
    acme.room.make_odd(&id, &[Oddity::ZeroLength]).unwrap();
    acme.alice.move_event(&id, hour(12), hour(13)).unwrap();
    let event = acme.room.event(&id).unwrap();
    assert_eq!(event["end"]["dateTime"], "2027-03-01T13:00:00+01:00");
    acme.room.make_odd(&id, &[]).unwrap();
    let event = acme.room.event(&id).unwrap();
    assert_eq!(event["end"]["dateTime"], "2027-03-01T14:00:00+01:00");
}

#[tokio::test]
async fn one_date_of_a_series_can_be_odd() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=2")).await;
    let date = format!("{id}_20270302T090000Z");
    acme.room.make_odd(&date, &[Oddity::ZeroLength]).unwrap();
    let path = format!("calendars/{}/events/{id}/instances", acme.room.mail());
    let dates = acme.call("rooms@acme.test", Method::GET, &path, None).await;
    let odd = dates
        .items()
        .iter()
        .filter(|one| one["start"] == one["end"]);
    assert_eq!(odd.count(), 1);
}
