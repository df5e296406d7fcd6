use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use proptest::prelude::{Strategy, prop};
use roomsync_domain::TimeWindow;
use rstest::rstest;

use crate::occupancy::tally::{Days, Tally};

/// An instant by a zone's clock, `2026-03-29 02:30`, of two the earlier.
fn at(zone: Tz, text: &str) -> DateTime<Utc> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    zone.from_local_datetime(&local)
        .earliest()
        .unwrap_or_else(|| panic!("{zone} has no {text}"))
        .to_utc()
}

fn window(zone: Tz, (from, until): (&str, &str)) -> TimeWindow {
    TimeWindow::new(at(zone, from), at(zone, until)).unwrap()
}

fn tally(window: TimeWindow, zone: Tz, mut bookings: Vec<TimeWindow>) -> Tally {
    bookings.sort_by_key(TimeWindow::starts_at);
    let mut tally = Tally::new(window, zone, &Days::of(window, zone));
    for booking in bookings {
        tally.add(booking);
    }
    tally
}

/// Each day as `03-29 60/1380 1`: date, booked minutes of how many, bookings.
fn days(tally: &Tally) -> Vec<String> {
    tally
        .days()
        .map(|(date, day)| {
            let (booked, length) = (day.booked.minutes(), day.length.minutes());
            format!(
                "{} {booked}/{length} {}",
                date.format("%m-%d"),
                day.bookings
            )
        })
        .collect()
}

/// Each hour of the week with something in it, as `Sun2 60`.
fn heat(tally: &Tally) -> Vec<String> {
    let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let hours = tally.heat_map().iter().enumerate();
    hours
        .filter(|(_, length)| length.minutes() > 0.0)
        .map(|(hour, length)| {
            let weekday = weekdays[hour / 24];
            format!("{weekday}{} {}", hour % 24, length.minutes())
        })
        .collect()
}

// Monday, 2026-11-23, is an ordinary day in Berlin.
#[rstest]
#[case::nothing_is_booked(
    ("2026-11-23 00:00", "2026-11-25 00:00"), &[],
    &["11-23 0/1440 0", "11-24 0/1440 0"], &[], 0
)]
#[case::one_booking(
    ("2026-11-23 00:00", "2026-11-24 00:00"), &[("2026-11-23 09:30", "2026-11-23 11:15")],
    &["11-23 105/1440 1"], &["Mon9 30", "Mon10 60", "Mon11 15"], 1
)]
#[case::overlapping_ones_are_counted_once(
    ("2026-11-23 00:00", "2026-11-24 00:00"),
    &[
        ("2026-11-23 09:00", "2026-11-23 10:00"), ("2026-11-23 09:30", "2026-11-23 10:30"),
        ("2026-11-23 09:15", "2026-11-23 09:20"), ("2026-11-23 10:30", "2026-11-23 11:00"),
    ],
    &["11-23 120/1440 4"], &["Mon9 60", "Mon10 60"], 4
)]
#[case::across_midnight(
    ("2026-11-23 00:00", "2026-11-26 00:00"), &[("2026-11-23 23:30", "2026-11-25 00:30")],
    &["11-23 30/1440 1", "11-24 1440/1440 1", "11-25 30/1440 1"],
    &[
        "Mon23 30", "Tue0 60", "Tue1 60", "Tue2 60", "Tue3 60", "Tue4 60", "Tue5 60", "Tue6 60",
        "Tue7 60", "Tue8 60", "Tue9 60", "Tue10 60", "Tue11 60", "Tue12 60", "Tue13 60", "Tue14 60",
        "Tue15 60", "Tue16 60", "Tue17 60", "Tue18 60", "Tue19 60", "Tue20 60", "Tue21 60",
        "Tue22 60", "Tue23 60", "Wed0 30",
    ], 1
)]
#[case::until_midnight_is_not_the_next_day(
    ("2026-11-23 00:00", "2026-11-25 00:00"), &[("2026-11-23 23:00", "2026-11-24 00:00")],
    &["11-23 60/1440 1", "11-24 0/1440 0"], &["Mon23 60"], 1
)]
#[case::a_window_in_the_middle_of_days_clips(
    ("2026-11-23 12:00", "2026-11-24 06:00"),
    &[
        ("2026-11-22 10:00", "2026-11-23 12:30"), ("2026-11-24 05:45", "2026-11-24 09:00"),
        ("2026-11-23 10:00", "2026-11-23 12:00"), ("2026-11-24 06:00", "2026-11-24 07:00"),
    ],
    &["11-23 30/720 1", "11-24 15/360 1"], &["Mon12 30", "Tue5 15"], 2
)]
#[case::the_same_hour_of_two_weeks(
    ("2026-11-23 00:00", "2026-12-01 00:00"),
    &[("2026-11-23 09:00", "2026-11-23 10:00"), ("2026-11-30 09:30", "2026-11-30 10:00")],
    &[
        "11-23 60/1440 1", "11-24 0/1440 0", "11-25 0/1440 0", "11-26 0/1440 0", "11-27 0/1440 0",
        "11-28 0/1440 0", "11-29 0/1440 0", "11-30 30/1440 1",
    ],
    &["Mon9 90"], 2
)]
#[case::the_day_of_23_hours(
    ("2026-03-29 00:00", "2026-03-30 00:00"), &[("2026-03-29 01:00", "2026-03-29 04:00")],
    &["03-29 120/1380 1"], &["Sun1 60", "Sun3 60"], 1
)]
#[case::the_day_of_25_hours(
    ("2026-10-25 00:00", "2026-10-26 00:00"), &[("2026-10-25 01:00", "2026-10-25 04:00")],
    &["10-25 240/1500 1"], &["Sun1 60", "Sun2 120", "Sun3 60"], 1
)]
fn a_day_in_berlin(
    #[case] within: (&str, &str),
    #[case] bookings: &[(&str, &str)],
    #[case] expected: &[&str],
    #[case] hours: &[&str],
    #[case] count: i32,
) {
    let zone = Tz::Europe__Berlin;
    let bookings = bookings.iter().map(|booking| window(zone, *booking));
    let tally = tally(window(zone, within), zone, bookings.collect());
    assert_eq!(days(&tally), expected);
    assert_eq!(heat(&tally), hours);
    assert_eq!(tally.bookings(), count);
}

#[rstest]
#[case::half_an_hour_off(
    Tz::Asia__Kolkata, ("2026-11-23 00:00", "2026-11-24 00:00"),
    ("2026-11-23 09:15", "2026-11-23 10:15"), &["11-23 60/1440 1"], &["Mon9 45", "Mon10 15"]
)]
#[case::put_back_by_half_an_hour(
    Tz::Australia__Lord_Howe, ("2026-04-05 00:00", "2026-04-06 00:00"),
    ("2026-04-05 01:00", "2026-04-05 03:00"), &["04-05 150/1470 1"], &["Sun1 90", "Sun2 60"]
)]
#[case::put_forward_by_half_an_hour(
    Tz::Australia__Lord_Howe, ("2026-10-04 00:00", "2026-10-05 00:00"),
    ("2026-10-04 01:00", "2026-10-04 04:00"), &["10-04 150/1410 1"], &["Sun1 60", "Sun2 30", "Sun3 60"]
)]
#[case::midnight_that_does_not_occur(
    Tz::Africa__Cairo, ("2026-04-23 23:00", "2026-04-25 00:00"),
    ("2026-04-23 23:00", "2026-04-24 02:00"), &["04-23 60/60 1", "04-24 60/1380 1"], &["Thu23 60", "Fri1 60"]
)]
#[case::a_date_that_does_not_occur(
    Tz::Pacific__Apia, ("2011-12-29 00:00", "2012-01-01 00:00"),
    ("2011-12-29 23:00", "2011-12-31 01:00"), &["12-29 60/1440 1", "12-31 60/1440 1"], &["Thu23 60", "Sat0 60"]
)]
#[case::put_back_across_midnight(
    Tz::America__St_Johns, ("2010-11-06 23:00", "2010-11-08 00:00"),
    ("2010-11-06 23:30", "2010-11-07 01:00"), &["11-06 89/119 1", "11-07 61/1441 1"],
    &["Sat23 89", "Sun0 61"]
)]
fn a_day_by_an_odd_clock(
    #[case] zone: Tz,
    #[case] within: (&str, &str),
    #[case] booking: (&str, &str),
    #[case] expected: &[&str],
    #[case] hours: &[&str],
) {
    let tally = tally(window(zone, within), zone, vec![window(zone, booking)]);
    assert_eq!(days(&tally), expected);
    assert_eq!(heat(&tally), hours);
}

#[test]
fn the_rate_is_the_share_of_the_window() {
    let zone = Tz::Europe__Berlin;
    let within = window(zone, ("2026-11-23 12:00", "2026-11-23 18:00"));
    let booked = window(zone, ("2026-11-23 11:00", "2026-11-23 13:30"));
    let (booked, length) = tally(within, zone, vec![booked]).booked();
    assert_eq!(booked.share_of(length).to_bits(), 0.25_f64.to_bits());
    assert_eq!(length.share_of(length).to_bits(), 1.0_f64.to_bits());
}

/// Windows of up to two days, by the minute, around the nights in which clocks are changed.
fn windows() -> impl Strategy<Value = Vec<TimeWindow>> {
    let begin = at(Tz::UTC, "2026-10-23 00:00");
    let window = (0..6 * 1440_i64, 1..2 * 1440_i64).prop_map(move |(start, minutes)| {
        let start = begin + TimeDelta::minutes(start);
        TimeWindow::new(start, start + TimeDelta::minutes(minutes)).unwrap()
    });
    prop::collection::vec(window, 0..12)
}

proptest::proptest! {
    #[test]
    fn the_days_and_the_heat_map_sum_up_to_the_minutes_in_which_anything_is_booked(
        bookings in windows(),
        zone in prop::sample::select(vec![
            Tz::Europe__Berlin, Tz::Australia__Lord_Howe, Tz::Asia__Kolkata, Tz::America__New_York,
        ]),
        from in 0..3 * 1440_i64,
        minutes in 1..5 * 1440_i64,
    ) {
        let start = at(Tz::UTC, "2026-10-23 00:00") + TimeDelta::minutes(from);
        let window = TimeWindow::new(start, start + TimeDelta::minutes(minutes)).unwrap();
        let inside = bookings.iter().filter_map(|booking| booking.clipped_to(&window));
        let inside: Vec<_> = inside.collect();
        let union = TimeWindow::merge(inside.clone()).into_iter();
        let union: i64 = union.map(|it| (it.ends_at() - it.starts_at()).num_minutes()).sum();

        let tally = tally(window, zone, bookings);
        let whole = |minutes: f64| minutes.to_string();
        let (booked, length) = tally.booked();
        proptest::prop_assert_eq!(whole(booked.minutes()), union.to_string());
        proptest::prop_assert_eq!(whole(length.minutes()), minutes.to_string());
        let days: f64 = tally.days().map(|(_, day)| day.booked.minutes()).sum();
        proptest::prop_assert_eq!(whole(days), union.to_string());
        let heat: f64 = tally.heat_map().iter().map(|length| length.minutes()).sum();
        proptest::prop_assert_eq!(whole(heat), union.to_string());
        proptest::prop_assert_eq!(usize::try_from(tally.bookings()).unwrap(), inside.len());
        proptest::prop_assert!(tally.days().all(|(_, day)| day.booked.share_of(day.length) <= 1.0));
    }
}
