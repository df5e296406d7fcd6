//! Access tokens and units of the budget, borrowed from booking-command. No call to Google without
//! a lease: one lease pays for one request.
//!
//! A grant holds several units and lapses after five seconds, so the hot path asks rarely; how many
//! to ask for follows from how fast the last grant was used up.

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
use tokio::time::Instant;

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
    /// A change made at Google, or somebody waiting for a link.
    Live,
    /// Imports, polls.
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
    grants: Mutex<HashMap<Key, Grant>>,
}

type Key = (TenantId, Actor, Lane);

#[derive(Debug, Clone)]
struct Grant {
    lease: Lease,
    left: i32,
    size: i32,
    lapses: Instant,
    /// Somebody is asking for the next one. Who asks besides asks for itself only: else everybody
    /// would borrow as much, and most of it would lapse.
    asking: bool,
}

impl AccessPool {
    /// A pool that borrows over `channel`.
    pub(crate) fn new(channel: grpc::Channel) -> Self {
        Self {
            client: GoogleAccessServiceClient::new(channel),
            grants: Mutex::default(),
        }
    }

    /// The right to one request.
    pub(crate) async fn acquire(
        &self,
        tenant: &TenantId,
        actor: Actor,
        lane: Lane,
    ) -> Result<Lease, Trouble> {
        let key = (tenant.clone(), actor, lane);
        let mut patience = lane == Lane::Live;
        loop {
            let now = Instant::now();
            let units = match self.take(&key, now) {
                Ok(lease) => return Ok(lease),
                Err(units) => units,
            };
            let granted = self.ask(&key, units).await?;
            if granted.units_granted > 0 {
                return self.keep(key, granted, now);
            }
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
        self.lock().retain(|(of, _, _), _| of != tenant);
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
        let (tenant, actor, lane) = key;
        let request = proto::AcquireRequest {
            tenant_id: tenant.to_string(),
            actor: Some((*actor).into()),
            lane: proto::Lane::from(*lane).into(),
            units,
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

    /// One unit of a grant that has not lapsed; else how many to ask for.
    fn take(&self, key: &Key, now: Instant) -> Result<Lease, i32> {
        let mut grants = self.lock();
        let Some(grant) = grants.get_mut(key) else {
            return Err(1);
        };
        if grant.left > 0 && now < grant.lapses {
            grant.left -= 1;
            return Ok(grant.lease.clone());
        }
        if std::mem::replace(&mut grant.asking, true) {
            return Err(1);
        }
        Err(units_after(grant.size, grant.left, now < grant.lapses))
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
            asking: false,
        };
        let mut grants = self.lock();
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

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Grant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
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
        (pool, ("acme".parse().unwrap(), Actor::Rooms, Lane::Live))
    }

    #[tokio::test]
    async fn of_many_who_find_nothing_left_one_asks_for_many() {
        let (pool, key) = pool();
        let now = Instant::now();
        pool.keep(key.clone(), granted(1), now).unwrap();
        let asked: Vec<_> = (0..3).map(|_| pool.take(&key, now).unwrap_err()).collect();
        assert_eq!(asked, [2, 1, 1]);
        pool.keep(key.clone(), granted(2), now).unwrap();
        assert!(pool.take(&key, now).is_ok());
        assert_eq!(pool.take(&key, now).unwrap_err(), 4, "asked for anew");
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
        let taken = (0..left).filter(|_| pool.take(&key, now).is_ok()).count();
        assert_eq!(i32::try_from(taken).unwrap(), left);
        assert!(pool.take(&key, now).is_err());
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
