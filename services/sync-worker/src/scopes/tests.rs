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
            Scope::Event(id) => format!("event {id} {}", listing.seen.len()),
            Scope::Series { series, .. } => format!("series {series} {}", listing.seen.len()),
            Scope::Window(_) => format!("window {}", listing.seen.len()),
        })
        .collect()
}

fn date(series: &str, hour: u32) -> Value {
    let mut date = one_off(&format!("{series}_20261125T{hour:02}0000Z"), hour);
    date["recurringEventId"] = json!(series);
    date["originalStartTime"] = date["start"].clone();
    date
}

fn master(id: &str) -> Value {
    json!({ "id": id, "recurrence": ["RRULE:FREQ=DAILY"] })
}

fn cancelled(id: &str) -> Value {
    json!({ "id": id, "status": "cancelled" })
}

fn delta(items: Vec<Value>) -> Delta {
    let events: Vec<Event> = items.into_iter().map(event).collect();
    sort(&events, &room())
}

fn expanded(series: &str, items: Vec<Value>, complete: bool) -> BTreeMap<String, Expanded> {
    let events: Vec<Event> = items.into_iter().map(event).collect();
    let (seen, odd) = occurrences(&events, &room());
    assert_eq!(odd, []);
    BTreeMap::from([(series.to_owned(), Expanded { seen, complete })])
}

#[rstest]
#[case::one_off(one_off("a", 9), &["a"], &[])]
#[case::cancelled(cancelled("a"), &["a"], &[])]
#[case::series(master("s"), &[], &["s"])]
#[case::exception(date("s", 9), &[], &["s"])]
#[case::sparse(cancelled("s_20261125T090000Z"), &[], &["s"])]
#[case::exception_that_cannot_be_read(
    json!({ "id": "s_x", "recurringEventId": "s" }), &[], &["s"]
)]
#[case::cancelled_series(
    json!({ "id": "s", "status": "cancelled", "recurrence": ["RRULE:FREQ=DAILY"] }), &["s"], &[]
)]
fn a_delta_knows_what_it_touched(
    #[case] item: Value,
    #[case] whole: &[&str],
    #[case] series: &[&str],
) {
    let delta = delta(vec![item]);
    assert_eq!(delta.whole.keys().collect::<Vec<_>>(), whole);
    assert_eq!(delta.to_expand(), series);
}

#[rstest]
#[case::made_a_single_event(one_off("s", 9))]
#[case::cancelled(cancelled("s"))]
fn what_is_known_as_a_whole_is_not_expanded(#[case] whole: Value) {
    let delta = delta(vec![
        date("s", 9),
        whole,
        cancelled("s_20261126T090000Z"),
        master("t"),
    ]);
    assert_eq!(delta.to_expand(), ["t"]);
    let listings = of_delta(delta, BTreeMap::new(), november());
    assert_eq!(
        kinds(&listings),
        [
            "event s 1",
            "event s_20261125T090000Z 1",
            "event s_20261126T090000Z 1"
        ]
    );
}

#[test]
fn an_odd_event_is_counted_and_the_rest_is_applied() {
    let delta = delta(vec![json!({ "id": "odd" }), one_off("a", 9)]);
    assert_eq!(delta.odd, [OddWhy::NoTimes]);
    let listings = of_delta(delta, BTreeMap::new(), november());
    assert_eq!(kinds(&listings), ["event a 1"]);
}

#[test]
fn the_last_word_about_an_event_counts() {
    let twice = delta(vec![one_off("a", 9), one_off("a", 11)]);
    let listings = of_delta(twice, BTreeMap::new(), november());
    assert_eq!(listings.len(), 1);
    let seen = listings[0].seen[0].window.unwrap();
    assert_eq!(seen.starts_at().to_rfc3339(), "2026-11-25T11:00:00+00:00");

    let ended = delta(vec![master("s"), cancelled("s")]);
    assert_eq!(ended.to_expand(), [""; 0]);
}

#[test]
fn an_expanded_series_is_a_scope_of_its_own() {
    let touched = delta(vec![
        date("s", 9),
        cancelled("s_20261126T090000Z"),
        one_off("a", 9),
    ]);
    let found = expanded("s", vec![date("s", 10), date("s", 11)], true);
    let listings = of_delta(touched, found, november());
    // The date that only the delta shows has left the series since; the cancelled one ends as such.
    assert_eq!(
        kinds(&listings),
        ["event a 1", "event s_20261126T090000Z 1", "series s 2"]
    );
}

#[test]
fn a_cancelled_date_that_came_back_is_left_to_the_series() {
    let touched = delta(vec![cancelled("s_20261125T090000Z")]);
    let found = expanded("s", vec![date("s", 9)], true);
    assert_eq!(kinds(&of_delta(touched, found, november())), ["series s 1"]);
}

#[test]
fn of_a_series_that_the_calendar_does_not_have_each_date_is_applied() {
    let touched = delta(vec![
        date("s", 9),
        date("s", 10),
        cancelled("s_20261126T090000Z"),
    ]);
    let listings = of_delta(touched, BTreeMap::new(), november());
    assert_eq!(
        kinds(&listings),
        [
            "event s_20261125T090000Z 1",
            "event s_20261125T100000Z 1",
            "event s_20261126T090000Z 1"
        ]
    );
}

#[test]
fn nothing_is_absent_from_a_series_that_could_not_be_read_completely() {
    let touched = delta(vec![date("s", 9), date("s", 10)]);
    let found = expanded("s", vec![date("s", 10), date("s", 11)], false);
    assert_eq!(
        kinds(&of_delta(touched, found, november())),
        [
            "event s_20261125T090000Z 1",
            "event s_20261125T100000Z 1",
            "event s_20261125T110000Z 1"
        ]
    );
}

#[rstest]
#[case::just_before("2026-11-25T09:00:01Z", 1)]
#[case::at_the_end("2026-11-25T09:00:00Z", 0)]
fn what_begins_beyond_the_horizon_is_not_mirrored(#[case] horizon: &str, #[case] seen: usize) {
    let window = window("2026-11-01T00:00:00Z", horizon);
    for item in [one_off("e", 9), date("e", 9)] {
        let listings = of_delta(delta(vec![item]), BTreeMap::new(), window);
        assert_eq!(listings.len(), 1, "named, so that it ends if it was nearer");
        assert_eq!(listings[0].seen.len(), seen);
    }
}

#[test]
fn what_we_made_beyond_the_horizon_is_not_taken_for_gone() {
    let window = window("2026-11-01T00:00:00Z", "2026-11-25T09:00:00Z");
    let mut ours = one_off("e", 9);
    ours["extendedProperties"] = json!({"shared": {"flexopus": "v1.x"}});
    let listings = of_delta(delta(vec![ours]), BTreeMap::new(), window);
    assert_eq!(listings[0].seen.len(), 1);
}

#[rstest]
#[case::shown_by_the_window(one_off("a", 9), vec![one_off("a", 11)], &["window 1"])]
#[case::gone_since(one_off("a", 9), vec![], &["window 0"])]
#[case::cancelled(cancelled("a"), vec![], &["event a 1", "window 0"])]
#[case::came_back(cancelled("a"), vec![one_off("a", 9)], &["window 1"])]
#[case::beyond_the_window(
    json!({ "id": "a", "start": { "dateTime": "2027-11-25T09:00:00Z" },
            "end": { "dateTime": "2027-11-25T10:00:00Z" } }),
    vec![], &["event a 0", "window 0"]
)]
#[case::a_date(date("s", 9), vec![], &["window 0"])]
#[case::a_cancelled_date(
    cancelled("s_20261125T090000Z"), vec![], &["event s_20261125T090000Z 1", "window 0"]
)]
#[case::a_date_that_came_back(cancelled("s_20261125T090000Z"), vec![date("s", 9)], &["window 1"])]
fn the_window_is_the_authority_within_it(
    #[case] touched: Value,
    #[case] listed: Vec<Value>,
    #[case] expected: &[&str],
) {
    let listed: Vec<Event> = listed.into_iter().map(event).collect();
    let (seen, _) = occurrences(&listed, &room());
    let listings = with_window(delta(vec![touched]), seen, november(), true);
    assert_eq!(kinds(&listings), expected);
}

#[test]
fn nothing_is_absent_from_a_window_that_could_not_be_read_completely() {
    let listed = [event(one_off("a", 9)), event(date("s", 9))];
    let (seen, _) = occurrences(&listed, &room());
    let touched = delta(vec![one_off("b", 9), date("s", 9), date("t", 9)]);
    assert_eq!(
        kinds(&with_window(touched, seen, november(), false)),
        [
            "event b 1",
            "event t_20261125T090000Z 1",
            "event a 1",
            "event s_20261125T090000Z 1"
        ]
    );
}

#[test]
fn of_a_large_window_that_could_not_be_read_completely_nothing_is_left_out() {
    let count = MOST_SCOPES + 1;
    let listed: Vec<_> = (0..count)
        .map(|number| event(one_off(&format!("e{number}"), 9)))
        .collect();
    let (seen, _) = occurrences(&listed, &room());
    assert_eq!(of_window(seen, november(), false).len(), count);
}

fn in_berlin(value: Value) -> OccurrenceKey {
    let mut event = event(value);
    event.calendar_zone = Some("Europe/Berlin".to_owned());
    event.occurrence(&room()).unwrap().key
}

/// A date of a series is known by its original start, however it is written: an exception of a delta,
/// a bare tombstone, an instance with the offset of that day, an all-day one as dates or as midnights.
#[rstest]
#[case::before_the_clocks_change(
    "s_20261024T070000Z",
    "2026-10-24T09:00:00+02:00",
    "2026-10-24T07:00:00Z"
)]
#[case::after_the_clocks_change(
    "s_20261025T080000Z",
    "2026-10-25T09:00:00+01:00",
    "2026-10-25T08:00:00Z"
)]
#[case::all_day_in_winter("s_20261125", "2026-11-25", "2026-11-25T00:00:00+01:00")]
#[case::all_day_in_summer("s_20260725", "2026-07-25", "2026-07-25T00:00:00+02:00")]
#[case::all_day_on_the_day_of_the_change("s_20261025", "2026-10-25", "2026-10-25T00:00:00+02:00")]
fn one_date_has_one_key_in_every_listing(#[case] id: &str, #[case] one: &str, #[case] other: &str) {
    let written = |text: &str| {
        let time = if text.len() == 10 {
            json!({ "date": text })
        } else {
            json!({ "dateTime": text, "timeZone": "Asia/Tokyo" })
        };
        json!({ "id": id, "recurringEventId": "s", "originalStartTime": time,
            "start": { "dateTime": "2026-12-01T09:00:00Z" },
            "end": { "dateTime": "2026-12-01T10:00:00Z" } })
    };
    let keys = [written(one), written(other), cancelled(id)].map(in_berlin);
    assert!(matches!(&keys[0], OccurrenceKey::Slot { series, .. } if series == "s"));
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}
