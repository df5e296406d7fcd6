//! What is shown, by a table of cases.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use roomsync_domain::{
    Booker, BookingId, BookingState, Flags, OccurrenceKey, TimeWindow, decide::Details,
};
use roomsync_proto::booking::v1::booker::Booker as Who;
use rstest::rstest;

use super::state::{Facts, horizon};
use crate::bookings::Booking;

/// A time of 2026-11-23, a Monday, by Berlin's clock: `9:30`; `+` is a day later.
fn at(text: &str) -> DateTime<Utc> {
    let (days, text) = match text.strip_prefix('+') {
        Some(text) => (1, text),
        None => (0, text),
    };
    let (hour, minute) = text.split_once(':').unwrap();
    let minutes = hour.parse::<i64>().unwrap() * 60 + minute.parse::<i64>().unwrap();
    let midnight: DateTime<Utc> = "2026-11-22T23:00:00Z".parse().unwrap();
    midnight + TimeDelta::days(days) + TimeDelta::minutes(minutes)
}

fn window((from, until): (&str, &str)) -> TimeWindow {
    TimeWindow::new(at(from), at(until)).unwrap()
}

fn booking(window: TimeWindow) -> Booking {
    let id = window.starts_at().timestamp().to_string();
    Booking {
        id: BookingId::new(),
        object: "room-1".parse().unwrap(),
        key: OccurrenceKey::Event(id.clone()),
        state: BookingState::Confirmed,
        details: Details {
            event_id: id,
            window,
            all_day: false,
            booker: Booker::User {
                user: "ana".parse().unwrap(),
            },
            organizer_mail: None,
            private: false,
            title: Some("Planning".to_owned()),
        },
        flags: Flags::default(),
        cause: None,
        placement: None,
        at_google: true,
        event_kept: false,
        google_write: None,
        object_version: 1,
        created_at: window.starts_at(),
        updated_at: window.starts_at(),
    }
}

fn facts(bookings: &[(&str, &str)]) -> Facts {
    Facts {
        version: 7,
        zone: Tz::Europe__Berlin,
        bookings: bookings.iter().map(|it| booking(window(*it))).collect(),
        blocked: Vec::new(),
        open: true,
        refused: None,
    }
}

/// `current next today free_until free_from book_now`, times by Berlin's clock, `-` for none.
fn told(facts: &Facts, now: &str) -> String {
    let state = facts.at(at(now));
    let time = |at: Option<DateTime<Utc>>| {
        at.map_or("-".to_owned(), |at| {
            at.with_timezone(&Tz::Europe__Berlin)
                .format("%-d:%-H:%M")
                .to_string()
        })
    };
    let start = |booking: Option<&Booking>| time(booking.map(|it| it.details.window.starts_at()));
    let book_now: Vec<_> = state.book_now.iter().map(ToString::to_string).collect();
    format!(
        "{} {} {} {} {} {}",
        start(state.current),
        start(state.next),
        state.today.len(),
        time(state.free_until),
        time(state.free_from),
        book_now.join(","),
    )
}

const DAY: &[(&str, &str)] = &[
    ("9:00", "10:00"),
    ("10:00", "10:30"),
    ("11:00", "12:00"),
    ("+9:00", "+10:00"),
];

#[rstest]
#[case::nothing_at_all(&[], "9:30", "- - 0 30:9:00 - 15,30,45,60")]
#[case::before_the_first(DAY, "7:59", "- 23:9:00 3 23:9:00 - 15,30,45,60")]
#[case::an_hour_still_fits(DAY, "8:00", "- 23:9:00 3 23:9:00 - 15,30,45,60")]
#[case::a_minute_later_it_does_not(DAY, "8:01", "- 23:9:00 3 23:9:00 - 15,30,45")]
#[case::too_soon_for_anything(DAY, "8:50", "- 23:9:00 3 23:9:00 - ")]
#[case::it_begins(DAY, "9:00", "23:9:00 23:10:00 3 - 23:10:30 ")]
#[case::one_follows_the_other(DAY, "10:00", "23:10:00 23:11:00 3 - 23:10:30 ")]
#[case::between_two(DAY, "10:30", "- 23:11:00 3 23:11:00 - 15,30")]
#[case::after_the_last(DAY, "12:00", "- 24:9:00 3 24:9:00 - 15,30,45,60")]
#[case::the_next_day(DAY, "+0:00", "- 24:9:00 1 24:9:00 - 15,30,45,60")]
#[case::two_at_once(&[("9:00", "11:00"), ("9:30", "10:00")], "9:45", "23:9:00 - 2 - 23:11:00 ")]
#[case::the_later_of_two_stays(&[("9:00", "10:00"), ("9:30", "11:00")], "10:15", "23:9:30 - 2 - 23:11:00 ")]
#[case::across_midnight(&[("23:00", "+1:00")], "+0:30", "23:23:00 - 1 - 24:1:00 ")]
fn a_display_shows(#[case] bookings: &[(&str, &str)], #[case] now: &str, #[case] expected: &str) {
    assert_eq!(told(&facts(bookings), now), expected);
}

#[test]
fn blocked_times_occupy_without_being_bookings() {
    let blocked = Facts {
        blocked: vec![window(("12:00", "13:00")), window(("9:00", "9:30"))],
        ..facts(&[("9:30", "10:00")])
    };
    assert_eq!(told(&blocked, "8:00"), "- 23:9:30 1 23:9:00 - 15,30,45,60");
    assert_eq!(told(&blocked, "9:10"), "- 23:9:30 1 - 23:10:00 ");
    assert_eq!(told(&blocked, "11:30"), "- - 1 23:12:00 - 15,30");
}

#[rstest]
#[case::cannot_be_booked(true, Some("READ_ONLY"), "7:00", "READ_ONLY")]
#[case::nor_now(true, Some("READ_ONLY"), "8:50", "READ_ONLY")]
#[case::occupied_says_enough(true, Some("READ_ONLY"), "9:30", "")]
#[case::free_for_too_short(true, None, "8:50", "SLOT_TAKEN")]
#[case::free(true, None, "7:00", "")]
#[case::not_handed_over(false, Some("OBJECT_NOT_OPEN"), "7:00", "")]
fn why_nothing_can_be_booked_is_told_when_it_is_free(
    #[case] open: bool,
    #[case] refused: Option<&'static str>,
    #[case] now: &str,
    #[case] expected: &str,
) {
    let facts = Facts {
        open,
        refused,
        ..facts(DAY)
    };
    let state = facts
        .at(at(now))
        .to_api(&"acme".parse().unwrap(), 7, at(now));
    assert_eq!(state.book_now_reason, expected);
    assert_eq!(state.free, open && now != "9:30");
    assert_eq!(
        state.book_now.is_empty(),
        refused.is_some() || now == "8:50"
    );
    assert_eq!(state.free_from.is_some(), open && now == "9:30");
}

#[rstest]
#[case("7:30", "8:00")]
#[case("8:00", "8:00")]
#[case("8:10", "8:15")]
#[case("8:15", "8:15")]
#[case("8:50", "9:00")]
#[case("9:10", "10:00")]
#[case("10:10", "10:30")]
#[case("10:30", "10:30")]
#[case("+3:00", "+4:00")]
fn what_is_shown_changes_with_time_alone(#[case] now: &str, #[case] changes: &str) {
    let facts = facts(DAY);
    let changes_at = facts.changes_at(at(now));
    // Lengths fit up to and with the instant.
    let after = changes_at - at(changes);
    assert!(
        after == TimeDelta::zero() || after == TimeDelta::milliseconds(1),
        "{changes_at}"
    );
    assert!(changes_at > at(now));
}

/// Between two instants at which it changes nothing changes, tried minute by minute through two days.
#[test]
fn nothing_changes_before_it_is_said_to() {
    let facts = Facts {
        blocked: vec![window(("15:00", "16:10"))],
        ..facts(DAY)
    };
    let mut now = at("0:00");
    while now < at("+23:00") {
        let next = facts.changes_at(now);
        let before = facts.at(now);
        let mut between = now;
        while between < next {
            let then = facts.at(between);
            assert_eq!(then, before, "at {between}, read at {now}");
            between += TimeDelta::seconds(20);
        }
        now = next;
    }
}

#[test]
fn a_week_ahead_is_not_another_instant_every_moment() {
    assert_eq!(horizon(at("9:00")), horizon(at("9:59")));
    assert_eq!(horizon(at("9:59")) - at("9:00"), TimeDelta::days(7));
    let far = Facts {
        bookings: vec![booking(
            TimeWindow::new(horizon(at("9:00")), horizon(at("12:00"))).unwrap(),
        )],
        ..facts(&[])
    };
    assert_eq!(far.at(at("9:59")).next, None);
    assert!(far.at(at("10:00")).next.is_some());
}

#[test]
fn who_and_what_of_a_private_booking_are_for_nobody_at_the_door() {
    let mut facts = facts(&[("9:00", "10:00"), ("11:00", "12:00")]);
    facts.bookings[0].details.private = true;
    let state = facts
        .at(at("9:30"))
        .to_api(&"acme".parse().unwrap(), 7, at("9:30"));
    let current = state.current.unwrap();
    assert!(current.hidden && current.private && current.title.is_empty());
    let booker = current.booker.clone().and_then(|it| it.booker);
    assert!(matches!(booker, Some(Who::Anonymous(_))), "{booker:?}");
    assert_eq!(state.today[0], current);
    let next = state.next.unwrap();
    assert!(!next.hidden);
    assert_eq!(next.title, "Planning");
}
