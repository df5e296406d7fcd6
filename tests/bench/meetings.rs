//! What stands on the rooms' calendars before they are linked: one half of the dates belongs to weekly
//! series that the room was invited to and accepted, the other half are meetings made straight on the
//! room's calendar.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use google_sim::{Answer, NewEvent};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_testkit::found_within;

use crate::{report::line, rooms::Rooms};

/// The hours of the day that series begin at, and those of single meetings.
const SERIES_HOURS: (usize, usize) = (6, 6);
const SINGLE_HOURS: (usize, usize) = (13, 8);
/// Single meetings take place within this many days, series within this many weeks: all of it lies
/// before the horizon of 400 days.
const MOST_DAYS: usize = 380;
const MOST_WEEKS: usize = 52;

/// Puts `occurrences` dates on the calendar of every room.
pub(crate) async fn given(
    rooms: &Rooms,
    occurrences: usize,
    series_length: usize,
) -> anyhow::Result<()> {
    let series = occurrences / 2 / series_length.max(1);
    let single = occurrences - series * series_length;
    ensure!(
        series <= 7 * SERIES_HOURS.1
            && single <= MOST_DAYS * SINGLE_HOURS.1
            && series_length <= MOST_WEEKS,
        "so many dates do not fit: fewer --occurrences, or --series-length nearer to {MOST_WEEKS}"
    );
    let admin = &rooms.organisation.admin;
    let first_day = first_day();
    let mut invited = Vec::new();
    for room in &rooms.all {
        for number in 0..series {
            let start = slot(first_day, number % 7, SERIES_HOURS.0 + number / 7);
            let event = NewEvent::timed(start, start + TimeDelta::minutes(30))
                .repeating(&format!("FREQ=WEEKLY;COUNT={series_length}"))
                .in_room(room.room.mail());
            invited.push((&room.room, admin.insert_event(event)?));
        }
        for number in 0..single {
            let (day, hour) = (number / SINGLE_HOURS.1, number % SINGLE_HOURS.1);
            let start = slot(first_day, day, SINGLE_HOURS.0 + hour);
            let event = NewEvent::timed(start, start + TimeDelta::minutes(30));
            room.room.insert_event(admin.mail(), event)?;
        }
    }
    let within = Duration::from_mins(10);
    found_within(within, async || {
        invited.retain(|(room, event)| room.answer(event) != Some(Answer::Accepted));
        invited.is_empty().then_some(())
    })
    .await
    .context("the rooms should have accepted every series")?;
    line(&format!(
        "{} rooms, in each {series} series of {series_length} dates and {single} single meetings",
        rooms.all.len()
    ));
    Ok(())
}

/// Midnight, UTC, of the day after tomorrow.
fn first_day() -> DateTime<Utc> {
    let now = SystemClock.now();
    now.duration_trunc(TimeDelta::days(1)).unwrap_or(now) + TimeDelta::days(2)
}

fn slot(first_day: DateTime<Utc>, days: usize, hours: usize) -> DateTime<Utc> {
    let count = |n: usize| i64::try_from(n).unwrap_or_default();
    first_day + TimeDelta::days(count(days)) + TimeDelta::hours(count(hours))
}
