//! Long walks through everything that can be done to series: the calendars never contradict.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};
use google_sim::{Answer, RoomControl, When, instance_id};
use serde_json::{Value, json};

use crate::support::{Acme, answer, repeated};

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("the test's time is valid")
}

fn hour(dice: &mut Dice, day: i64) -> (When, When) {
    let hour = i64::try_from(8 + dice.throw(8)).expect("it is small");
    let start = instant("2027-03-01T00:00:00Z") + Duration::days(day) + Duration::hours(hour);
    (When::at(start), When::at(start + Duration::hours(1)))
}

type Booking = (String, DateTime<Utc>, DateTime<Utc>, String, String);

/// What takes place with the room invited, as one calendar shows it.
fn bookings(items: &[Value], room: &str) -> BTreeSet<Booking> {
    let time = |value: &Value| instant(value["dateTime"].as_str().expect("it is timed"));
    items
        .iter()
        .filter(|item| item["status"] != "cancelled")
        .filter_map(|item| {
            Some((
                item["id"].as_str()?.to_owned(),
                time(&item["start"]),
                time(&item["end"]),
                item["summary"].as_str()?.to_owned(),
                answer(item, room)?.to_owned(),
            ))
        })
        .collect()
}

fn step(acme: &Acme, board: &RoomControl, dice: &mut Dice, series: &mut Vec<String>) {
    let count = u64::try_from(series.len()).expect("it is small");
    let id = series[usize::try_from(dice.throw(count)).expect("it is small")].clone();
    let Ok(master) = acme.alice.event(&id) else {
        return;
    };
    let first = instant(master["start"]["dateTime"].as_str().expect("it is timed"));
    let day = i64::try_from(dice.throw(6)).expect("it is small");
    let original = When::at(first + Duration::days(day));
    let date = instance_id(&id, &original);
    let (start, end) = hour(dice, day);
    let target = if dice.throw(2) == 0 { &id } else { &date };
    // Much of this is refused, as its date is cancelled or not of the series. That is part of it.
    let refused = match dice.throw(12) {
        0 => acme.alice.retitle_event(target, "Standup").is_err(),
        1 | 2 => acme.alice.move_event(&date, start, end).is_err(),
        3 => acme.alice.cancel_event(&date).is_err(),
        4 => acme.alice.invite_room(target, board.mail()).is_err(),
        5 => acme.alice.uninvite_room(target, board.mail()).is_err(),
        6 => acme
            .alice
            .swap_room(&date, acme.room.mail(), board.mail())
            .is_err(),
        7 => acme.room.respond(target, Answer::Declined).is_err(),
        8 => {
            let (start, end) = hour(dice, 0);
            acme.alice.move_series(&id, start, end).is_err()
        }
        9 => {
            let split = acme.alice.split_series(&id, &original, json!({}));
            split.map(|new| series.push(new)).is_err()
        }
        10 => {
            let line = format!("RRULE:FREQ=DAILY;COUNT={}", 2 + dice.throw(7));
            acme.alice.change_recurrence(&id, &[&line]).is_err()
        }
        _ => {
            let event = repeated("FREQ=DAILY;COUNT=5").in_room(acme.room.mail());
            let new = acme.alice.insert_event(event);
            new.map(|new| series.push(new)).is_err()
        }
    };
    if !refused && series.len() > 12 {
        let oldest = series.remove(0);
        let gone = acme.alice.cancel_series(&oldest);
        assert!(gone.is_ok() || acme.alice.event(&oldest).is_ok());
    }
}

#[tokio::test]
async fn the_organizers_and_the_rooms_calendars_show_the_same_after_any_sequence_of_edits() {
    let (from, to) = (
        instant("2027-02-01T00:00:00Z"),
        instant("2027-06-01T00:00:00Z"),
    );
    for (seed, reset, stale) in [
        (1, true, false),
        (2, false, false),
        (3, true, true),
        (4, false, true),
    ] {
        let acme = Acme::with(|settings| {
            settings.moved_series_reset_exceptions = reset;
            settings.stale_exceptions_survive = stale;
            settings.room_answer_delay = std::time::Duration::ZERO;
        })
        .await;
        let board = acme.another_room("Board");
        let mut dice = Dice(seed);
        let mut series = vec![acme.meeting(repeated("FREQ=DAILY;COUNT=6")).await.0];
        let mut answers = BTreeSet::new();
        for number in 0..120 {
            step(&acme, &board, &mut dice, &mut series);
            // Lets some of the rooms answer; nothing runs between the looks below.
            for _ in 0..dice.throw(4) {
                tokio::task::yield_now().await;
            }
            let own = acme.alice.occurrences(from, to).unwrap();
            for room in [&acme.room, &board] {
                let on_rooms = bookings(&room.occurrences(from, to).unwrap(), room.mail());
                assert_eq!(
                    bookings(&own, room.mail()),
                    on_rooms,
                    "seed {seed}, step {number}"
                );
                answers.extend(on_rooms.into_iter().map(|booking| booking.4));
            }
        }
        assert_eq!(
            answers.into_iter().collect::<Vec<_>>(),
            ["accepted", "declined", "needsAction"],
            "the walk met all answers"
        );
    }
}
