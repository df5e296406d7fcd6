//! How many requests go to one webhook at once, per process: receivers that hang must not hold every hand
//! of the consumer. One webhook has at most half of the hands, and those that are slow or silent have at
//! most half of them together, however many they are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

/// At once to a webhook that was slow last time.
const WHILE_SLOW: usize = 4;
/// At once to a webhook that did not answer last time.
const WHILE_SILENT: usize = 2;

/// How a receiver did last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// It answered soon.
    #[default]
    Quick,
    /// It answered late.
    Slow,
    /// It did not answer.
    Silent,
}

/// The slots of all webhooks.
#[derive(Debug, Clone)]
pub struct Slots {
    most: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    webhooks: HashMap<Uuid, Taken>,
    /// Slots that were taken for receivers that were not quick.
    halting: usize,
}

#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    count: usize,
    pace: Pace,
}

/// A slot, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    webhook: Uuid,
    halting: bool,
}

/// All slots are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How the receiver did last time.
    pub pace: Pace,
}

impl Slots {
    /// At most `most` requests at once for each webhook, and for all that are slow or silent together.
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            inner: Arc::default(),
        }
    }

    /// Takes a slot.
    pub fn take(&self, webhook: Uuid) -> Result<Slot, Full> {
        self.with(|inner| {
            let Taken { count, pace } = inner.webhooks.get(&webhook).copied().unwrap_or_default();
            let most = match pace {
                Pace::Quick => self.most,
                Pace::Slow => self.most.min(WHILE_SLOW),
                Pace::Silent => self.most.min(WHILE_SILENT),
            };
            let halting = pace != Pace::Quick;
            if count >= most || (halting && inner.halting >= self.most) {
                return Err(Full { pace });
            }
            inner.webhooks.entry(webhook).or_default().count += 1;
            inner.halting += usize::from(halting);
            Ok(Slot {
                slots: self.clone(),
                webhook,
                halting,
            })
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Slot {
    /// How the receiver did, whatever it said.
    pub fn went(&self, pace: Pace) {
        self.slots
            .with(|inner| inner.webhooks.entry(self.webhook).or_default().pace = pace);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.with(|inner| {
            inner.halting -= usize::from(self.halting);
            let taken = inner.webhooks.entry(self.webhook).or_default();
            taken.count -= 1;
            if taken.count == 0 && taken.pace == Pace::Quick {
                inner.webhooks.remove(&self.webhook);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_webhook_has_its_own_slots_and_fewer_while_it_is_silent() {
        let slots = Slots::new(3);
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut held: Vec<_> = (0..3).map(|_| slots.take(a).unwrap()).collect();
        assert_eq!(slots.take(a).unwrap_err(), Full { pace: Pace::Quick });
        assert!(slots.take(b).is_ok());

        held[0].went(Pace::Silent);
        held.pop();
        assert_eq!(slots.take(a).unwrap_err(), Full { pace: Pace::Silent });
        held.pop();
        let one = slots.take(a).unwrap();
        one.went(Pace::Quick);
        assert!(slots.take(a).is_ok());
    }

    #[test]
    fn many_that_hang_leave_half_of_the_hands_to_the_others() {
        let slots = Slots::new(5);
        let webhook = Uuid::from_u128;
        for (number, pace) in [(1, Pace::Silent), (2, Pace::Slow), (3, Pace::Silent)] {
            slots.take(webhook(number)).unwrap().went(pace);
        }
        let take = |number| slots.take(webhook(number));
        let held: Vec<_> = [1, 1, 2, 2, 2].into_iter().map(take).collect();
        assert!(held.iter().all(Result::is_ok), "{held:?}");
        assert_eq!(take(3).unwrap_err(), Full { pace: Pace::Silent });
        assert!(take(4).is_ok(), "a quick one");
        drop(held);
        assert!(take(3).is_ok());
    }

    #[test]
    fn a_webhook_that_nobody_calls_is_forgotten() {
        let slots = Slots::new(3);
        drop(slots.take(Uuid::from_u128(1)).unwrap());
        assert!(slots.inner.lock().unwrap().webhooks.is_empty());
    }
}
