//! Fairness among tenants within this process: nobody's calendars take all hands.
//!
//! As many messages of a queue are in hand as are prefetched, and there are as many hands. One tenant with a large import, or one whose
//! Google answers after many seconds, would soon have all of them, and everybody behind it in the queue
//! would wait. So a tenant gets a hand only while it has fewer than are free: alone it can have half of all,
//! of two busy ones each a third, and there is always one left for the next. A calendar that gets none is
//! remembered here, its message is done with, and its own tenant's hands take it up, one after the other.
//!
//! What is remembered may be lost with the process, as a hint may: the calendar's row is dirty, and the
//! sweep finds it. Live looks, the background's and what is to be done about links have hands of their own
//! ([`Pools`]), so that imports do not hold up changes, nor a tenant's import its own. A message about a link is
//! not remembered: it comes again ([`Shares::take_now`]).

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use roomsync_domain::{CalendarId, TenantId};

use crate::access::Lane;

/// The hands of this process.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    live: Shares,
    background: Shares,
    links: Shares,
}

impl Pools {
    /// So many hands for each kind of work.
    pub(crate) fn new(all: usize) -> Self {
        Self {
            live: Shares::new(all),
            background: Shares::new(all),
            links: Shares::new(all),
        }
    }

    /// The hands that make links what they should be.
    pub(crate) fn links(&self) -> &Shares {
        &self.links
    }

    /// The hands for looks of this kind.
    pub(crate) fn of(&self, lane: Lane) -> &Shares {
        match lane {
            Lane::Live => &self.live,
            Lane::Background => &self.background,
        }
    }
}

/// The hands for looks of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Shares(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    all: usize,
    busy: usize,
    of: HashMap<TenantId, Tenant>,
}

#[derive(Debug, Default)]
struct Tenant {
    busy: usize,
    waiting: VecDeque<CalendarId>,
    known: HashSet<CalendarId>,
}

/// A hand, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hand {
    shares: Shares,
    tenant: TenantId,
    given_back: bool,
}

impl Shares {
    /// So many hands in all.
    fn new(all: usize) -> Self {
        Self(Arc::new(Mutex::new(Hands {
            all,
            busy: 0,
            of: HashMap::new(),
        })))
    }

    /// A hand for a calendar; `None`: its tenant has its share, and one of its hands takes it up later.
    pub(crate) fn take(&self, tenant: &TenantId, calendar: CalendarId) -> Option<Hand> {
        let hands = &mut *self.lock();
        if hands.give(tenant) {
            return Some(self.hand(tenant));
        }
        let of = hands.of.entry(tenant.clone()).or_default();
        if of.known.insert(calendar) {
            of.waiting.push_back(calendar);
        }
        None
    }

    /// A hand for something that nobody remembers; `None`: its tenant has its share, come again.
    pub(crate) fn take_now(&self, tenant: &TenantId) -> Option<Hand> {
        self.lock().give(tenant).then(|| self.hand(tenant))
    }

    fn hand(&self, tenant: &TenantId) -> Hand {
        Hand {
            shares: self.clone(),
            tenant: tenant.clone(),
            given_back: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hand {
    /// The next calendar of the same tenant that waits for a hand, for this one; without any the hand is
    /// free again. Both under one lock: nothing can begin to wait for a hand that is being given back.
    pub(crate) fn next(mut self) -> Option<(Self, CalendarId)> {
        let shares = self.shares.clone();
        let mut hands = shares.lock();
        let waiting = hands.of.get_mut(&self.tenant).and_then(|of| {
            let calendar = of.waiting.pop_front()?;
            of.known.remove(&calendar);
            Some(calendar)
        });
        if let Some(calendar) = waiting {
            return Some((self, calendar));
        }
        hands.give_back(&self.tenant);
        self.given_back = true;
        None
    }
}

impl Hands {
    /// Whether the tenant gets one more.
    fn give(&mut self, tenant: &TenantId) -> bool {
        let free = self.all.saturating_sub(self.busy);
        let of = self.of.entry(tenant.clone()).or_default();
        if of.busy > 0 && of.busy >= free {
            return false;
        }
        of.busy += 1;
        self.busy += 1;
        true
    }

    fn give_back(&mut self, tenant: &TenantId) {
        self.busy -= 1;
        if let Some(of) = self.of.get_mut(tenant) {
            of.busy -= 1;
            // Only a panic or a shutdown gives back the last hand while something waits: the sweep finds it.
            if of.busy == 0 {
                self.of.remove(tenant);
            }
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if !self.given_back {
            self.shares.lock().give_back(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(number: usize) -> TenantId {
        format!("t{number}").parse().unwrap()
    }

    /// As many hands as a tenant can have now, with a calendar each.
    fn all_of(shares: &Shares, of: usize) -> Vec<Hand> {
        std::iter::from_fn(|| shares.take(&tenant(of), CalendarId::new())).collect()
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
    fn the_imports_of_many_tenants_leave_live_looks_their_hands() {
        let pools = Pools::new(32);
        let background = pools.of(Lane::Background);
        let imports: Vec<_> = (0..6).map(|of| all_of(background, of)).collect();
        assert_eq!(imports.iter().map(Vec::len).sum::<usize>(), 32);
        assert_eq!(all_of(pools.of(Lane::Live), 0).len(), 16);
    }

    #[test]
    fn what_gets_no_hand_is_taken_up_once_in_order_by_its_own_tenants_hands() {
        let shares = Shares::new(2);
        let take = |of, calendar| shares.take(&tenant(of), calendar);
        let hand = take(0, CalendarId::new()).unwrap();
        let waiting = [CalendarId::new(), CalendarId::new()];
        for calendar in waiting.into_iter().chain(waiting) {
            assert!(take(0, calendar).is_none());
        }
        let other = take(1, CalendarId::new()).unwrap();
        assert!(other.next().is_none(), "it is another tenant's");
        let (hand, first) = hand.next().unwrap();
        let (hand, second) = hand.next().unwrap();
        assert_eq!([first, second], waiting);
        assert!(hand.next().is_none());
        assert!(take(0, waiting[0]).is_some(), "the hand is free again");
    }

    #[test]
    fn what_is_not_remembered_gets_a_hand_when_one_is_free_again() {
        let shares = Shares::new(2);
        let hand = shares.take_now(&tenant(0)).unwrap();
        assert!(shares.take_now(&tenant(0)).is_none());
        assert!(shares.take_now(&tenant(1)).is_some());
        assert!(hand.next().is_none(), "nothing waits");
        assert!(shares.take_now(&tenant(0)).is_some());
    }

    #[test]
    fn a_hand_that_is_free_again_can_be_taken() {
        let shares = Shares::new(2);
        drop(shares.take(&tenant(0), CalendarId::new()));
        assert_eq!(shares.lock().busy, 0);
        assert!(
            shares.lock().of.is_empty(),
            "nothing is kept of a tenant at rest"
        );
    }
}
