//! Occurrences and their ids.

use chrono_tz::Europe::Berlin;
use serde_json::{Value, json};

use super::*;

fn series(start: &Value, end: &Value, line: &str) -> Content {
    let body = json!({"start": start, "end": end, "recurrence": [line]});
    Content::read(body.as_object().expect("it is an object").clone()).expect("it is valid")
}

fn berlin(time: &str) -> Value {
    json!({"dateTime": time, "timeZone": "Europe/Berlin"})
}

fn suffixes(content: &Content, part: Part) -> Vec<String> {
    let slots = content.slots(Berlin, part);
    slots.into_iter().map(|slot| slot.suffix).collect()
}

#[test]
fn a_weekly_meeting_keeps_its_wall_clock_time_over_the_change_of_clocks() {
    let content = series(
        &berlin("2027-03-22T09:00:00"),
        &berlin("2027-03-22T10:00:00"),
        "RRULE:FREQ=WEEKLY;COUNT=2",
    );
    assert_eq!(
        suffixes(&content, Part::first(10)),
        ["20270322T080000Z", "20270329T070000Z"]
    );
    let second = &content.slots(Berlin, Part::first(10))[1];
    assert_eq!(
        second.start.date_time.as_deref(),
        Some("2027-03-29T09:00:00+02:00")
    );
}

#[test]
fn a_time_that_the_change_of_clocks_skips_lies_an_hour_later() {
    let content = series(
        &berlin("2027-03-27T02:30:00"),
        &berlin("2027-03-27T03:00:00"),
        "RRULE:FREQ=DAILY;COUNT=3",
    );
    assert_eq!(
        suffixes(&content, Part::first(10)),
        ["20270327T013000Z", "20270328T013000Z", "20270329T003000Z"]
    );
}

#[test]
fn whole_days_have_dates_in_their_ids() {
    let content = series(
        &json!({"date": "2027-03-27"}),
        &json!({"date": "2027-03-29"}),
        "RRULE:FREQ=WEEKLY;COUNT=2",
    );
    let slots = content.slots(Berlin, Part::first(10));
    assert_eq!(slots[1].suffix, "20270403");
    assert_eq!(
        slots[1].end,
        When::on(chrono::NaiveDate::from_ymd_opt(2027, 4, 5).unwrap())
    );
    assert!(content.slot(Berlin, "20270403").is_some());
    assert!(content.slot(Berlin, "20270404").is_none());
}

#[test]
fn an_endless_series_is_cut_by_bounds_or_by_number() {
    let content = series(
        &berlin("2020-01-01T09:00:00"),
        &berlin("2020-01-01T10:00:00"),
        "RRULE:FREQ=DAILY",
    );
    assert_eq!(suffixes(&content, Part::first(730)).len(), 730);
    let instant = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let part = Part {
        from: Some(instant("2027-03-01T09:00:00Z")),
        to: Some(instant("2027-03-03T08:00:00Z")),
        most: 730,
    };
    assert_eq!(suffixes(&content, part), ["20270302T080000Z"]);
}

#[test]
fn ids_are_split_at_the_last_underscore_and_only_before_a_time() {
    assert_eq!(
        split_id("_a_b_20270302T080000Z"),
        Some(("_a_b", "20270302T080000Z"))
    );
    assert_eq!(split_id("ab_20270302"), Some(("ab", "20270302")));
    assert_eq!(split_id("ab_R20270302T080000"), None);
    assert_eq!(split_id("ab"), None);
}

#[test]
fn google_own_zone_names_are_understood_and_unknown_ones_are_the_calendars() {
    let zone = |name: &str| When::at(Utc::now()).in_zone(name).zone(Berlin);
    assert_eq!(zone("GMT+01:00").name(), "Etc/GMT-1");
    assert_eq!(zone("Mars/Olympus"), Berlin);
}
