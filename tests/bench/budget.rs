//! Google's quota at full size: the simulator enforces Google's own limits by a sliding minute while many
//! rooms are imported, meetings change in another room of the same tenant, users and a door display book
//! there, and another tenant lives on beside it. Counted are the calls that were refused for the quota, which
//! must be none, and how long changes took to be heard, beside how long they take when nothing else happens.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use google_sim::{Call, NewEvent};
use roomsync_domain::{Clock as _, SystemClock};
use roomsync_proto::booking::v1::BookingState;
use roomsync_testkit::{
    Cluster, LinkedRoom, Service,
    app::{NewBooking, instant},
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    like_production,
    load::percentile,
    report::{line, ms, ratio},
    rooms::{Rooms, TENANT},
};

/// The longest that anything may take to be heard before it counts as lost.
const PATIENCE: Duration = Duration::from_mins(2);
/// Changes of each tenant with nothing else to do, and how far apart: what comes at once is looked at together,
/// and what comes after that waits.
const IDLE: usize = 20;
const APART: Duration = Duration::from_secs(1);
/// How often something changes in each tenant during the import, and two bookings are made. That costs
/// some seven calls each time, of the 415 a minute that the tenant has in the long run.
const EVERY: Duration = Duration::from_secs(5);

pub(crate) async fn run(rooms: usize) -> anyhow::Result<()> {
    ensure!(rooms > 0, "at least one room");
    let cluster = like_production::within_googles_limits("bench budget")
        .replicas(Service::SyncWorker, 2)
        .replicas(Service::BookingCommand, 2)
        .start()
        .await;
    let rooms = Rooms::given(&cluster, rooms).await;
    let app = cluster.app();
    let own = app
        .given_linked_room(cluster.google(), TENANT, "Live")
        .await;
    let other = app
        .given_linked_room(cluster.google(), "globex", "Other")
        .await;
    let ana = own.organisation.given_user("ana");
    app.given_user(TENANT, "u-ana", ana.mail()).await;
    let mut minutes = Minutes::default();

    let mut idle = Heard::default();
    let mut turns = interval(APART);
    for _ in 0..IDLE {
        turns.tick().await;
        idle.own.push(heard(&own, minutes.next()).await?);
        idle.other.push(heard(&other, minutes.next()).await?);
    }
    cluster.google().clear_ledger();

    let began = Instant::now();
    let within = Duration::from_mins(1) + Duration::from_secs(2) * u32::try_from(rooms.all.len())?;
    let importing = async {
        rooms.link(&cluster).await?;
        rooms.imported(&cluster, within).await?;
        anyhow::Ok(())
    };
    let mut importing = Box::pin(importing);
    let (mut during, mut booked, mut waiting) = (Heard::default(), 0, 0);
    let mut turns = interval(EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let work = async {
            turns.tick().await;
            let at = minutes.next();
            let (mine, others) = tokio::try_join!(heard(&own, at), heard(&other, at))?;
            let by_user = NewBooking::by_user(&own.object, minutes.next(), "u-ana");
            let by_device = NewBooking::by_device(&own.object, minutes.next(), "d-door");
            let both = [
                book(&cluster, 0, by_user).await?,
                book(&cluster, 1, by_device).await?,
            ];
            anyhow::Ok((mine, others, both))
        };
        tokio::select! {
            imported = &mut importing => break imported?,
            worked = work => {
                let (mine, others, both) = worked?;
                during.own.push(mine);
                during.other.push(others);
                booked += both.iter().filter(|confirmed| **confirmed).count();
                waiting += both.iter().filter(|confirmed| !**confirmed).count();
            }
        }
    }
    let took = began.elapsed();
    let calls = cluster.google().ledger();
    let is_refused = |call: &&Call| matches!(call.status, Some(403 | 429));
    let refused = calls.iter().filter(is_refused).count();
    line(&format!(
        "{} rooms linked and imported in {:.0} s by {} calls of Google, {refused} of them refused (must be 0); \
         {booked} bookings confirmed at once, {waiting} a little later",
        rooms.all.len(),
        took.as_secs_f64(),
        calls.len(),
    ));
    tell("the same tenant's changes", &mut idle.own, &mut during.own);
    tell(
        "another tenant's changes",
        &mut idle.other,
        &mut during.other,
    );
    like_production::memory(&cluster, 2);
    ensure!(refused == 0, "Google refused calls for the quota");
    Ok(())
}

/// How long changes took to be heard.
#[derive(Default)]
struct Heard {
    own: Vec<Duration>,
    other: Vec<Duration>,
}

fn tell(whose: &str, idle: &mut [Duration], during: &mut [Duration]) {
    if during.is_empty() {
        return line("the import was over before anything changed");
    }
    idle.sort_unstable();
    during.sort_unstable();
    let (usual, median) = (percentile(idle, 0.5), percentile(during, 0.5));
    line(&format!(
        "{whose} were heard after p50 {} p95 {} when idle, p50 {} p95 {} the last {} of {} during the \
         import: {:.2} times as long",
        ms(usual),
        ms(percentile(idle, 0.95)),
        ms(median),
        ms(percentile(during, 0.95)),
        ms(percentile(during, 1.0)),
        during.len(),
        ratio(median, usual)
    ));
}

/// Times that nothing else uses, two minutes apart.
#[derive(Default)]
struct Minutes(i64);

impl Minutes {
    fn next(&mut self) -> DateTime<Utc> {
        self.0 += 2;
        self.now()
    }

    fn now(&self) -> DateTime<Utc> {
        let today = SystemClock
            .now()
            .date_naive()
            .and_time(chrono::NaiveTime::MIN);
        today.and_utc() + TimeDelta::days(2) + TimeDelta::minutes(self.0)
    }
}

/// Books a room at Google; how long until its tenant's subscriber has heard of it.
async fn heard(room: &LinkedRoom, at: DateTime<Utc>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let event = NewEvent::timed(at, at + TimeDelta::minutes(1));
    room.room
        .insert_event(room.organisation.admin.mail(), event)?;
    room.subscriber
        .found_within(PATIENCE, |journal| {
            let begins = |booking: &roomsync_proto::booking::v1::Booking| {
                let window = booking.window.as_ref();
                instant(window.and_then(|it| it.starts_at.as_ref())) == Some(at)
            };
            journal
                .bookings(&room.object)
                .iter()
                .any(begins)
                .then_some(())
        })
        .await
        .context("a change was not heard")?;
    Ok(began.elapsed())
}

/// Books at a replica of booking-command; whether it is confirmed at once.
async fn book(cluster: &Cluster, replica: usize, new: NewBooking) -> anyhow::Result<bool> {
    let end = new.window.0 + TimeDelta::minutes(1);
    let app = cluster.app_at(replica);
    let answer = app.create_booking(TENANT, new.until(end)).await?;
    let booking = answer.booking.context("no booking in the answer")?;
    Ok(booking.state() == BookingState::Confirmed)
}
