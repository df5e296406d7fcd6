//! When a key is proved again: soon at first, because most delegations come into effect within minutes, then
//! ever less often.

use std::time::Duration;

/// How often the delay is doubled at most.
const DOUBLED: u32 = 6;

/// How long to wait after so many tries.
pub(super) fn delay(retry_every: Duration, retries: u32) -> Duration {
    retry_every.saturating_mul(1 << retries.min(DOUBLED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, 30)]
    #[case(1, 60)]
    #[case(3, 240)]
    #[case(6, 1920)]
    #[case(7, 1920)]
    #[case(u32::MAX, 1920)]
    fn delays_double_up_to_a_bound(#[case] retries: u32, #[case] seconds: u64) {
        let expected = Duration::from_secs(seconds);
        assert_eq!(delay(Duration::from_secs(30), retries), expected);
    }
}
