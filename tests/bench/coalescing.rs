//! How few listings many pushes cost. Every push is a real one: a meeting is made straight on a room's
//! calendar, and the simulator posts the push that follows from it, as Google would. What is counted
//! are the requests `events.list` and `events.instances` that reach the simulator until nothing is left
//! to do. The floor is one: a change that nobody looks at is not seen.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{Call, NewEvent, Operation};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_testkit::{Cluster, Service, Subscriber, found_within};
use tokio::time::{Instant, interval};

use crate::{
    like_production,
    load::percentile,
    quiet,
    report::{line, ms, per},
    rooms::{Room, Rooms, TENANT},
};

const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) async fn run(pushes: usize, rooms: usize, replicas: usize) -> anyhow::Result<()> {
    ensure!(
        rooms > 0 && pushes > 0 && replicas > 0,
        "at least one of each"
    );
    let cluster = like_production::cluster("bench coalescing")
        .replicas(Service::SyncWorker, replicas)
        .start()
        .await;
    let rooms = Rooms::given(&cluster, rooms).await;
    rooms.linked_and_watched(&cluster, replicas).await?;
    let subscriber = cluster.app().subscribe(TENANT).await;
    let bench = Bench {
        cluster: &cluster,
        rooms: &rooms,
        subscriber,
        replicas,
    };
    bench.many_to_one(pushes).await?;
    bench.one_to_each().await?;
    like_production::memory(&cluster, replicas);
    Ok(())
}

struct Bench<'a> {
    cluster: &'a Cluster,
    rooms: &'a Rooms,
    subscriber: Subscriber,
    replicas: usize,
}

impl Bench<'_> {
    /// Many changes of one room, spread evenly over one second.
    async fn many_to_one(&self, pushes: usize) -> anyhow::Result<()> {
        let room = &self.rooms.all[0];
        let before = self.begin();
        let first = SystemClock.now() + TimeDelta::days(2);
        let mut ticks = interval(Duration::from_secs(1) / u32::try_from(pushes)?);
        let began = Instant::now();
        for number in 0..pushes {
            ticks.tick().await;
            let start = first + TimeDelta::minutes(i64::try_from(number)?);
            self.change(room, start)?;
        }
        let changed = began.elapsed();
        self.pushed(before, pushes).await?;
        let answered = began.elapsed();
        self.subscriber
            .found_within(PATIENCE, |journal| {
                (journal.bookings(&room.object).len() == pushes).then_some(())
            })
            .await
            .context("not every change was heard")?;
        let heard = began.elapsed();
        let mut listings = self.listings().await?;
        listings.retain(|call| call.calendar.as_deref() == Some(room.room.mail()));
        line(&format!(
            "{pushes} changes of one room within {}, the last of {pushes} pushes answered after {}: \
             {} listings (aim: 3 or fewer)",
            ms(changed),
            ms(answered),
            listings.len()
        ));
        line(&format!(
            "the subscriber had all of them {} after the first change",
            ms(heard)
        ));
        Ok(())
    }

    /// One change of every room, as fast as they can be made.
    async fn one_to_each(&self) -> anyhow::Result<()> {
        let rooms = &self.rooms.all;
        let before = self.begin();
        let heard_before = self.subscriber.journal(|journal| journal.heard.len());
        // Nothing of the first part is there.
        let start = SystemClock.now() + TimeDelta::days(100);
        let (began, began_at) = (Instant::now(), SystemClock.now());
        for room in rooms {
            self.change(room, start)?;
        }
        let changed = began.elapsed();
        self.pushed(before, rooms.len()).await?;
        let answered = began.elapsed();
        let mut latencies = self
            .subscriber
            .found_within(PATIENCE, |journal| {
                let heard = &journal.heard[heard_before..];
                let first: BTreeMap<&str, DateTime<Utc>> = heard
                    .iter()
                    .rev()
                    .map(|heard| (heard.change.object_id.as_str(), heard.at))
                    .collect();
                (first.len() == rooms.len()).then(|| {
                    let since = |at: &DateTime<Utc>| (*at - began_at).to_std().unwrap_or_default();
                    first.values().map(since).collect::<Vec<_>>()
                })
            })
            .await
            .context("not every room's change was heard")?;
        latencies.sort_unstable();
        let listings = self.listings().await?;
        let mut of_room: BTreeMap<&str, usize> = BTreeMap::new();
        for call in &listings {
            *of_room
                .entry(call.calendar.as_deref().unwrap_or_default())
                .or_default() += 1;
        }
        line(&format!(
            "one change of each of {} rooms within {}, the last push answered after {}: {:.2} listings \
             per room (aim: 1.00), {} at most",
            rooms.len(),
            ms(changed),
            ms(answered),
            per(listings.len(), rooms.len()),
            of_room.values().max().copied().unwrap_or_default()
        ));
        line(&format!(
            "heard by the subscriber after p50 {}, the last after {}",
            ms(percentile(&latencies, 0.5)),
            ms(percentile(&latencies, 1.0))
        ));
        Ok(())
    }

    /// Forgets the calls so far; returns how many pushes there were.
    fn begin(&self) -> usize {
        self.cluster.google().clear_ledger();
        self.cluster.google().pushes().len()
    }

    fn change(&self, room: &Room, start: DateTime<Utc>) -> anyhow::Result<()> {
        let admin = self.rooms.organisation.admin.mail();
        let event = NewEvent::timed(start, start + TimeDelta::minutes(1));
        room.room.insert_event(admin, event)?;
        Ok(())
    }

    /// Waits until so many pushes were sent and answered with success.
    async fn pushed(&self, before: usize, expected: usize) -> anyhow::Result<()> {
        let google = self.cluster.google();
        // Looked at now and then only: the simulator shares this process.
        found_within(PATIENCE, async || {
            let pushes = google.pushes().split_off(before);
            let taken = pushes
                .iter()
                .filter(|push| push.answers.last() == Some(&Some(200)));
            (taken.count() >= expected).then_some(())
        })
        .await
        .context("not every push was taken")
    }

    /// The listings since [`Self::begin`], once nothing is left to do.
    async fn listings(&self) -> anyhow::Result<Vec<Call>> {
        quiet::wait(self.cluster, self.replicas, PATIENCE).await?;
        let is_listing =
            |call: &Call| matches!(call.operation, Operation::List | Operation::Instances);
        let calls = self.cluster.google().ledger();
        Ok(calls.into_iter().filter(is_listing).collect())
    }
}
