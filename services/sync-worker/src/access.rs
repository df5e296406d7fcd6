//! Access tokens and units of the budget, borrowed from booking-command. No call to Google without
//! a lease: one lease pays for one request.
//!
//! A grant holds several units and lapses after five seconds, so the hot path asks rarely; how many
//! to ask for follows from how fast the last grant was used up. Of many who find nothing left one asks,
//! and the others wait for what it brings: each asking for itself would be a queue at the bucket's row.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use roomsync_domain::TenantId;
use roomsync_google::Access;
use roomsync_process::grpc;
use roomsync_proto::internal::v1::{
    self as proto, google_access_service_client::GoogleAccessServiceClient,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    timestamps::from_proto,
    trouble::{Report, Trouble},
};

/// A grant lapses five seconds after booking-command made it; the rest is for the way here.
const GRANT_LIFE: Duration = Duration::from_millis(4500);
/// The longest wait with a message in hand, for the live lane only.
const SHORT_WAIT: Duration = Duration::from_secs(1);
/// The most units of one grant.
const MOST_UNITS: i32 = 20;
/// How often somebody waits for what others ask for before asking for itself.
const MOST_FLIGHTS: u32 = 3;

/// In whose name Google is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Actor {
    /// List, watch, stop.
    Rooms,
    /// The resource list.
    Directory,
    /// Settings of the rooms' calendars: an optional right, without which they are not known.
    Settings,
}

/// Who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// A change made at Google, or a booking that waits for its room.
    Live,
    /// Links, imports, polls.
    Background,
}

/// The right to one request to Google.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    /// Token and quota user of the request.
    pub(crate) access: Access,
    /// Whose token it is.
    pub(crate) subject: String,
    /// booking-command's database clock when the unit was granted.
    pub(crate) granted_at: DateTime<Utc>,
}

/// The leases in hand, and where they come from.
#[derive(Debug)]
pub(crate) struct AccessPool {
    client: GoogleAccessServiceClient<grpc::Channel>,
    hand: Mutex<Hand>,
}

type Key = (TenantId, Actor, Share);

/// Which share of the budget pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Share {
    Live,
    /// Background work that has begun.
    Begun,
    Background,
}

/// What is there, and what is on its way.
#[derive(Debug, Default)]
struct Hand {
    grants: HashMap<Key, Grant>,
    flights: HashMap<Key, Flight>,
}

#[derive(Debug, Clone)]
struct Grant {
    lease: Lease,
    left: i32,
    size: i32,
    lapses: Instant,
}

/// Somebody is asking for a grant; over when its sender is dropped.
#[derive(Debug)]
struct Flight(watch::Receiver<()>);

/// What somebody without a unit does.
#[derive(Debug)]
enum Turn {
    /// Takes this.
    Take(Lease),
    /// Asks for so many units; others wait until the sender is dropped, however the asking ends.
    Ask(i32, watch::Sender<()>),
    /// Waits until somebody else has asked.
    Wait(watch::Receiver<()>),
}

impl AccessPool {
    /// A pool that borrows over `channel`.
    pub(crate) fn new(channel: grpc::Channel) -> Self {
        Self {
            client: GoogleAccessServiceClient::new(channel),
            hand: Mutex::default(),
        }
    }

    /// The right to one request.
    pub(crate) async fn acquire(
        &self,
        tenant: &TenantId,
        actor: Actor,
        lane: Lane,
    ) -> Result<Lease, Trouble> {
        let share = match lane {
            Lane::Live => Share::Live,
            Lane::Background => Share::Background,
        };
        self.of_share((tenant.clone(), actor, share)).await
    }

    /// The right to one more request of work that has begun. It comes before whatever has not, so that what was
    /// read is not thrown away and paid for again: with a thousand rooms to import no import would end.
    pub(crate) async fn acquire_next(
        &self,
        tenant: &TenantId,
        actor: Actor,
        lane: Lane,
    ) -> Result<Lease, Trouble> {
        let share = match lane {
            Lane::Live => Share::Live,
            Lane::Background => Share::Begun,
        };
        self.of_share((tenant.clone(), actor, share)).await
    }

    async fn of_share(&self, key: Key) -> Result<Lease, Trouble> {
        let mut patience = key.2 == Share::Live;
        let mut flights = 0;
        loop {
            let now = Instant::now();
            let (units, flight) = match self.turn(&key, now) {
                Turn::Take(lease) => return Ok(lease),
                Turn::Ask(units, flight) => (units, Some(flight)),
                Turn::Wait(mut flight) if flights < MOST_FLIGHTS => {
                    flights += 1;
                    // Told or not: what matters is what is there then.
                    let _ = tokio::time::timeout(SHORT_WAIT / 2, flight.changed()).await;
                    continue;
                }
                Turn::Wait(_) => (1, None),
            };
            let granted = self.ask(&key, units).await?;
            if granted.units_granted > 0 {
                let kept = self.keep(key, granted, now);
                drop(flight);
                return kept;
            }
            // There is nothing for the others either; each needs a slot of its own.
            drop(flight);
            flights = MOST_FLIGHTS;
            let wait = reserved_in(&granted);
            if !patience || wait >= SHORT_WAIT {
                return Err(Trouble::OutOfBudget { wait });
            }
            patience = false;
            tokio::time::sleep(wait).await;
        }
    }

    /// Forgets what is in hand for a tenant: a listing has to begin after a write that happened just
    /// now, or the token and the budget are in doubt.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        let mut hand = self.lock();
        hand.grants.retain(|(of, _, _), _| of != tenant);
        hand.flights.retain(|(of, _, _), _| of != tenant);
    }

    /// Tells booking-command what Google said. Best effort: the next call will hear it again.
    pub(crate) async fn report(&self, tenant: &TenantId, actor: Actor, report: Report) {
        let request = proto::ReportRequest {
            tenant_id: tenant.to_string(),
            actor: Some(actor.into()),
            trouble: report.trouble.into(),
            retry_after_ms: report.retry_after.map_or(0, |after| {
                i64::try_from(after.as_millis()).unwrap_or(i64::MAX)
            }),
        };
        if let Err(status) = self.client.clone().report(request).await {
            tracing::warn!(%tenant, code = ?status.code(), "failed to report google's trouble");
        }
        self.forget(tenant);
    }

    async fn ask(&self, key: &Key, units: i32) -> Result<proto::AcquireResponse, Trouble> {
        let (tenant, actor, share) = key;
        let lane = match share {
            Share::Live => Lane::Live,
            Share::Begun | Share::Background => Lane::Background,
        };
        let request = proto::AcquireRequest {
            tenant_id: tenant.to_string(),
            actor: Some((*actor).into()),
            lane: proto::Lane::from(lane).into(),
            units,
            begun: *share == Share::Begun,
        };
        let response = self
            .client
            .clone()
            .acquire(request)
            .await
            .map_err(|status| match grpc::reason(&status).as_deref() {
                Some("NOT_CONNECTED" | "TENANT_NOT_FOUND") => Trouble::NotConnected,
                Some("GOOGLE_UNAVAILABLE") => Trouble::NoToken {
                    after: grpc::retry_after(&status),
                },
                _ => Trouble::BookingCommand(Box::new(status)),
            })?;
        Ok(response.into_inner())
    }

    /// One unit of a grant that has not lapsed; else whether to ask, and for how many, or to wait.
    fn turn(&self, key: &Key, now: Instant) -> Turn {
        let mut hand = self.lock();
        let mut units = 1;
        if let Some(grant) = hand.grants.get_mut(key) {
            let alive = now < grant.lapses;
            if grant.left > 0 && alive {
                grant.left -= 1;
                return Turn::Take(grant.lease.clone());
            }
            units = units_after(grant.size, grant.left, alive);
        }
        if let Some(Flight(under_way)) = hand.flights.get(key)
            && under_way.has_changed().is_ok()
        {
            return Turn::Wait(under_way.clone());
        }
        let (flight, under_way) = watch::channel(());
        hand.flights.insert(key.clone(), Flight(under_way));
        Turn::Ask(units, flight)
    }

    fn keep(
        &self,
        key: Key,
        granted: proto::AcquireResponse,
        asked_at: Instant,
    ) -> Result<Lease, Trouble> {
        let granted_at = granted
            .now
            .as_ref()
            .and_then(from_proto)
            .ok_or(Trouble::Unreadable("a grant without its time"))?;
        let lease = Lease {
            access: Access {
                token: granted.access_token.into(),
                quota_user: granted.quota_user,
            },
            subject: granted.subject,
            granted_at,
        };
        let mut grant = Grant {
            lease: lease.clone(),
            left: granted.units_granted - 1,
            size: granted.units_granted,
            lapses: asked_at + GRANT_LIFE,
        };
        let grants = &mut self.lock().grants;
        if let Some(other) = grants.get(&key).filter(|it| asked_at < it.lapses) {
            // Another answer came in between: its units stay, under the earlier end of both.
            grant.size = grant.size.max(other.size);
            if other.left > 0 && grant.left > 0 {
                grant.left += other.left;
                grant.lapses = grant.lapses.min(other.lapses);
                grant.lease.granted_at = grant.lease.granted_at.min(other.lease.granted_at);
            } else if other.left > 0 {
                grant = other.clone();
            }
        }
        grants.insert(key, grant);
        Ok(lease)
    }

    fn lock(&self) -> MutexGuard<'_, Hand> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many units to ask for after a grant of `size`: more when it was used up before it lapsed,
/// one again when units of it were wasted.
fn units_after(size: i32, left: i32, alive: bool) -> i32 {
    match (left, alive) {
        (0, true) => size.saturating_mul(2).clamp(1, MOST_UNITS),
        (0, false) => size.clamp(1, MOST_UNITS),
        _ => 1,
    }
}

/// How long until the slot that is reserved for us.
fn reserved_in(granted: &proto::AcquireResponse) -> Duration {
    let at = |time: &Option<prost_types::Timestamp>| time.as_ref().and_then(from_proto);
    let wait = at(&granted.not_before)
        .zip(at(&granted.now))
        .map(|(slot, now)| slot - now);
    wait.and_then(|wait| wait.to_std().ok())
        .unwrap_or_default()
        .max(Duration::from_millis(50))
}

impl From<Actor> for proto::Actor {
    fn from(actor: Actor) -> Self {
        let actor = match actor {
            Actor::Rooms => proto::actor::Actor::Rooms(proto::RoomsActor {}),
            Actor::Directory => proto::actor::Actor::Directory(proto::DirectoryActor {}),
            Actor::Settings => proto::actor::Actor::Settings(proto::SettingsActor {}),
        };
        Self { actor: Some(actor) }
    }
}

impl From<Lane> for proto::Lane {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Live => Self::Live,
            Lane::Background => Self::Background,
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::used_up_early(4, 0, true, 8)]
    #[case::used_up_at_most(16, 0, true, 20)]
    #[case::used_up_just_so(4, 0, false, 4)]
    #[case::wasted(8, 3, false, 1)]
    fn grants_follow_what_is_used(
        #[case] size: i32,
        #[case] left: i32,
        #[case] alive: bool,
        #[case] units: i32,
    ) {
        assert_eq!(units_after(size, left, alive), units);
    }

    fn granted(units: i32) -> proto::AcquireResponse {
        proto::AcquireResponse {
            units_granted: units,
            now: Some(Timestamp::default()),
            ..Default::default()
        }
    }

    fn pool() -> (AccessPool, Key) {
        let client = grpc::ClientConfig::new("http://127.0.0.1:1", "token").unwrap();
        let pool = AccessPool::new(grpc::connect(&client).unwrap());
        (pool, ("acme".parse().unwrap(), Actor::Rooms, Share::Live))
    }

    #[tokio::test]
    async fn of_many_who_find_nothing_left_one_asks_for_many_and_the_others_wait_for_it() {
        let (pool, key) = pool();
        let now = Instant::now();
        pool.keep(key.clone(), granted(1), now).unwrap();
        let Turn::Ask(2, flight) = pool.turn(&key, now) else {
            panic!("the first asks for twice as many");
        };
        let Turn::Wait(mut waiting) = pool.turn(&key, now) else {
            panic!("the second waits");
        };
        pool.keep(key.clone(), granted(2), now).unwrap();
        drop(flight);
        assert!(waiting.changed().await.is_err(), "it is told");
        assert!(matches!(pool.turn(&key, now), Turn::Take(_)));
        assert!(matches!(pool.turn(&key, now), Turn::Ask(4, _)));
    }

    #[tokio::test]
    async fn who_gives_up_asking_leaves_it_to_the_next() {
        let (pool, key) = pool();
        let now = Instant::now();
        drop(pool.turn(&key, now));
        assert!(matches!(pool.turn(&key, now), Turn::Ask(1, _)));
    }

    #[tokio::test]
    async fn after_a_write_nobody_waits_for_a_grant_from_before_it() {
        let (pool, key) = pool();
        let now = Instant::now();
        let before = pool.turn(&key, now);
        pool.forget(&key.0);
        assert!(matches!(pool.turn(&key, now), Turn::Ask(1, _)));
        drop(before);
    }

    #[rstest]
    #[case::small_one_last(&[8, 1], 7)]
    #[case::small_one_first(&[1, 8], 7)]
    #[case::both_large(&[8, 4], 10)]
    #[tokio::test]
    async fn a_grant_does_not_replace_what_is_left_of_another(
        #[case] grants: &[i32],
        #[case] left: i32,
    ) {
        let (pool, key) = pool();
        let now = Instant::now();
        for units in grants {
            pool.keep(key.clone(), granted(*units), now).unwrap();
        }
        let takes = || matches!(pool.turn(&key, now), Turn::Take(_));
        let taken = (0..left).filter(|_| takes()).count();
        assert_eq!(i32::try_from(taken).unwrap(), left);
        assert!(!takes());
    }

    #[rstest]
    #[case(Some(12), 2000)]
    #[case(Some(9), 50)]
    #[case(None, 50)]
    fn the_wait_is_measured_by_booking_commands_clock(
        #[case] slot: Option<i64>,
        #[case] millis: u64,
    ) {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let granted = proto::AcquireResponse {
            now: Some(at(10)),
            not_before: slot.map(at),
            ..Default::default()
        };
        assert_eq!(reserved_in(&granted), Duration::from_millis(millis));
    }
}
