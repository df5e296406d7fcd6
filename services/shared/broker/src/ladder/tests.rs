use proptest::prelude::*;
use rstest::rstest;

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[rstest]
#[case(1, 1)]
#[case(2, 5)]
#[case(5, 600)]
#[case(6, 3600)]
#[case(7, 3600)]
#[case(u32::MAX, 3600)]
fn the_delay_grows_with_the_attempts_and_the_last_rung_repeats(
    #[case] attempt: u32,
    #[case] delay: u64,
) {
    assert_eq!(Ladder::default().after_attempt(attempt), seconds(delay));
}

#[rstest]
#[case(-1, None)]
#[case(0, None)]
#[case(1, Some(1))]
#[case(4, Some(1))]
#[case(5, Some(5))]
#[case(29, Some(5))]
#[case(3599, Some(600))]
#[case(90_000, Some(3600))]
fn a_message_takes_the_longest_rung_not_longer_than_what_remains(
    #[case] remaining: i64,
    #[case] rung: Option<u64>,
) {
    assert_eq!(
        Ladder::default().rung_until(at(remaining), at(0)),
        rung.map(seconds)
    );
}

#[test]
fn patience_ends_with_a_last_try_at_its_end() {
    let ladder = Ladder::default();
    let verdict = |now| ladder.next_try(at(now), at(0), 9, None, seconds(4000), 0.0);
    assert_eq!(verdict(100), Verdict::TryAt(at(3700)));
    assert_eq!(verdict(3900), Verdict::TryAt(at(4000)));
    assert_eq!(verdict(4000), Verdict::GiveUp);
}

#[test]
fn waiting_is_spread_over_a_tenth_of_the_delay() {
    let ladder = Ladder::default();
    let verdict = |jitter| ladder.next_try(at(0), at(0), 5, None, DAY, jitter);
    assert_eq!(verdict(0.0), Verdict::TryAt(at(600)));
    assert_eq!(verdict(1.0), Verdict::TryAt(at(660)));
}

#[rstest]
#[case(&[])]
#[case(&[0])]
#[case(&[5, 1])]
#[case(&[1, 1])]
#[case(&[100_000])]
fn odd_ladders_are_refused(#[case] rungs: &[u64]) {
    assert_eq!(
        Ladder::new(rungs.iter().copied().map(seconds).collect()),
        Err(InvalidLadder)
    );
}

#[rstest]
#[case(250, "250ms")]
#[case(1000, "1s")]
#[case(90_000, "90s")]
#[case(120_000, "2m")]
#[case(3_600_000, "1h")]
fn rungs_have_short_names(#[case] millis: u64, #[case] name: &str) {
    assert_eq!(rung_name(Duration::from_millis(millis)), name);
}

#[test]
fn a_ladder_is_configured_as_a_list_of_durations() {
    let ladder: Ladder = serde_json::from_str(r#"["100ms", "2s"]"#).unwrap();
    assert_eq!(ladder.rungs(), [Duration::from_millis(100), seconds(2)]);
    assert!(serde_json::from_str::<Ladder>(r#"["2s", "1s"]"#).is_err());
}

proptest! {
    /// Follows a message through the waiting queues until it is handled.
    #[test]
    fn a_message_is_handled_on_time(
        after in 0_u64..200_000,
        attempt in 1_u32..20,
        explicit in any::<bool>(),
        jitter in 0.0_f64..1.0,
    ) {
        let ladder = Ladder::default();
        let after = explicit.then(|| seconds(after));
        let patience = Duration::from_hours(24 * 30);
        let Verdict::TryAt(due) = ladder.next_try(at(0), at(0), attempt, after, patience, jitter) else {
            panic!("there is patience left");
        };
        let mut now = at(0);
        let mut hops = 0;
        while let Some(rung) = ladder.rung_until(due, now) {
            now = add(now, rung);
            hops += 1;
        }
        prop_assert!(now <= due, "never after the due time by the ladder's own doing");
        prop_assert!(due - now < TimeDelta::seconds(1), "and early by less than the shortest rung");
        if let Some(after) = after {
            prop_assert!(now >= add(at(0), after), "never before the time asked for");
        }
        prop_assert!(hops < 100, "{hops} queues");
    }
}
