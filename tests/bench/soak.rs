//! Life with random faults, for as long as one likes: people book in Google and in Flexopus without pause,
//! services die, the network, the servers and Google fail. Every few faults everybody rests, and both sides
//! must be the same; the counts of all of it are printed. A run is repeated, as far as time allows, with the
//! seed that it prints (`ROOMSYNC_FAULTS_SEED`).
//!
//! Unlike the other measurements this one has the short durations of tests (polls, retries), so that a rest
//! is a matter of seconds.
//!
//! To add a fault: a variant, how it is done, and its name.

use std::{collections::BTreeMap, time::Duration};

use google_sim::CallChaos;
use roomsync_testkit::{Cluster, Dice, Service, Upstream, traffic::Rooms};
use tokio::time::Instant;

use crate::report::line;

/// Rooms that people book.
const ROOMS: usize = 8;
/// Of the services that do the work.
const REPLICAS: usize = 2;
/// Faults until everybody rests.
const FAULTS_AT_ONCE: usize = 6;
/// How long everything may take to be whole again.
const PATIENCE: Duration = Duration::from_mins(3);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Death,
    Cut(Upstream),
    Silence(Upstream),
    ConnectionsReset,
    Faults,
    Throttling,
    CursorsDie,
    TokensDie,
}

const TROUBLES: [Trouble; 13] = [
    Trouble::Death,
    Trouble::Death,
    Trouble::Death,
    Trouble::Cut(Upstream::RabbitMq),
    Trouble::Cut(Upstream::Postgres),
    Trouble::Cut(Upstream::BookingCommandInternal),
    Trouble::Silence(Upstream::RabbitMq),
    Trouble::Silence(Upstream::Google),
    Trouble::ConnectionsReset,
    Trouble::Faults,
    Trouble::Throttling,
    Trouble::CursorsDie,
    Trouble::TokensDie,
];

pub(crate) async fn run(minutes: u64) -> anyhow::Result<()> {
    let mut cluster = start().await;
    let rooms = Rooms::given(&cluster, ROOMS).await;
    let mut dice = Dice::of("soak");
    let ends = Instant::now() + Duration::from_secs(minutes * 60);
    let (mut deeds, mut met) = (0, BTreeMap::<Trouble, usize>::new());
    let mut longest = Duration::ZERO;
    let mut last = None;
    while Instant::now() < ends {
        let traffic = rooms.traffic(&cluster, dice.other());
        for _ in 0..FAULTS_AT_ONCE {
            let Some(trouble) = dice.pick(&TROUBLES).copied() else {
                break;
            };
            traffic.goes_on(dice.throw(20)).await;
            let lasts = 5 + dice.throw(30);
            let mut goes_on = async || traffic.goes_on(lasts).await;
            trouble
                .comes(&mut cluster, &rooms, &mut dice, &mut goes_on)
                .await?;
            *met.entry(trouble).or_default() += 1;
        }
        traffic.goes_on(10).await;
        deeds += traffic.deeds();
        traffic.stop().await;
        let seen = rooms.agree(&cluster, "a round of faults", PATIENCE).await;
        longest = longest.max(seen.whole_in);
        line(&format!(
            "{deeds} deeds, {} faults: no difference; whole in {:.1?}",
            met.values().sum::<usize>(),
            seen.whole_in
        ));
        last = Some(seen);
    }
    for (trouble, count) in &met {
        line(&format!("  {trouble:?}: {count}"));
    }
    if let Some(seen) = last {
        line(&format!(
            "heard {} changes, {} of them twice, stream opened {} times; whole in {longest:.1?} at most",
            seen.changes, seen.twice, seen.opened
        ));
    }
    cluster.finish().await;
    line("in the end: no difference, every queue empty, nothing parked");
    Ok(())
}

async fn start() -> Cluster {
    let mut builder = Cluster::builder("soak")
        // Google does not come again to whom it did not reach at all: a poll heals that.
        .set(Service::SyncWorker, "sync.poll_with_push", "2s")
        .set(Service::BookingCommand, "bookings.claim", "15s")
        .replicas(Service::SyncWorker, REPLICAS)
        .replicas(Service::BookingCommand, REPLICAS);
    for service in Service::ALL {
        builder = builder.as_process(service);
    }
    for way in [
        Upstream::RabbitMq,
        Upstream::Postgres,
        Upstream::Google,
        Upstream::BookingCommandInternal,
    ] {
        builder = builder.proxied(way);
    }
    builder.start().await
}

impl Trouble {
    /// It comes, lasts while people go on, and is over.
    async fn comes(
        self,
        cluster: &mut Cluster,
        rooms: &Rooms,
        dice: &mut Dice,
        goes_on: &mut impl AsyncFnMut(),
    ) -> anyhow::Result<()> {
        match self {
            Self::Death => {
                let service = dice
                    .pick(&Service::ALL)
                    .copied()
                    .unwrap_or(Service::SyncWorker);
                cluster.kill(service).await;
                goes_on().await;
                cluster.restart(service).await;
            }
            Self::Cut(way) => {
                for _ in 0..3 {
                    cluster.proxy(way).cut();
                    goes_on().await;
                }
            }
            Self::Silence(way) => {
                cluster.proxy(way).stall();
                goes_on().await;
                cluster.proxy(way).pass();
            }
            Self::ConnectionsReset => cluster.database().terminate_connections().await?,
            Self::Faults => {
                let chaos = CallChaos {
                    unavailable: 0.2,
                    html: 0.1,
                    close: 0.1,
                    commit_then_close: 0.1,
                    ..CallChaos::default()
                };
                storms(cluster, chaos, dice, goes_on).await;
            }
            Self::Throttling => {
                let chaos = CallChaos {
                    too_many_requests: 0.5,
                    ..CallChaos::default()
                };
                storms(cluster, chaos, dice, goes_on).await;
            }
            Self::CursorsDie => {
                for room in &rooms.linked {
                    room.room.expire_sync_tokens()?;
                }
            }
            Self::TokensDie => cluster.google().expire_access_tokens(),
        }
        Ok(())
    }
}

async fn storms(
    cluster: &Cluster,
    chaos: CallChaos,
    dice: &mut Dice,
    goes_on: &mut impl AsyncFnMut(),
) {
    let seed = u64::try_from(dice.throw(1_000_000)).unwrap_or_default();
    let chaos = CallChaos { seed, ..chaos };
    let google = cluster.google();
    google.configure(|settings| settings.call_chaos = Some(chaos));
    goes_on().await;
    google.configure(|settings| settings.call_chaos = None);
}
