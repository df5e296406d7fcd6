//! The arithmetic of the budget: how many units a caller gets, and when to come back for more.
//!
//! A bucket holds at most `C` units and refills with `r` units a second. A unit may be used until its
//! grant lapses, so any minute sees at most `C + 65 r` calls: those granted in it, and those of the
//! five seconds before. Both are chosen to stay within 95 % of Google's limit. (The minute is a setting,
//! so that tests can have a shorter one; the five seconds are the same for every minute.) A lane leaves the
//! share of the more urgent ones in the bucket. Who gets nothing is given a slot of its own, one
//! refill apart from the next one's, so that waiters do not come back together. Pure: the caller
//! reads and writes the rows under their locks, and passes PostgreSQL's `now()`.

use chrono::{DateTime, Duration, Utc};

/// The share of Google's limit that may be used.
const SAFE_SHARE: f64 = 0.95;
/// The share of Google's limit that may be used at once.
const BURST_SHARE: f64 = 0.2;
/// How long a grant lives, in seconds.
const GRANT_SECONDS: f64 = 5.0;
/// Absorbs rounding, so that a waiter who comes back in its slot finds its unit.
const ROUNDING: f64 = 1e-6;
/// How far ahead slots are promised. Beyond it they begin anew, spread over the same time.
const LONGEST_QUEUE: Duration = Duration::seconds(60);

/// Who is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// A person waits.
    Interactive,
    /// A change made at Google.
    Live,
    /// What follows in background work that has begun: what it has read is thrown away when it cannot go on.
    Begun,
    /// Imports, polls, reconciles.
    Background,
}

impl Lane {
    /// The share of the bucket this lane must not touch.
    fn leaves(self) -> f64 {
        match self {
            Self::Interactive => 0.0,
            Self::Live => 0.1,
            Self::Begun => 0.25,
            Self::Background => 0.4,
        }
    }
}

/// Capacity and refill of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// `C`: the units of a full bucket.
    pub capacity: f64,
    /// `r`: the units that come back each second.
    pub per_second: f64,
}

impl Rate {
    /// The rate that stays within a limit of Google's, which counts over a sliding `minute`.
    pub fn within(limit_per_minute: u32, minute: std::time::Duration) -> Self {
        let limit = f64::from(limit_per_minute);
        let capacity = limit * BURST_SHARE;
        Self {
            capacity,
            per_second: (limit * SAFE_SHARE - capacity) / (minute.as_secs_f64() + GRANT_SECONDS),
        }
    }
}

/// The slots promised to waiters, for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Slots {
    /// The next free one of the interactive lane.
    pub interactive: Option<DateTime<Utc>>,
    /// The next free one of the live lane.
    pub live: Option<DateTime<Utc>>,
    /// The next free one of background work that has begun.
    pub begun: Option<DateTime<Utc>>,
    /// The next free one of the background lane.
    pub background: Option<DateTime<Utc>>,
}

impl Slots {
    fn of(&mut self, lane: Lane) -> &mut Option<DateTime<Utc>> {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Live => &mut self.live,
            Lane::Begun => &mut self.begun,
            Lane::Background => &mut self.background,
        }
    }
}

/// A bucket as its row says.
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    /// Its capacity and refill.
    pub rate: Rate,
    /// The units in it at `refilled_at`.
    pub tokens: f64,
    /// When the units were counted.
    pub refilled_at: DateTime<Utc>,
    /// Nothing is granted before.
    pub closed_until: Option<DateTime<Utc>>,
    /// What waiters were promised.
    pub slots: Slots,
}

/// What a caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Units granted; 0: come back at `not_before`.
    pub units: u32,
    /// Now, or the slot that is reserved.
    pub not_before: DateTime<Utc>,
}

/// Takes up to `wanted` units out of every bucket alike, or reserves a slot.
pub fn take(buckets: &mut [Bucket], lane: Lane, wanted: u32, now: DateTime<Utc>) -> Grant {
    for bucket in &mut *buckets {
        bucket.refill(now);
    }
    let free = buckets
        .iter()
        .map(|bucket| bucket.free(lane, now))
        .min()
        .unwrap_or(0);
    let units = free.min(wanted);
    if units > 0 {
        for bucket in buckets {
            bucket.tokens -= f64::from(units);
        }
        return Grant {
            units,
            not_before: now,
        };
    }
    let empty = || |bucket: &&mut Bucket| bucket.free(lane, now) == 0;
    let not_before = buckets
        .iter_mut()
        .filter(empty())
        .map(|b| b.next_slot(lane, now))
        .max()
        .unwrap_or(now);
    for bucket in buckets.iter_mut().filter(empty()) {
        *bucket.slots.of(lane) = Some(not_before + seconds(1.0 / bucket.rate.per_second));
    }
    Grant {
        units: 0,
        not_before,
    }
}

impl Bucket {
    fn refill(&mut self, now: DateTime<Utc>) {
        // A transaction that began earlier may get the row later: time never runs backwards here.
        let passed = (now - self.refilled_at).max(Duration::zero());
        let fresh = passed.as_seconds_f64() * self.rate.per_second;
        self.tokens = (self.tokens + fresh).min(self.rate.capacity);
        self.refilled_at = self.refilled_at.max(now);
    }

    /// The units a lane may take.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a bucket holds between 0 and a few thousand units"
    )]
    fn free(&self, lane: Lane, now: DateTime<Utc>) -> u32 {
        if self.closed_until.is_some_and(|until| until > now) {
            return 0;
        }
        (self.tokens - self.floor(lane) + ROUNDING).max(0.0) as u32
    }

    fn floor(&self, lane: Lane) -> f64 {
        self.rate.capacity * lane.leaves()
    }

    /// When a unit is there for the next waiter of a lane.
    fn next_slot(&mut self, lane: Lane, now: DateTime<Utc>) -> DateTime<Utc> {
        let missing = (self.floor(lane) + 1.0 - self.tokens).max(0.0);
        let refilled = now + seconds(missing / self.rate.per_second);
        let first = self
            .closed_until
            .map_or(refilled, |until| until.max(refilled));
        match *self.slots.of(lane) {
            Some(slot) if slot > first && slot - first < LONGEST_QUEUE => slot,
            _ => first,
        }
    }
}

/// A duration, rounded up to the microseconds that PostgreSQL keeps.
#[expect(
    clippy::cast_possible_truncation,
    reason = "at most some minutes in microseconds"
)]
fn seconds(seconds: f64) -> Duration {
    Duration::microseconds((seconds * 1e6).ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: std::time::Duration = std::time::Duration::from_mins(1);

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn full(limit: u32) -> Bucket {
        let rate = Rate::within(limit, MINUTE);
        Bucket {
            rate,
            tokens: rate.capacity,
            refilled_at: start(),
            closed_until: None,
            slots: Slots::default(),
        }
    }

    #[rstest::rstest]
    #[case(10, 60)]
    #[case(600, 60)]
    #[case(10_000, 60)]
    #[case::a_minute_of_tests(400, 6)]
    fn a_bucket_a_minute_of_refill_and_late_use_stay_within_95_percent(
        #[case] limit: u32,
        #[case] seconds: u32,
    ) {
        let rate = Rate::within(limit, seconds * std::time::Duration::from_secs(1));
        let most = rate.capacity + (f64::from(seconds) + 5.0) * rate.per_second;
        assert!(most <= 0.95 * f64::from(limit) + 1e-9 && rate.per_second > 0.0);
    }

    #[rstest::rstest]
    #[case(Lane::Interactive, 120)]
    #[case(Lane::Live, 108)]
    #[case(Lane::Begun, 90)]
    #[case(Lane::Background, 72)]
    fn each_lane_leaves_the_share_of_the_more_urgent_ones(#[case] lane: Lane, #[case] most: u32) {
        let mut buckets = [full(600)];
        assert_eq!(take(&mut buckets, lane, 1000, start()).units, most);
        assert_eq!(take(&mut buckets, lane, 1, start()).units, 0);
    }

    #[test]
    fn the_emptier_bucket_decides_and_both_pay() {
        let mut buckets = [full(600), full(10_000)];
        assert_eq!(take(&mut buckets, Lane::Interactive, 20, start()).units, 20);
        assert!((buckets[0].tokens - 100.0).abs() < 1e-9);
        assert!((buckets[1].tokens - 1980.0).abs() < 1e-9);
        buckets[1].tokens = 3.5;
        assert_eq!(take(&mut buckets, Lane::Interactive, 20, start()).units, 3);
    }

    #[test]
    fn waiters_get_slots_one_refill_apart_and_find_their_unit_there() {
        let mut buckets = [full(600)];
        take(&mut buckets, Lane::Interactive, 1000, start());
        let slots: Vec<_> = (0..20)
            .map(|_| take(&mut buckets, Lane::Live, 5, start()).not_before)
            .collect();
        for pair in slots.windows(2) {
            assert!(
                (pair[1] - pair[0]).as_seconds_f64() >= 1.0 / buckets[0].rate.per_second - 1e-6
            );
        }
        for slot in slots {
            assert_eq!(take(&mut buckets, Lane::Live, 1, slot).units, 1);
        }
    }

    #[test]
    fn a_waiting_background_does_not_delay_a_person() {
        let mut buckets = [full(600)];
        take(&mut buckets, Lane::Background, 1000, start());
        assert!(take(&mut buckets, Lane::Background, 1, start()).not_before > start());
        assert_eq!(take(&mut buckets, Lane::Interactive, 10, start()).units, 10);
    }

    #[test]
    fn what_has_begun_goes_on_soon_however_many_wait_to_begin() {
        let mut buckets = [full(600)];
        take(&mut buckets, Lane::Begun, 1000, start());
        for _ in 0..400 {
            take(&mut buckets, Lane::Background, 1, start());
        }
        let next = take(&mut buckets, Lane::Begun, 1, start()).not_before;
        assert!(next - start() < Duration::seconds(1), "{next}");
        assert_eq!(take(&mut buckets, Lane::Begun, 1, next).units, 1);
        let later = start() + Duration::seconds(2);
        assert_eq!(take(&mut buckets, Lane::Background, 1, later).units, 0);
    }

    #[test]
    fn a_closed_bucket_grants_nothing_and_opens_for_one_waiter_at_a_time() {
        let mut buckets = [full(600)];
        let until = start() + Duration::seconds(30);
        buckets[0].closed_until = Some(until);
        let first = take(&mut buckets, Lane::Interactive, 1, start());
        let second = take(&mut buckets, Lane::Interactive, 1, start());
        assert_eq!((first.units, first.not_before), (0, until));
        assert!(second.not_before > until);
        assert_eq!(take(&mut buckets, Lane::Interactive, 1, until).units, 1);
    }

    #[test]
    fn a_transaction_that_began_earlier_refills_nothing() {
        let mut buckets = [full(600)];
        take(&mut buckets, Lane::Interactive, 1000, start());
        take(
            &mut buckets,
            Lane::Interactive,
            1,
            start() - Duration::seconds(10),
        );
        assert!(buckets[0].tokens < 1.0 && buckets[0].refilled_at == start());
    }

    #[test]
    fn a_queue_that_is_too_long_begins_anew() {
        let mut buckets = [full(600)];
        take(&mut buckets, Lane::Interactive, 1000, start());
        for _ in 0..5000 {
            let grant = take(&mut buckets, Lane::Background, 1, start());
            assert!(grant.not_before < start() + Duration::seconds(80));
        }
    }

    #[test]
    fn any_minute_of_greedy_callers_stays_within_the_limit() {
        let mut buckets = [full(600)];
        let granted: u32 = (0..600)
            .map(|tenth| start() + Duration::milliseconds(tenth * 100))
            .map(|now| take(&mut buckets, Lane::Interactive, 1000, now).units)
            .sum();
        assert!((525..=535).contains(&granted), "{granted}");
    }
}
