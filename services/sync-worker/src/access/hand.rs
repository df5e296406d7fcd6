//! What is in hand: units that were granted and not used, and who is asking for more.

use std::{collections::HashMap, time::Duration};

use roomsync_domain::TenantId;
use tokio::{sync::watch, time::Instant};

use super::{Actor, Lease, Share};

/// A grant lapses five seconds after booking-command made it; the rest is for the way here.
const GRANT_LIFE: Duration = Duration::from_millis(4500);
/// The most units of one grant.
const MOST_UNITS: i32 = 20;

/// Who calls in whose name, and which share pays.
pub(super) type Key = (TenantId, Actor, Share);

/// What is there, and what is on its way.
#[derive(Debug, Default)]
pub(super) struct Hand {
    grants: HashMap<Key, Grant>,
    flights: HashMap<Key, Flight>,
}

#[derive(Debug, Clone)]
struct Grant {
    lease: Lease,
    left: i32,
    size: i32,
    lapses: Instant,
    /// Its units are good, but not before booking-command has been asked for a later time.
    outdated: bool,
}

/// Somebody is asking for a grant; over when its sender is dropped.
#[derive(Debug)]
struct Flight(watch::Receiver<()>);

/// What somebody without a unit does.
#[derive(Debug)]
pub(super) enum Turn {
    /// Takes this.
    Take(Lease),
    /// Asks for so many units; others wait until the sender is dropped, however the asking ends.
    Ask(i32, watch::Sender<()>),
    /// Waits until somebody else has asked.
    Wait(watch::Receiver<()>),
}

impl Hand {
    /// One unit of a grant that has not lapsed; else whether to ask, and for how many, or to wait.
    pub(super) fn turn(&mut self, key: &Key, now: Instant) -> Turn {
        let mut units = 1;
        if let Some(grant) = self.grants.get_mut(key) {
            let alive = now < grant.lapses;
            if grant.left > 0 && alive && !grant.outdated {
                grant.left -= 1;
                return Turn::Take(grant.lease.clone());
            }
            units = units_after(grant.size, grant.left, alive);
        }
        if let Some(Flight(under_way)) = self.flights.get(key)
            && under_way.has_changed().is_ok()
        {
            return Turn::Wait(under_way.clone());
        }
        let (flight, under_way) = watch::channel(());
        self.flights.insert(key.clone(), Flight(under_way));
        Turn::Ask(units, flight)
    }

    /// Keeps what is left of a grant of so many units, of which the asker uses one.
    pub(super) fn keep(&mut self, key: Key, lease: Lease, units: i32, asked_at: Instant) {
        let mut grant = Grant {
            lease,
            left: units - 1,
            size: units,
            lapses: asked_at + GRANT_LIFE,
            outdated: false,
        };
        if let Some(other) = self.grants.get(&key).filter(|it| asked_at < it.lapses) {
            // Units of another are there: they stay, under the earlier end of both. Whoever takes one does so
            // after both were granted, so the later time is true of all.
            let granted_at = &mut grant.lease.granted_at;
            *granted_at = other.lease.granted_at.max(*granted_at);
            grant.size = grant.size.max(other.size);
            if other.left > 0 {
                grant.lapses = match grant.left {
                    0 => other.lapses,
                    _ => other.lapses.min(grant.lapses),
                };
                grant.left += other.left;
            }
        }
        self.grants.insert(key, grant);
    }

    /// Nobody takes what is left of a tenant's grants before somebody has asked for one more, nor waits
    /// for what is under way.
    pub(super) fn outdate(&mut self, tenant: &TenantId) {
        for ((of, _, _), grant) in &mut self.grants {
            grant.outdated |= of == tenant;
        }
        self.flights.retain(|(of, _, _), _| of != tenant);
    }

    /// Forgets everything of a tenant.
    pub(super) fn forget(&mut self, tenant: &TenantId) {
        self.grants.retain(|(of, _, _), _| of != tenant);
        self.flights.retain(|(of, _, _), _| of != tenant);
    }
}

/// How many units to ask for after a grant of `size`: more when it was used up before it lapsed,
/// one again when units of it were wasted.
fn units_after(size: i32, left: i32, alive: bool) -> i32 {
    match (left, alive) {
        (0, true) => size.saturating_mul(2).clamp(1, MOST_UNITS),
        (0, false) => size.clamp(1, MOST_UNITS),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use roomsync_google::Access;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::used_up_early(4, 0, true, 8)]
    #[case::used_up_at_most(16, 0, true, 20)]
    #[case::used_up_just_so(4, 0, false, 4)]
    #[case::wasted(8, 3, false, 1)]
    fn grants_follow_what_is_used(
        #[case] size: i32,
        #[case] left: i32,
        #[case] alive: bool,
        #[case] units: i32,
    ) {
        assert_eq!(units_after(size, left, alive), units);
    }

    fn key() -> Key {
        ("acme".parse().unwrap(), Actor::Rooms, Share::Live)
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn lease(granted_at: DateTime<Utc>) -> Lease {
        Lease {
            access: Access {
                token: "token".to_owned().into(),
                quota_user: "user".into(),
            },
            subject: "subject".into(),
            granted_at,
        }
    }

    fn granted(hand: &mut Hand, units: i32, now: Instant) {
        hand.keep(key(), lease(at(0)), units, now);
    }

    #[tokio::test]
    async fn of_many_who_find_nothing_left_one_asks_for_many_and_the_others_wait_for_it() {
        let mut hand = Hand::default();
        let now = Instant::now();
        granted(&mut hand, 1, now);
        let Turn::Ask(2, flight) = hand.turn(&key(), now) else {
            panic!("the first asks for twice as many");
        };
        let Turn::Wait(mut waiting) = hand.turn(&key(), now) else {
            panic!("the second waits");
        };
        granted(&mut hand, 2, now);
        drop(flight);
        assert!(waiting.changed().await.is_err(), "it is told");
        assert!(matches!(hand.turn(&key(), now), Turn::Take(_)));
        assert!(matches!(hand.turn(&key(), now), Turn::Ask(4, _)));
    }

    #[test]
    fn who_gives_up_asking_leaves_it_to_the_next() {
        let mut hand = Hand::default();
        let now = Instant::now();
        drop(hand.turn(&key(), now));
        assert!(matches!(hand.turn(&key(), now), Turn::Ask(1, _)));
    }

    #[test]
    fn after_a_write_nobody_waits_for_a_grant_from_before_it() {
        let mut hand = Hand::default();
        let now = Instant::now();
        let before = hand.turn(&key(), now);
        hand.outdate(&key().0);
        assert!(matches!(hand.turn(&key(), now), Turn::Ask(1, _)));
        drop(before);
    }

    #[test]
    fn after_a_write_no_unit_is_taken_under_an_earlier_time_and_none_is_lost() {
        let mut hand = Hand::default();
        let now = Instant::now();
        granted(&mut hand, 8, now);
        hand.outdate(&key().0);
        let Turn::Ask(1, flight) = hand.turn(&key(), now) else {
            panic!("a time from after the write is asked for");
        };
        hand.keep(key(), lease(at(1)), 1, now);
        drop(flight);
        let times: Vec<_> = (0..7)
            .map(|_| match hand.turn(&key(), now) {
                Turn::Take(lease) => lease.granted_at,
                other => panic!("there are units left: {other:?}"),
            })
            .collect();
        assert_eq!(times, [at(1); 7]);
        assert!(matches!(hand.turn(&key(), now), Turn::Ask(16, _)));
    }

    #[test]
    fn of_another_tenant_nothing_is_outdated() {
        let mut hand = Hand::default();
        let now = Instant::now();
        granted(&mut hand, 2, now);
        hand.outdate(&"globex".parse().unwrap());
        assert!(matches!(hand.turn(&key(), now), Turn::Take(_)));
    }

    #[test]
    fn what_is_forgotten_is_asked_for_anew() {
        let mut hand = Hand::default();
        let now = Instant::now();
        granted(&mut hand, 8, now);
        hand.forget(&key().0);
        assert!(matches!(hand.turn(&key(), now), Turn::Ask(1, _)));
    }

    #[rstest]
    #[case::small_one_last(&[8, 1], 7)]
    #[case::small_one_first(&[1, 8], 7)]
    #[case::both_large(&[8, 4], 10)]
    fn a_grant_does_not_replace_what_is_left_of_another(#[case] grants: &[i32], #[case] left: i32) {
        let mut hand = Hand::default();
        let now = Instant::now();
        for units in grants {
            granted(&mut hand, *units, now);
        }
        let mut takes = || matches!(hand.turn(&key(), now), Turn::Take(_));
        let taken = (0..left).filter(|_| takes()).count();
        assert_eq!(i32::try_from(taken).unwrap(), left);
        assert!(!takes());
    }

    #[test]
    fn units_lapse_with_the_grant_they_came_with() {
        let mut hand = Hand::default();
        let then = Instant::now();
        let later = then + GRANT_LIFE / 2;
        granted(&mut hand, 8, then);
        granted(&mut hand, 1, later);
        assert!(matches!(
            hand.turn(&key(), then + GRANT_LIFE),
            Turn::Ask(..)
        ));
    }
}
