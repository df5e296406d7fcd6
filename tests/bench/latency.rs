//! From a change at Google to a subscriber that has it. The clock starts when the simulator takes
//! the change (its push leaves at once) and stops when the subscriber's stream delivers it, so it
//! includes push, queue, listing, Apply, outbox, queue, log and stream. Open model: changes come at
//! their rate whether or not the earlier ones are through. Google's limits are raised out of the way:
//! what is measured is our own time, not the wait for a quota.

use std::{collections::HashMap, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use google_sim::NewEvent;
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::change_item::Item;
use roomsync_testkit::app::{Heard, instant};

use crate::{
    like_production,
    load::percentile,
    report::{line, ms},
    rooms::{Rooms, TENANT},
};

pub(crate) async fn run(rooms: usize, changes: usize, rate: u64) -> anyhow::Result<()> {
    let cluster = like_production::cluster("bench latency").start().await;
    let rooms = Rooms::given(&cluster, rooms).await;
    rooms.linked_and_watched(&cluster, 1).await?;
    let subscriber = cluster.app().subscribe(TENANT).await;
    let admin = rooms.organisation.admin.mail();
    line(&format!("{changes} changes at {rate} per second"));

    // Every meeting has a start of its own, by which it is recognised.
    let begin = SystemClock.now() + TimeDelta::days(2);
    let start_of = |number: usize| -> anyhow::Result<DateTime<Utc>> {
        Ok(begin + TimeDelta::minutes(i64::try_from(number)?))
    };
    let mut made = HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_millis(1000 / rate.max(1)));
    for number in 0..changes {
        tick.tick().await;
        let start = start_of(number)?;
        let event = NewEvent::timed(start, start + TimeDelta::minutes(1));
        let at = SystemClock.now();
        let room = &rooms.all[number % rooms.all.len()].room;
        room.insert_event(admin, event)?;
        made.insert(start.timestamp(), at);
    }
    let heard = subscriber
        .found_within(Duration::from_mins(2), |journal| {
            let heard = arrivals(&journal.heard);
            made.keys()
                .all(|start| heard.contains_key(start))
                .then_some(heard)
        })
        .await
        .context("not every change arrived within two minutes")?;

    let mut latencies: Vec<Duration> = made
        .iter()
        .map(|(start, at)| (heard[start] - *at).to_std().unwrap_or_default())
        .collect();
    latencies.sort_unstable();
    line(&format!(
        "change at Google -> on the subscriber's stream: p50 {}  p99 {}  most {}",
        ms(percentile(&latencies, 0.5)),
        ms(percentile(&latencies, 0.99)),
        ms(percentile(&latencies, 1.0)),
    ));
    like_production::memory(&cluster, 1);
    let listings = cluster.google().calls(google_sim::Operation::List).len();
    line(&format!(
        "listings asked of Google, imports and polls included: {listings}"
    ));
    Ok(())
}

/// When the booking that starts then was first heard of.
fn arrivals(heard: &[Heard]) -> HashMap<i64, DateTime<Utc>> {
    let mut arrivals = HashMap::new();
    for heard in heard {
        for item in &heard.change.items {
            if let Some(Item::Booking(booking)) = &item.item {
                let start = instant(booking.window.as_ref().and_then(|w| w.starts_at.as_ref()));
                if let Some(start) = start {
                    arrivals.entry(start.timestamp()).or_insert(heard.at);
                }
            }
        }
    }
    arrivals
}
