//! Many want the same slot at once, at two replicas of booking-command: how long until everybody has an
//! answer. What must hold is asserted: in each round exactly one gets the slot, and afterwards Google has
//! one event for each round and no other.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, ensure};
use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_process::grpc;
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{FakeBookingApp, NewBooking, Service, found_within};
use serde_json::Value;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    like_production,
    load::percentile,
    report::{line, ms},
    rooms::{Rooms, TENANT},
};

const REPLICAS: usize = 2;
/// How long one call may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(rounds: usize, at_once: usize) -> anyhow::Result<()> {
    let cluster = like_production::cluster("bench contend")
        .replicas(Service::BookingCommand, REPLICAS)
        .start()
        .await;
    let rooms = Rooms::given(&cluster, 1).await;
    rooms.linked_and_watched(&cluster, 1).await?;
    rooms.opened(&cluster).await?;
    let ana = rooms.organisation.given_user("ana");
    cluster.app().given_user(TENANT, "u-ana", ana.mail()).await;
    let replicas: Vec<_> = (0..REPLICAS).map(|index| cluster.app_at(index)).collect();

    let object = &rooms.all[0].object;
    let (mut took, mut answers) = (Vec::new(), BTreeMap::<String, usize>::new());
    for round in 0..rounds {
        let began = Instant::now();
        let said = all_want(&replicas, object, slot(round)?, at_once).await?;
        took.push(began.elapsed());
        let won = said.iter().filter(|word| *word == "CONFIRMED").count();
        ensure!(won == 1, "round {round}: {won} got the slot: {said:?}");
        for word in said {
            *answers.entry(word).or_default() += 1;
        }
    }
    let mut orphans = 0;
    let alone = found_within(PATIENCE, async || {
        let of_room = live(&rooms.all[0].room.events().ok()?);
        let of_ana = live(&cluster.google().events(ana.mail()).ok()?);
        orphans = of_room.abs_diff(rounds) + of_ana.saturating_sub(rounds);
        (orphans == 0).then_some(())
    });
    let alone = alone.await;
    alone.with_context(|| format!("{orphans} events too many or too few at Google"))?;

    took.sort_unstable();
    line(&format!(
        "{at_once} at once for one slot, {rounds} rounds, {REPLICAS} replicas: one winner each, no orphan event"
    ));
    line(&format!("answers: {answers:?}"));
    line(&format!(
        "until all {at_once} are answered: p50 {}  most {}",
        ms(percentile(&took, 0.5)),
        ms(percentile(&took, 1.0)),
    ));
    Ok(())
}

/// An hour for each round, from tomorrow on.
fn slot(round: usize) -> anyhow::Result<DateTime<Utc>> {
    let day = SystemClock.now().duration_trunc(TimeDelta::days(1))?;
    Ok(day + TimeDelta::days(1) + TimeDelta::hours(i64::try_from(round)?))
}

/// What everybody is told: the state of the booking, with its cause if it ended, or why there is none.
async fn all_want(
    replicas: &[FakeBookingApp],
    object: &str,
    start: DateTime<Utc>,
    at_once: usize,
) -> anyhow::Result<Vec<String>> {
    let mut calls = JoinSet::new();
    for (number, app) in (0..at_once).zip(replicas.iter().cycle()) {
        let new = if number % 4 < 2 {
            NewBooking::by_user(object, start, "u-ana")
        } else {
            NewBooking::by_device(object, start, &format!("display-{number}"))
        };
        let (app, new) = (app.clone(), new.waiting(PATIENCE));
        calls.spawn(async move { app.create_booking(TENANT, new).await });
    }
    let mut said = Vec::with_capacity(at_once);
    while let Some(answer) = calls.join_next().await {
        said.push(match answer? {
            Ok(answer) => {
                let booking = answer.booking.unwrap_or_default();
                match booking.state() {
                    BookingState::Confirmed => "CONFIRMED".to_owned(),
                    state => format!("{state:?} {}", booking.cause),
                }
            }
            Err(status) => grpc::reason(&status).unwrap_or_else(|| status.code().to_string()),
        });
    }
    Ok(said)
}

/// How many events stand on a calendar.
fn live(events: &[Value]) -> usize {
    let live = |event: &&Value| event["status"] != "cancelled";
    events.iter().filter(live).count()
}
