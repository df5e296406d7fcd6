//! Every sync token of every room dies at once (410), and each room gets a new meeting, whose push lets
//! it be noticed. While it heals, all bookings are read again and again with `ListBookings`, and the
//! subscriber listens. Counted are bookings from before that were absent from any reading, and those
//! that a change was told about: nothing about them changed, so both must be 0.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{NewEvent, Operation};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::{Booking, change_item::Item};
use roomsync_testkit::{Cluster, Heard, Subscriber};
use tokio::time::Instant;

use crate::{
    like_production, meetings, quiet,
    report::line,
    rooms::{Rooms, TENANT},
};

const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) async fn run(rooms: usize, bookings: usize, series_length: usize) -> anyhow::Result<()> {
    let cluster = like_production::cluster("bench flicker").start().await;
    let rooms = Rooms::given(&cluster, rooms).await;
    meetings::given(&rooms, bookings, series_length).await?;
    rooms.linked_and_watched(&cluster, 1).await?;
    let subscriber = cluster.app().subscribe(TENANT).await;
    let known = ids(&rooms.bookings(&cluster).await?);
    ensure!(
        known.len() == rooms.all.len() * bookings,
        "{} bookings were imported, {} in each room should have been",
        known.len(),
        bookings
    );
    let heard_before = subscriber.journal(|journal| journal.heard.len());
    age_cursors(&cluster).await?;
    cluster.google().clear_ledger();

    let over = Cell::new(false);
    let healing = async {
        let healed = heal(&cluster, &rooms, &subscriber, heard_before).await;
        over.set(true);
        healed
    };
    let (healed, read) = tokio::join!(healing, read_until(&over, &cluster, &rooms, &known));
    let (healed, read) = (healed?, read?);

    let expired = cluster.google().calls(Operation::List);
    let expired: BTreeSet<_> = expired
        .iter()
        .filter(|call| call.status == Some(410))
        .filter_map(|call| call.calendar.as_deref())
        .collect();
    ensure!(
        expired.len() == rooms.all.len(),
        "{} of {} rooms were answered 410: nothing to measure",
        expired.len(),
        rooms.all.len()
    );
    let told: BTreeSet<String> = subscriber.journal(|journal| {
        told_about(&journal.heard[heard_before..])
            .filter(|id| known.contains(*id))
            .map(ToOwned::to_owned)
            .collect()
    });
    line(&format!(
        "every sync token of {} rooms with {} bookings, made a day old, expired at once: {} rooms were answered 410",
        rooms.all.len(),
        known.len(),
        expired.len()
    ));
    line(&format!(
        "healed {:.2} s after the first token died: the new meeting of every room was heard, nothing was \
         left to do after {:.2} s",
        healed.heard.as_secs_f64(),
        healed.quiet.as_secs_f64()
    ));
    line(&format!(
        "bookings that flickered: {} absent at any of {} readings of all (must be 0), {} told about as \
         changed (must be 0)",
        read.absent.len(),
        read.readings,
        told.len()
    ));
    Ok(())
}

/// Makes every sync token a day old, as one that dies in production is. Those of this run are seconds
/// old, and when such a young one dies, its calendar waits before it is listed anew: measured would be
/// that wait.
async fn age_cursors(cluster: &Cluster) -> anyhow::Result<()> {
    sqlx::query("UPDATE sync.calendars SET cursor_since = cursor_since - interval '1 day'")
        .execute(cluster.database().pool())
        .await
        .context("the sync tokens could not be made old")?;
    Ok(())
}

/// How long it took until every room was current again.
struct Healed {
    heard: Duration,
    quiet: Duration,
}

async fn heal(
    cluster: &Cluster,
    rooms: &Rooms,
    subscriber: &Subscriber,
    heard_before: usize,
) -> anyhow::Result<Healed> {
    let admin = rooms.organisation.admin.mail();
    // Nothing else begins at this second.
    let start = SystemClock.now() + TimeDelta::days(1);
    let began = Instant::now();
    for room in &rooms.all {
        room.room.expire_sync_tokens()?;
    }
    for room in &rooms.all {
        let event = NewEvent::timed(start, start + TimeDelta::minutes(1));
        room.room.insert_event(admin, event)?;
    }
    subscriber
        .found_within(PATIENCE, |journal| {
            let heard = new_meetings(&journal.heard[heard_before..], start);
            (heard.len() == rooms.all.len()).then_some(())
        })
        .await
        .context("not every room's new meeting was heard")?;
    let heard = began.elapsed();
    quiet::wait(cluster, 1, PATIENCE).await?;
    let quiet = began.elapsed();
    Ok(Healed { heard, quiet })
}

/// What the readings showed.
#[derive(Default)]
struct Read {
    readings: usize,
    absent: BTreeSet<String>,
}

/// Reads all bookings again and again; once more after it is over.
async fn read_until(
    over: &Cell<bool>,
    cluster: &Cluster,
    rooms: &Rooms,
    known: &BTreeSet<String>,
) -> anyhow::Result<Read> {
    let mut read = Read::default();
    loop {
        let last = over.get();
        let seen = ids(&rooms.bookings(cluster).await?);
        read.readings += 1;
        read.absent.extend(known.difference(&seen).cloned());
        if last {
            return Ok(read);
        }
    }
}

fn ids(bookings: &[Booking]) -> BTreeSet<String> {
    bookings.iter().map(|b| b.booking_id.clone()).collect()
}

/// The ids of all bookings that these changes are about.
fn told_about(heard: &[Heard]) -> impl Iterator<Item = &str> {
    bookings(heard).map(|booking| booking.booking_id.as_str())
}

/// The objects that a booking which starts then was heard of.
fn new_meetings(heard: &[Heard], start: DateTime<Utc>) -> BTreeMap<&str, &str> {
    let begins = |booking: &&Booking| {
        let window = booking.window.as_ref();
        let at = window.and_then(|window| window.starts_at.as_ref());
        at.is_some_and(|at| at.seconds == start.timestamp())
    };
    bookings(heard)
        .filter(begins)
        .map(|b| (b.object_id.as_str(), b.booking_id.as_str()))
        .collect()
}

fn bookings(heard: &[Heard]) -> impl Iterator<Item = &Booking> {
    let items = heard.iter().flat_map(|heard| &heard.change.items);
    items.filter_map(|item| match &item.item {
        Some(Item::Booking(booking)) => Some(booking),
        _ => None,
    })
}
