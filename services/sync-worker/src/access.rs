//! Access tokens and units of the budget, borrowed from booking-command. No call to Google without
//! a lease: one lease pays for one request.
//!
//! A grant holds several units and lapses after five seconds, so the hot path asks rarely; how many
//! to ask for follows from how fast the last grant was used up. Of many who find nothing left one asks,
//! and the others wait for what it brings: each asking for itself would be a queue at the bucket's row.

mod hand;

use std::{
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

use self::hand::{Hand, Key, Turn};
use crate::{
    timestamps::from_proto,
    trouble::{Report, Trouble},
};

/// The longest wait with a message in hand, for the live lane only.
const SHORT_WAIT: Duration = Duration::from_secs(1);
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

/// Which share of the budget pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Share {
    /// The live lane's.
    Live,
    /// That of background work that has begun, a channel for a verified room among it. It comes before whatever has
    /// not, so that what was read is not thrown away and paid for again: with a thousand rooms to import no
    /// import would end.
    Begun,
    /// That of other background work.
    Background,
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
        share: Share,
    ) -> Result<Lease, Trouble> {
        let key = (tenant.clone(), actor, share);
        let mut patience = share == Share::Live;
        let mut flights = 0;
        loop {
            let now = Instant::now();
            let turn = self.hand().turn(&key, now);
            let (units, flight) = match turn {
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
            let units = granted.units_granted;
            if units > 0 {
                let lease = lease_of(granted)?;
                self.hand().keep(key, lease.clone(), units, now);
                drop(flight);
                return Ok(lease);
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

    /// We wrote to Google just now: what a tenant's next lease pays for begins after that, and says so.
    pub(crate) fn outdate(&self, tenant: &TenantId) {
        self.hand().outdate(tenant);
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
        // The token and the budget are in doubt.
        self.hand().forget(tenant);
    }

    async fn ask(&self, key: &Key, units: i32) -> Result<proto::AcquireResponse, Trouble> {
        let (tenant, actor, share) = key;
        let request = proto::AcquireRequest {
            tenant_id: tenant.to_string(),
            actor: Some((*actor).into()),
            lane: proto::Lane::from(*share).into(),
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

    fn hand(&self) -> MutexGuard<'_, Hand> {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lease_of(granted: proto::AcquireResponse) -> Result<Lease, Trouble> {
    let granted_at = granted
        .now
        .as_ref()
        .and_then(from_proto)
        .ok_or(Trouble::Unreadable("a grant without its time"))?;
    Ok(Lease {
        access: Access {
            token: granted.access_token.into(),
            quota_user: granted.quota_user,
        },
        subject: granted.subject,
        granted_at,
    })
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

impl From<Share> for proto::Lane {
    fn from(share: Share) -> Self {
        match share {
            Share::Live => Self::Live,
            Share::Begun | Share::Background => Self::Background,
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use rstest::rstest;

    use super::*;

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
