//! Fairness among tenants within this process: nobody's calendars take all hands.
//!
//! As many messages of a queue are in hand as are prefetched, and there are as many hands. One tenant with a large import, or one whose
//! Google answers after many seconds, would soon have all of them, and everybody behind it in the queue
//! would wait. So a tenant gets a hand only while it has fewer than are free: alone it can have half of all,
//! of two busy ones each a third, and there is always one left for the next. A calendar that gets none is
//! remembered here, its message is done with, and its own tenant's hands take it up, one after the other.
//!
//! What is remembered may be lost with the process, as a hint may: the calendar's row is dirty, and the
//! sweep finds it. Live looks and the background's have hands of their own, so that a tenant's import does
//! not hold up its own changes either.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use roomsync_domain::{CalendarId, TenantId};

use crate::access::Lane;

type Key = (TenantId, Lane);

/// The hands of this process.
#[derive(Debug, Clone)]
pub(crate) struct Shares(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    all: usize,
    busy: usize,
    of: HashMap<Key, Tenant>,
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
    key: Key,
    given_back: bool,
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

    /// A hand for a calendar; `None`: its tenant has its share, and one of its hands takes it up later.
    pub(crate) fn take(&self, tenant: &TenantId, lane: Lane, calendar: CalendarId) -> Option<Hand> {
        let key = (tenant.clone(), lane);
        let hands = &mut *self.lock();
        let free = hands.all.saturating_sub(hands.busy);
        let of = hands.of.entry(key.clone()).or_default();
        if of.busy > 0 && of.busy >= free {
            if of.known.insert(calendar) {
                of.waiting.push_back(calendar);
            }
            return None;
        }
        of.busy += 1;
        hands.busy += 1;
        Some(Hand {
            shares: self.clone(),
            key,
            given_back: false,
        })
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
        let waiting = hands.of.get_mut(&self.key).and_then(|of| {
            let calendar = of.waiting.pop_front()?;
            of.known.remove(&calendar);
            Some(calendar)
        });
        if let Some(calendar) = waiting {
            return Some((self, calendar));
        }
        hands.give_back(&self.key);
        self.given_back = true;
        None
    }
}

impl Hands {
    fn give_back(&mut self, key: &Key) {
        self.busy -= 1;
        if let Some(of) = self.of.get_mut(key) {
            of.busy -= 1;
            // Only a panic or a shutdown gives back the last hand while something waits: the sweep finds it.
            if of.busy == 0 {
                self.of.remove(key);
            }
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        if !self.given_back {
            self.shares.lock().give_back(&self.key);
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
        std::iter::from_fn(|| shares.take(&tenant(of), Lane::Live, CalendarId::new())).collect()
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
    fn an_import_leaves_its_own_tenants_live_looks_their_hands() {
        let shares = Shares::new(32);
        let background = |id| shares.take(&tenant(0), Lane::Background, id);
        let import: Vec<_> = std::iter::from_fn(|| background(CalendarId::new())).collect();
        assert_eq!(import.len(), 16);
        assert!(
            shares
                .take(&tenant(0), Lane::Live, CalendarId::new())
                .is_some()
        );
    }

    #[test]
    fn what_gets_no_hand_is_taken_up_once_in_order_by_its_own_tenants_hands() {
        let shares = Shares::new(2);
        let take = |of, calendar| shares.take(&tenant(of), Lane::Live, calendar);
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
    fn a_hand_that_is_free_again_can_be_taken() {
        let shares = Shares::new(2);
        drop(shares.take(&tenant(0), Lane::Live, CalendarId::new()));
        assert_eq!(shares.lock().busy, 0);
        assert!(
            shares.lock().of.is_empty(),
            "nothing is kept of a tenant at rest"
        );
    }
}
