//! How many requests go to one webhook at once, per process: one receiver that hangs must not hold every
//! hand of the consumer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

/// At once to a webhook that did not answer last time.
const WHILE_SILENT: usize = 2;

/// The slots of all webhooks.
#[derive(Debug, Clone)]
pub struct Slots {
    most: usize,
    webhooks: Arc<Mutex<HashMap<Uuid, Taken>>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    count: usize,
    silent: bool,
}

/// A slot, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    webhook: Uuid,
}

/// All slots are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// The receiver does not answer.
    pub silent: bool,
}

impl Slots {
    /// At most `most` requests at once for each webhook.
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            webhooks: Arc::default(),
        }
    }

    /// Takes a slot.
    pub fn take(&self, webhook: Uuid) -> Result<Slot, Full> {
        self.with(webhook, |taken| {
            let most = if taken.silent {
                self.most.min(WHILE_SILENT)
            } else {
                self.most
            };
            if taken.count >= most {
                return Err(Full {
                    silent: taken.silent,
                });
            }
            taken.count += 1;
            Ok(())
        })?;
        Ok(Slot {
            slots: self.clone(),
            webhook,
        })
    }

    fn with<T>(&self, webhook: Uuid, change: impl FnOnce(&mut Taken) -> T) -> T {
        let mut webhooks = self.webhooks.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = webhooks.entry(webhook).or_default();
        let answer = change(taken);
        if taken.count == 0 && !taken.silent {
            webhooks.remove(&webhook);
        }
        answer
    }
}

impl Slot {
    /// The receiver answered, whatever it said, or it did not.
    pub fn answered(&self, answered: bool) {
        self.slots
            .with(self.webhook, |taken| taken.silent = !answered);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.with(self.webhook, |taken| taken.count -= 1);
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
        assert_eq!(slots.take(a).unwrap_err(), Full { silent: false });
        assert!(slots.take(b).is_ok());

        held[0].answered(false);
        held.pop();
        assert_eq!(slots.take(a).unwrap_err(), Full { silent: true });
        held.pop();
        let one = slots.take(a).unwrap();
        one.answered(true);
        assert!(slots.take(a).is_ok());
    }

    #[test]
    fn a_webhook_that_nobody_calls_is_forgotten() {
        let slots = Slots::new(3);
        drop(slots.take(Uuid::from_u128(1)).unwrap());
        assert!(slots.webhooks.lock().unwrap().is_empty());
    }
}
