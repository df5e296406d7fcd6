//! When channel work is due. Pure: times are measured by PostgreSQL's clock, and what is planned is stored.
//!
//! What it guarantees, and the tests below prove over random lives, outages and deaths: a calendar that has a
//! channel has one until the next one is open, as long as Google answers again two turns (of `sync.sweep`)
//! before the first one ends. The two overlap by a tenth of a channel's life (of a week: seventeen hours), and
//! never by less than half a minute: so long may Google be silent.

use std::time::Duration;

/// Where Google does not say when a channel ends, it lives for so long.
const UNKNOWN_LIFE: Duration = Duration::from_hours(24);
/// The least time for which two channels overlap, unless that is more than half of a life.
const LEAST_OVERLAP: Duration = Duration::from_secs(30);
/// A channel that has ended when it opens: one of the clocks is wrong, and nothing is gained by hurrying.
const ENDED_ALREADY: Duration = Duration::from_mins(1);
/// Channel work is never due sooner.
const SOONEST: Duration = Duration::from_secs(1);
/// Of what is left of a channel, this part passes before the next one is tried again.
const PART: u32 = 4;

/// How long until a channel of this `life` has to be replaced, so that the new one overlaps with it and there
/// is time for further tries.
pub(super) fn renewal(life: Option<Duration>) -> Duration {
    let life = life.unwrap_or(UNKNOWN_LIFE);
    if life.is_zero() {
        return ENDED_ALREADY;
    }
    let overlap = (life / 10).max(LEAST_OVERLAP.min(life / 2));
    life.saturating_sub(overlap).max(SOONEST)
}

/// How long until a channel is tried again that could not be opened: `usual`, and sooner while the one before
/// it still lives, the more so the less is `left` of it.
pub(super) fn again(usual: Duration, left: Option<Duration>) -> Duration {
    left.map_or(usual, |left| usual.min((left / PART).max(SOONEST)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_week(Some(7 * 86_400), 544_320)]
    #[case::an_hour(Some(3600), 3240)]
    #[case::a_minute(Some(60), 30)]
    #[case::seconds(Some(4), 2)]
    #[case::over(Some(0), 60)]
    #[case::not_said(None, 77_760)]
    fn a_channel_is_replaced_before_it_ends(#[case] life: Option<u64>, #[case] seconds: u64) {
        let due = renewal(life.map(Duration::from_secs));
        assert_eq!(due, Duration::from_secs(seconds));
    }

    #[rstest]
    #[case::nothing_to_lose(None, 60)]
    #[case::much_is_left(Some(3600), 60)]
    #[case::little_is_left(Some(40), 10)]
    #[case::next_to_nothing(Some(1), 1)]
    fn what_failed_is_tried_again_the_sooner_the_less_is_left(
        #[case] left: Option<u64>,
        #[case] seconds: u64,
    ) {
        let usual = Duration::from_mins(1);
        let due = again(usual, left.map(Duration::from_secs));
        assert_eq!(due, Duration::from_secs(seconds));
    }

    /// As `sync.channels.claim_due` has it: how long whoever takes the work has it for itself.
    fn claimed_for(left: Duration) -> u64 {
        millis((left / 2).clamp(Duration::from_secs(5), Duration::from_mins(1)))
    }

    /// The turns of all replicas together are no further apart.
    const SWEEP: u64 = 5_000;
    const USUAL: Duration = Duration::from_mins(1);

    fn millis(duration: Duration) -> u64 {
        u64::try_from(duration.as_millis()).unwrap()
    }

    /// What befalls one channel: how long Google lets it live, when within its overlap with the next one Google
    /// falls silent and for which part of it, how late each turn is, how many workers die with the work in hand.
    #[derive(Debug, Clone)]
    struct Fate {
        life: u64,
        outage_at: f64,
        outage: f64,
        late: Vec<u64>,
        deaths: usize,
    }

    fn fate() -> impl Strategy<Value = Fate> {
        // What Google shortens a life to is anybody's guess: from a minute to a month.
        let life = prop_oneof![
            Just(60_000_u64),
            60_000..600_000_u64,
            600_000..2_592_000_000_u64
        ];
        let late = prop::collection::vec(0..=SWEEP, 8);
        (life, 0.0..1.0_f64, 0.0..1.0_f64, late, 0..2_usize).prop_map(
            |(life, outage_at, outage, late, deaths)| Fate {
                life,
                outage_at,
                outage,
                late,
                deaths,
            },
        )
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "milliseconds of a month"
    )]
    fn part(of: u64, share: f64) -> u64 {
        (of as f64 * share) as u64
    }

    proptest! {
        #[test]
        fn no_calendar_is_ever_without_a_channel_while_google_answers(
            created in 0..2_592_000_000_u64,
            fates in prop::collection::vec(fate(), 1..40),
        ) {
            let mut opened_at = created;
            for fate in fates {
                let ends_at = opened_at + fate.life;
                let renewal = millis(renewal(Some(Duration::from_millis(fate.life))));
                let overlap = fate.life - renewal;
                prop_assert!(overlap >= fate.life / 10 && overlap >= 30_000);
                let mut due = opened_at + renewal;
                // A death costs time as an outage does: one of the two.
                let longest = if fate.deaths > 0 { 0 } else { overlap - 2 * SWEEP };
                let outage = part(longest, fate.outage);
                let silent_from = due + part(longest - outage, fate.outage_at);
                let silent = silent_from..silent_from + outage;
                let (mut deaths, mut turns) = (fate.deaths, fate.late.iter().cycle());
                opened_at = loop {
                    let now = due + turns.next().copied().unwrap_or(SWEEP);
                    prop_assert!(now < ends_at, "{now} is too late for {ends_at}");
                    let left = Duration::from_millis(ends_at - now);
                    due = if deaths > 0 {
                        deaths -= 1;
                        now + claimed_for(left)
                    } else if silent.contains(&now) {
                        now + millis(again(USUAL, Some(left)))
                    } else {
                        break now;
                    };
                };
            }
        }
    }
}
