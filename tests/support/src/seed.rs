//! Chance that can be repeated: dice of a test, whose seed is printed.

use uuid::Uuid;

use crate::environment;

/// Dice. The same seed throws the same.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of `ROOMSYNC_FAULTS_SEED`, else of a seed of their own. It is printed, so that a test that failed
    /// says how to play it again.
    pub fn of(test: &str) -> Self {
        let given = environment::optional("ROOMSYNC_FAULTS_SEED");
        let seed = given
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
        eprintln!("`{test}`: ROOMSYNC_FAULTS_SEED={seed}");
        Self(seed)
    }

    /// Further dice, whose throws do not depend on how often these are thrown.
    #[must_use]
    pub fn other(&mut self) -> Self {
        Self(self.next())
    }

    /// Less than `sides`.
    pub fn throw(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % sides).unwrap_or_default()
    }

    /// One of these; `None` of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.throw(of.len()))
    }

    /// `SplitMix64`: even enough, and short.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
