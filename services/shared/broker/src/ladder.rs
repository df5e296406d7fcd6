//! The retry ladder: when a message is tried again, and through which queue it waits until then.
//!
//! Pure: everything is a function of the times given. A message carries the exact time it is due;
//! it waits in the queue of the *longest rung not longer than what remains*, and when it comes back
//! early it goes on to the next one without an attempt being counted. So a handful of queues with one
//! TTL each (no message waits behind one with a longer TTL) makes any delay.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The delays of the ladder, shortest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Rung>", into = "Vec<Rung>")]
pub struct Ladder(Vec<Duration>);

/// A rung as it is written in the configuration: `"30s"`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rung(#[serde(with = "humantime_serde")] Duration);

/// Why a list of delays is no ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 20 delays of a millisecond to a day, each longer than the one before")]
pub struct InvalidLadder;

impl Default for Ladder {
    fn default() -> Self {
        Self([1, 5, 30, 120, 600, 3600].map(Duration::from_secs).to_vec())
    }
}

impl TryFrom<Vec<Rung>> for Ladder {
    type Error = InvalidLadder;

    fn try_from(rungs: Vec<Rung>) -> Result<Self, InvalidLadder> {
        Self::new(rungs.into_iter().map(|rung| rung.0).collect())
    }
}

impl From<Ladder> for Vec<Rung> {
    fn from(ladder: Ladder) -> Self {
        ladder.0.into_iter().map(Rung).collect()
    }
}

/// What becomes of a message that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again at this time.
    TryAt(DateTime<Utc>),
    /// Its patience is at an end.
    GiveUp,
}

impl Ladder {
    /// Checks the delays.
    pub fn new(rungs: Vec<Duration>) -> Result<Self, InvalidLadder> {
        let range = Duration::from_millis(1)..=Duration::from_hours(24);
        let fine = (1..=20).contains(&rungs.len())
            && rungs
                .iter()
                .all(|rung| range.contains(rung) && rung.subsec_nanos() % 1_000_000 == 0)
            && rungs.windows(2).all(|pair| pair[0] < pair[1]);
        if fine {
            Ok(Self(rungs))
        } else {
            Err(InvalidLadder)
        }
    }

    /// The delays, shortest first.
    pub fn rungs(&self) -> &[Duration] {
        &self.0
    }

    /// The shortest delay; nothing is timed more finely than this.
    pub fn shortest(&self) -> Duration {
        self.0[0]
    }

    /// The delay after the given attempt (from 1); the last rung repeats.
    pub fn after_attempt(&self, attempt: u32) -> Duration {
        let index = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
        self.0[index.min(self.0.len() - 1)]
    }

    /// When a message that failed is tried again.
    ///
    /// `jitter` (0 to 1) spreads messages that failed together over a tenth of the delay. A message
    /// that must not come before `after` never does: since less than the shortest rung of waiting
    /// counts as none ([`Ladder::rung_until`]), that much is added. The last try is at the end of
    /// the patience.
    pub fn next_try(
        &self,
        now: DateTime<Utc>,
        first_seen: DateTime<Utc>,
        attempt: u32,
        after: Option<Duration>,
        patience: Duration,
        jitter: f64,
    ) -> Verdict {
        let end = add(first_seen, patience);
        if now >= end {
            return Verdict::GiveUp;
        }
        let delay = match after {
            Some(after) => after.saturating_add(self.shortest()),
            None => self.after_attempt(attempt),
        };
        let spread = delay.mul_f64(jitter.clamp(0.0, 1.0) / 10.0);
        Verdict::TryAt(add(now, delay.saturating_add(spread)).min(end))
    }

    /// The rung in which a message due at `due` waits now, or `None` when it is to be handled now.
    pub fn rung_until(&self, due: DateTime<Utc>, now: DateTime<Utc>) -> Option<Duration> {
        let remaining = (due - now).to_std().unwrap_or(Duration::ZERO);
        self.0.iter().rev().copied().find(|rung| *rung <= remaining)
    }
}

/// The name of a rung in the name of its queue: `1s`, `2m`, `1h`, `250ms`.
pub fn rung_name(rung: Duration) -> String {
    let millis = rung.as_millis();
    match millis {
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

fn add(time: DateTime<Utc>, duration: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(duration)
        .ok()
        .and_then(|delta| time.checked_add_signed(delta))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
