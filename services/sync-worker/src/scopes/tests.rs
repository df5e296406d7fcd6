use chrono::DateTime;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const ROOM: &str = "room@resource.calendar.google.com";

fn room() -> ResourceEmail {
    ROOM.parse().unwrap()
}

fn event(value: Value) -> Event {
    serde_json::from_value(value).unwrap()
}

fn one_off(id: &str, hour: u32) -> Value {
    json!({
        "id": id,
        "start": { "dateTime": format!("2026-11-25T{hour:02}:00:00Z") },
        "end": { "dateTime": format!("2026-11-25T{:02}:30:00Z", hour) },
        "attendees": [{ "email": ROOM, "self": true, "responseStatus": "accepted" }],
    })
}

fn window(from: &str, to: &str) -> TimeWindow {
    let at = |text: &str| text.parse::<DateTime<chrono::Utc>>().unwrap();
    TimeWindow::new(at(from), at(to)).unwrap()
}

fn november() -> TimeWindow {
    window("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
}

fn kinds(listings: &[Listing]) -> Vec<String> {
    listings
        .iter()
        .map(|listing| match &listing.scope {
            Scope::Event(id) => format!("event {id}"),
            Scope::Series { series, .. } => format!("series {series}"),
            Scope::Window(_) => format!("window {}", listing.seen.len()),
        })
        .collect()
}

#[rstest]
#[case::one_off(one_off("a", 9), false, 1)]
#[case::cancelled(json!({ "id": "a", "status": "cancelled" }), false, 1)]
#[case::series(json!({ "id": "s", "recurrence": ["RRULE:FREQ=DAILY"] }), true, 0)]
#[case::exception(
    json!({ "id": "s_20261125T090000Z", "recurringEventId": "s",
            "originalStartTime": { "dateTime": "2026-11-25T09:00:00Z" },
            "start": { "dateTime": "2026-11-25T09:00:00Z" },
            "end": { "dateTime": "2026-11-25T10:00:00Z" } }),
    true, 0
)]
#[case::sparse(json!({ "id": "s_20261125T090000Z", "status": "cancelled" }), true, 0)]
#[case::cancelled_series(
    json!({ "id": "s", "status": "cancelled", "recurrence": ["RRULE:FREQ=DAILY"] }), true, 1
)]
fn a_delta_knows_what_it_touched(
    #[case] item: Value,
    #[case] series: bool,
    #[case] one_offs: usize,
) {
    let delta = sort(&[event(item)], &room());
    assert_eq!(
        (delta.series_touched, delta.one_offs.len()),
        (series, one_offs)
    );
    assert!(delta.odd.is_empty());
}

#[test]
fn an_odd_event_is_counted_and_the_rest_is_applied() {
    let delta = sort(
        &[event(json!({ "id": "odd" })), event(one_off("a", 9))],
        &room(),
    );
    assert_eq!(delta.odd, [OddWhy::NoTimes]);
    assert_eq!(kinds(&of_one_offs(delta.one_offs)), ["event a"]);
}

#[test]
fn the_last_word_about_an_event_counts() {
    let delta = sort(&[event(one_off("a", 9)), event(one_off("a", 11))], &room());
    let listings = of_one_offs(delta.one_offs);
    assert_eq!(listings.len(), 1);
    let seen = listings[0].seen[0].window.unwrap();
    assert_eq!(seen.starts_at().to_rfc3339(), "2026-11-25T11:00:00+00:00");
}

#[rstest]
#[case::shown_by_the_window(one_off("a", 9), vec![one_off("a", 11)], &["window 1"])]
#[case::gone_since(one_off("a", 9), vec![], &["window 0"])]
#[case::cancelled(json!({ "id": "a", "status": "cancelled" }), vec![], &["event a", "window 0"])]
#[case::came_back(json!({ "id": "a", "status": "cancelled" }), vec![one_off("a", 9)], &["window 1"])]
#[case::beyond_the_window(
    json!({ "id": "a", "start": { "dateTime": "2027-11-25T09:00:00Z" },
            "end": { "dateTime": "2027-11-25T10:00:00Z" } }),
    vec![], &["event a", "window 0"]
)]
fn the_window_is_the_authority_within_it(
    #[case] touched: Value,
    #[case] listed: Vec<Value>,
    #[case] expected: &[&str],
) {
    let delta = sort(&[event(touched)], &room());
    let listed: Vec<Event> = listed.into_iter().map(event).collect();
    let (seen, _) = occurrences(&listed, &room());
    assert_eq!(
        kinds(&combined(delta.one_offs, seen, november(), true)),
        expected
    );
}

#[test]
fn nothing_is_absent_from_a_window_that_could_not_be_read_completely() {
    let instance = json!({ "id": "s_20261125T090000Z", "recurringEventId": "s",
        "originalStartTime": { "dateTime": "2026-11-25T09:00:00Z" },
        "start": { "dateTime": "2026-11-25T09:00:00Z" },
        "end": { "dateTime": "2026-11-25T10:00:00Z" } });
    let listed = [event(one_off("a", 9)), event(instance)];
    let (seen, _) = occurrences(&listed, &room());
    assert_eq!(
        kinds(&of_window(seen, november(), false)),
        ["event a", "event s_20261125T090000Z"]
    );
}
