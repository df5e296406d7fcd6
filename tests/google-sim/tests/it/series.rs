//! Masters and their occurrences.

use chrono::NaiveDate;
use google_sim::{Answer, NewEvent};
use reqwest::Method;
use serde_json::json;

use crate::support::{Acme, Reply, at, body, repeated};

async fn instances(acme: &Acme, id: &str, query: &str) -> Reply {
    let path = format!(
        "calendars/{}/events/{id}/instances{query}",
        acme.room.mail()
    );
    acme.call("rooms@acme.test", Method::GET, &path, None).await
}

#[tokio::test]
async fn a_series_is_one_master_or_with_single_events_its_occurrences() {
    let acme = Acme::start().await;
    let (id, said) = acme.meeting(repeated("FREQ=WEEKLY;COUNT=3")).await;
    assert_eq!(said, Answer::Accepted);
    let masters = acme.list("").await;
    assert_eq!(masters.ids(), [id.as_str()]);
    assert_eq!(
        masters.items()[0]["recurrence"],
        json!(["RRULE:FREQ=WEEKLY;COUNT=3"])
    );
    let single = acme.list("?singleEvents=true").await;
    let wanted = ["20270301T090000Z", "20270308T090000Z", "20270315T090000Z"];
    assert_eq!(single.ids(), wanted.map(|suffix| format!("{id}_{suffix}")));
    let second = &single.items()[1];
    assert_eq!(second["recurringEventId"], json!(id));
    assert_eq!(second["start"], second["originalStartTime"]);
    assert_eq!(second["iCalUID"], masters.items()[0]["iCalUID"]);
    assert!(second.get("recurrence").is_none());
}

#[tokio::test]
async fn the_clock_of_the_series_zone_counts_over_the_change_of_clocks() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=WEEKLY;COUNT=5")).await;
    let reply = instances(&acme, &id, "?timeMin=2027-03-20T00:00:00Z").await;
    let starts: Vec<_> = reply
        .items()
        .iter()
        .map(|item| item["start"]["dateTime"].as_str().unwrap())
        .collect();
    assert_eq!(
        starts,
        ["2027-03-22T10:00:00+01:00", "2027-03-29T10:00:00+02:00"]
    );
    assert_eq!(reply.ids()[1], format!("{id}_20270329T080000Z"));
}

#[tokio::test]
async fn whole_days_have_dates_in_their_ids_and_are_times_on_a_rooms_calendar() {
    let acme = Acme::start().await;
    let day = |day| NaiveDate::from_ymd_opt(2027, 3, day).unwrap();
    let event = NewEvent::all_day(day(27), day(28)).repeating("FREQ=DAILY;COUNT=2");
    let (id, _) = acme.meeting(event).await;
    let reply = instances(&acme, &id, "?originalStart=2027-03-28").await;
    assert_eq!(reply.ids(), [format!("{id}_20270328")]);
    let shown = &reply.items()[0];
    assert_eq!(shown["start"]["dateTime"], "2027-03-28T00:00:00+01:00");
    assert_eq!(shown["end"]["dateTime"], "2027-03-29T00:00:00+02:00");
    let own = acme.alice.event(&format!("{id}_20270328")).unwrap();
    assert_eq!(own["originalStartTime"], json!({"date": "2027-03-28"}));
}

#[tokio::test]
async fn a_timed_series_needs_a_zone_and_readable_lines() {
    let acme = Acme::start().await;
    let mut event = body(9, 10);
    event["recurrence"] = json!(["RRULE:FREQ=DAILY"]);
    let insert = async |event| {
        let path = "calendars/primary/events";
        acme.call("alice@acme.test", Method::POST, path, Some(event))
            .await
    };
    let reply = insert(event.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (400, "required"));
    event["start"]["timeZone"] = json!("Europe/Berlin");
    event["recurrence"] = json!(["DTSTART:20270301T090000Z"]);
    let reply = insert(event).await;
    assert_eq!((reply.status.as_u16(), reply.reason()), (400, "invalid"));
}

#[tokio::test]
async fn an_endless_series_is_never_listed_without_end() {
    let acme = Acme::with(|settings| settings.most_instances = 40).await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY")).await;
    let all = acme.list("?singleEvents=true&maxResults=2500").await;
    assert_eq!(all.ids().len(), 40);
    assert!(!all.text("nextSyncToken").is_empty());
    let bounds = "timeMin=2035-01-01T00:00:00Z&timeMax=2035-01-03T00:00:00Z";
    let two = acme.list(&format!("?singleEvents=true&{bounds}")).await;
    assert_eq!(two.ids().len(), 2);
    assert_eq!(instances(&acme, &id, "").await.ids().len(), 40);
}

#[tokio::test]
async fn instances_are_paged_bounded_and_found_by_their_original_start() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let first = instances(&acme, &id, "?maxResults=3").await;
    assert_eq!(first.ids().len(), 3);
    let token = first.text("nextPageToken");
    let rest = instances(&acme, &id, &format!("?maxResults=3&pageToken={token}")).await;
    assert_eq!(rest.ids().len(), 2);
    let bounds = "?timeMin=2027-03-01T10:00:00Z&timeMax=2027-03-03T09:00:00Z";
    let bounded = instances(&acme, &id, bounds).await;
    assert_eq!(bounded.ids(), [format!("{id}_20270302T090000Z")]);
    acme.alice
        .move_occurrence(&id, &at(3, 9), at(3, 15), at(3, 16))
        .unwrap();
    let found = instances(&acme, &id, "?originalStart=2027-03-03T10:00:00%2B01:00").await;
    assert_eq!(
        found.items()[0]["start"]["dateTime"],
        "2027-03-03T16:00:00+01:00"
    );
    let none = instances(&acme, &id, "?originalStart=2027-03-03T15:00:00Z").await;
    assert!(none.ids().is_empty());
}

#[tokio::test]
async fn instances_of_what_is_not_on_the_calendar_are_404() {
    let acme = Acme::start().await;
    assert_eq!(instances(&acme, "nothing", "").await.status, 404);
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    acme.alice.cancel_series(&id).unwrap();
    assert_eq!(instances(&acme, &id, "").await.status, 404);
}

#[tokio::test]
async fn an_occurrence_can_be_got_by_its_id_and_only_by_one_of_the_rule() {
    let acme = Acme::start().await;
    let (id, _) = acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    let get = async |suffix: &str| {
        let path = format!("calendars/{}/events/{id}_{suffix}", acme.room.mail());
        acme.call("rooms@acme.test", Method::GET, &path, None).await
    };
    assert_eq!(get("20270304T090000Z").await.status, 200);
    assert_eq!(get("20270304T100000Z").await.status, 404);
    assert_eq!(get("20270306T090000Z").await.status, 404);
    assert_eq!(get("20270304").await.status, 404);
}

#[tokio::test]
async fn a_running_series_is_listed_after_time_min_unless_the_switch_hides_it() {
    let acme = Acme::start().await;
    acme.meeting(repeated("FREQ=DAILY;COUNT=5")).await;
    assert_eq!(
        acme.list("?timeMin=2027-03-03T00:00:00Z").await.ids().len(),
        1
    );
    assert!(
        acme.list("?timeMin=2027-03-06T00:00:00Z")
            .await
            .ids()
            .is_empty()
    );
    acme.control
        .configure(|settings| settings.time_min_hides_running_series = true);
    assert!(
        acme.list("?timeMin=2027-03-03T00:00:00Z")
            .await
            .ids()
            .is_empty()
    );
}

#[tokio::test]
async fn a_single_event_becomes_a_series_and_a_zone_stays_when_times_are_patched() {
    let acme = Acme::start().await;
    let (id, _) = acme
        .meeting(crate::support::between(9, 10).in_zone("Europe/Berlin"))
        .await;
    acme.alice
        .change_recurrence(&id, &["RRULE:FREQ=DAILY;COUNT=2"])
        .unwrap();
    assert_eq!(acme.list("?singleEvents=true").await.ids().len(), 2);
    acme.alice.move_series(&id, at(1, 11), at(1, 12)).unwrap();
    let master = acme.alice.event(&id).unwrap();
    assert_eq!(master["start"]["timeZone"], "Europe/Berlin");
    let second = acme.alice.event(&format!("{id}_20270302T110000Z"));
    assert!(second.is_ok());
}

#[tokio::test]
async fn unknown_zones_and_kinds_of_events_can_be_shown() {
    let acme = Acme::with(|settings| {
        settings.shown_event_type = Some("levitation".to_owned());
        settings.shown_time_zone = Some("Mars/Olympus".to_owned());
    })
    .await;
    acme.meeting(repeated("FREQ=DAILY;COUNT=2")).await;
    let shown = &acme.list("").await.items()[0].clone();
    assert_eq!(shown["eventType"], "levitation");
    assert_eq!(shown["start"]["timeZone"], "Mars/Olympus");
    assert_eq!(shown["start"]["dateTime"], "2027-03-01T10:00:00+01:00");
}
