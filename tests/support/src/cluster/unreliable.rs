//! A run in which Google's pushes arrive as Google documents them: some are lost, doubled, late or
//! overtaken (`ROOMSYNC_PUSHES=unreliable`). Every journey then has to come out the same, because a
//! push is no more than a hint; polls are short, since they are what heals the lost ones.

use google_sim::{PushChaos, Settings};
use toml::Table;
use uuid::Uuid;

use super::settings;
use crate::{Service, environment};

/// How likely each of the troubles is for a push. A room of a journey gets few of them, so that
/// this has to be much more than what Google loses.
const PROBABILITY: f64 = 0.2;

/// Sets the simulator up, and says by which seed the same pushes go wrong again
/// (`ROOMSYNC_PUSHES_SEED`). Faults that a test adds itself go first.
pub(crate) fn pushes(google: &mut Settings, name: &str) {
    let given = environment::optional("ROOMSYNC_PUSHES_SEED").and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    eprintln!("`{name}`: unreliable pushes, ROOMSYNC_PUSHES_SEED={seed}");
    google.push_chaos = Some(PushChaos::evenly(PROBABILITY, seed));
}

/// Lost pushes heal within a second.
pub(crate) fn polls(service: Service, table: &mut Table) {
    if service == Service::SyncWorker {
        settings::set(table, "sync.poll_with_push", "1s".into());
    }
}
