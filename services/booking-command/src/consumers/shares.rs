//! Fairness among tenants: nobody's writes take all hands.
//!
//! One whose Google answers after many seconds would soon have every message that is prefetched, and the
//! writes of everybody behind it in the queue would wait. So a tenant gets a hand only while it has fewer
//! than are free: alone it can have half of all, and there is always one left for the next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use roomsync_domain::TenantId;

/// The hands of the queue.
#[derive(Debug, Clone)]
pub(crate) struct Shares(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    all: usize,
    busy: usize,
    of: HashMap<TenantId, usize>,
}

/// A hand, until it is dropped.
#[derive(Debug)]
pub(super) struct Hand {
    shares: Shares,
    tenant: TenantId,
}

impl Shares {
    /// So many hands in all.
    pub(crate) fn new(all: usize) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            all,
            busy: 0,
            of: HashMap::new(),
        })))
    }

    /// A hand for a tenant, unless it has its share.
    pub(super) fn take(&self, tenant: &TenantId) -> Option<Hand> {
        let hands = &mut *self.lock();
        let free = hands.all.saturating_sub(hands.busy);
        let of = hands.of.get(tenant).copied().unwrap_or_default();
        if of > 0 && of >= free {
            return None;
        }
        hands.of.insert(tenant.clone(), of + 1);
        hands.busy += 1;
        Some(Hand {
            shares: self.clone(),
            tenant: tenant.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let mut hands = self.shares.lock();
        hands.busy -= 1;
        if let Some(of) = hands.of.get_mut(&self.tenant) {
            *of -= 1;
            if *of == 0 {
                hands.of.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(shares: &Shares, tenant: usize) -> Vec<Hand> {
        let tenant: TenantId = format!("t{tenant}").parse().unwrap();
        std::iter::from_fn(|| shares.take(&tenant)).collect()
    }

    #[test]
    fn one_tenant_gets_half_of_all_hands_and_everybody_else_still_gets_one() {
        let shares = Shares::new(32);
        let first = all_of(&shares, 0);
        assert_eq!(first.len(), 16);
        let others: Vec<_> = (1..=16).map(|of| all_of(&shares, of)).collect();
        assert!(others.iter().all(|hands| !hands.is_empty()));
    }

    #[test]
    fn what_was_given_back_can_be_taken() {
        let shares = Shares::new(8);
        drop(all_of(&shares, 0));
        assert_eq!(all_of(&shares, 1).len(), 4);
        assert!(shares.lock().of.is_empty());
    }
}
