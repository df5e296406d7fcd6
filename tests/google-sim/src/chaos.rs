//! Troubles that come at random, for whole suites: notifications and calls meet them by
//! probability, in the order that a seed gives.
//!
//! Faults that were added by hand go first; chaos meets what they leave. The n-th roll under a seed
//! is always the same; which call or notification makes it depends on who comes n-th. Changing the
//! seed begins anew. To add a trouble, add a probability and a line to `fate`.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};

use crate::{faults::Effect, ledger::Operation, push::PushEffect, settings::millis};

/// What becomes of notifications at random. Probabilities lie between 0 and 1; of one message at
/// most one comes true.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushChaos {
    /// It is lost.
    pub drop: f64,
    /// It arrives twice.
    pub duplicate: f64,
    /// It arrives late by a random time, so that later ones overtake it.
    pub delay: f64,
    /// The longest of these times.
    #[serde(with = "millis")]
    pub longest_delay: Duration,
    /// It arrives with another token, which is as good as lost.
    pub wrong_token: f64,
    /// It arrives under a channel id that nobody made.
    pub unknown_channel: f64,
    /// Where the random numbers begin.
    pub seed: u64,
}

impl Default for PushChaos {
    fn default() -> Self {
        Self {
            drop: 0.0,
            duplicate: 0.0,
            delay: 0.0,
            longest_delay: Duration::from_millis(200),
            wrong_token: 0.0,
            unknown_channel: 0.0,
            seed: 0,
        }
    }
}

impl PushChaos {
    /// Notifications are lost, doubled and overtaken, each with this probability.
    pub fn evenly(probability: f64, seed: u64) -> Self {
        Self {
            drop: probability,
            duplicate: probability,
            delay: probability,
            seed,
            ..Self::default()
        }
    }

    /// What happens to the next notification.
    pub(crate) fn fate(&self, dice: &Dice) -> Option<PushEffect> {
        dice.roll(self.seed, |rng| {
            let longest = u64::try_from(self.longest_delay.as_millis()).unwrap_or(u64::MAX);
            let delay = Duration::from_millis(rng.random_range(0..=longest));
            one_of(
                rng,
                [
                    (self.drop, PushEffect::Drop),
                    (self.duplicate, PushEffect::Duplicate),
                    (self.delay, PushEffect::Delay { delay }),
                    (self.wrong_token, PushEffect::WrongToken),
                    (self.unknown_channel, PushEffect::UnknownChannel),
                ],
            )
        })
    }
}

/// What becomes of calls at random. Probabilities lie between 0 and 1; of one call at most one
/// comes true.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallChaos {
    /// Only these operations; empty means all.
    pub operations: Vec<Operation>,
    /// Refused with 429 `rateLimitExceeded`.
    pub too_many_requests: f64,
    /// Refused with 403 `rateLimitExceeded`.
    pub rate_limited: f64,
    /// Refused with 503 `backendError`.
    pub unavailable: f64,
    /// 502 with an HTML page.
    pub html: f64,
    /// The connection is closed; nothing was done.
    pub close: f64,
    /// The call is carried out, then the connection is closed.
    pub commit_then_close: f64,
    /// The call is carried out after a random time.
    pub delay: f64,
    /// The longest of these times.
    #[serde(with = "millis")]
    pub longest_delay: Duration,
    /// Where the random numbers begin.
    pub seed: u64,
}

impl CallChaos {
    /// 429, 503, HTML and closed connections, each with this probability.
    pub fn evenly(probability: f64, seed: u64) -> Self {
        Self {
            too_many_requests: probability,
            unavailable: probability,
            html: probability,
            close: probability,
            commit_then_close: probability,
            seed,
            ..Self::default()
        }
    }

    /// Only these operations.
    #[must_use]
    pub fn on(mut self, operations: &[Operation]) -> Self {
        self.operations = operations.to_vec();
        self
    }

    /// What happens to the next call.
    pub(crate) fn fate(&self, dice: &Dice, operation: Operation) -> Option<Effect> {
        if !self.operations.is_empty() && !self.operations.contains(&operation) {
            return None;
        }
        let refusal = |status, reason: &str| Effect::Answer {
            status,
            reason: reason.to_owned(),
            retry_after: None,
            newer_envelope: false,
        };
        dice.roll(self.seed, |rng| {
            let longest = u64::try_from(self.longest_delay.as_millis()).unwrap_or(u64::MAX);
            let delay = Duration::from_millis(rng.random_range(0..=longest));
            one_of(
                rng,
                [
                    (self.too_many_requests, refusal(429, "rateLimitExceeded")),
                    (self.rate_limited, refusal(403, "rateLimitExceeded")),
                    (self.unavailable, refusal(503, "backendError")),
                    (self.html, Effect::Html502),
                    (self.close, Effect::CloseConnection),
                    (self.commit_then_close, Effect::CommitThenClose),
                    (self.delay, Effect::Delay { delay }),
                ],
            )
        })
    }
}

/// Random numbers that begin anew with every new seed.
#[derive(Debug, Default)]
pub(crate) struct Dice(Mutex<Option<(u64, StdRng)>>);

impl Dice {
    fn roll<T>(&self, seed: u64, roll: impl FnOnce(&mut StdRng) -> T) -> T {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || (seed, StdRng::seed_from_u64(seed));
        let (begun, rng) = state.get_or_insert_with(fresh);
        if *begun != seed {
            (*begun, *rng) = fresh();
        }
        roll(rng)
    }
}

/// The outcome that a random number falls on, or none.
fn one_of<T, const N: usize>(rng: &mut StdRng, outcomes: [(f64, T); N]) -> Option<T> {
    let mut left = rng.random_range(0.0..1.0);
    for (probability, outcome) in outcomes {
        if left < probability {
            return Some(outcome);
        }
        left -= probability;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(seed: u64) -> Vec<String> {
        let dice = Dice::default();
        let chaos = PushChaos::evenly(0.3, seed);
        (0..50)
            .map(|_| format!("{:?}", chaos.fate(&dice)))
            .collect()
    }

    #[test]
    fn a_seed_gives_the_same_fates_and_another_seed_others() {
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
        let kinds = fates(7);
        for kind in ["None", "Some(Drop)", "Some(Duplicate)"] {
            assert!(kinds.iter().any(|fate| fate == kind), "{kind}");
        }
    }

    #[test]
    fn calls_of_other_operations_are_left_alone() {
        let dice = Dice::default();
        let chaos = CallChaos {
            close: 1.0,
            ..CallChaos::default()
        }
        .on(&[Operation::List]);
        assert!(chaos.fate(&dice, Operation::Insert).is_none());
        assert!(matches!(
            chaos.fate(&dice, Operation::List),
            Some(Effect::CloseConnection)
        ));
    }
}
