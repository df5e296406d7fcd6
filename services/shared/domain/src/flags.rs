//! What the main app may want to point out about a booking. Nothing is refused because of a flag:
//! what Google says is imported for any times.
//!
//! To add a flag: a field of [`Flags`], its word in [`Flags::words`], and where [`flag`] learns it, or
//! a function of its own as [`awaits_approval`] if it does not depend on times.

use std::{collections::HashMap, hash::Hash};

use crate::{BookingState, TimeWindow};

/// The flags of one booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags {
    /// Another live booking on the same object overlaps.
    pub conflict: bool,
    /// It lies, at least in part, in a time for which the main app blocked the object.
    pub object_blocked: bool,
    /// It is pending, and somebody in the organisation has to approve it: see [`awaits_approval`].
    pub awaiting_approval: bool,
}

impl Flags {
    const CONFLICT: &'static str = "conflict";
    const OBJECT_BLOCKED: &'static str = "object_blocked";
    const AWAITING_APPROVAL: &'static str = "awaiting_approval";

    /// The flags that are set, by their names in SQL and messages.
    pub fn words(self) -> Vec<String> {
        let conflict = self.conflict.then_some(Self::CONFLICT);
        let object_blocked = self.object_blocked.then_some(Self::OBJECT_BLOCKED);
        let awaiting_approval = self.awaiting_approval.then_some(Self::AWAITING_APPROVAL);
        [conflict, object_blocked, awaiting_approval]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect()
    }

    /// The flags that `words` name. A word of a newer version is passed over: flags only inform.
    pub fn from_words<W: AsRef<str>>(words: &[W]) -> Self {
        let has = |name: &str| words.iter().any(|word| word.as_ref() == name);
        Self {
            conflict: has(Self::CONFLICT),
            object_blocked: has(Self::OBJECT_BLOCKED),
            awaiting_approval: has(Self::AWAITING_APPROVAL),
        }
    }
}

/// Whether a booking in this state waits for a human (D10): it is pending, and Google said that the
/// room does not answer by itself. Where Google did not say, nobody is told to approve anything.
pub fn awaits_approval(state: BookingState, answers_by_itself: Option<bool>) -> bool {
    state == BookingState::Pending && answers_by_itself == Some(false)
}

/// The flags that follow from times, of each of an object's live bookings, given the times for which
/// it is blocked.
///
/// `live` must hold every booking that overlaps one whose flags are wanted: a conflict with one that
/// is not given is not seen.
pub fn flag<I: Copy + Eq + Hash + Ord>(
    live: &[(I, TimeWindow)],
    blocked: &[TimeWindow],
) -> HashMap<I, Flags> {
    let blocked = TimeWindow::merge(blocked.to_vec());
    let mut by_start = live.to_vec();
    by_start.sort_by_key(|(id, window)| (window.starts_at(), *id));
    let mut busy_until = None;
    let mut flags = HashMap::with_capacity(live.len());
    for (index, (id, window)) in by_start.iter().enumerate() {
        // Sorted by start, a booking overlaps an earlier one exactly if one of those ends after it
        // starts, and a later one exactly if the next starts before it ends.
        let earlier = busy_until.is_some_and(|until| until > window.starts_at());
        let later = by_start
            .get(index + 1)
            .is_some_and(|(_, next)| next.intersects(window));
        let first_after = blocked.partition_point(|block| block.ends_at() <= window.starts_at());
        let object_blocked = blocked
            .get(first_after)
            .is_some_and(|block| block.intersects(window));
        flags.insert(
            *id,
            Flags {
                conflict: earlier || later,
                object_blocked,
                awaiting_approval: false,
            },
        );
        busy_until = busy_until.max(Some(window.ends_at()));
    }
    flags
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn window((start, length): (i64, i64)) -> TimeWindow {
        let at = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        TimeWindow::new(at(start), at(start + length)).unwrap()
    }

    #[rstest::rstest]
    #[case::alone(&[(9, 1)], &[], &[false])]
    #[case::touching(&[(9, 1), (10, 1)], &[], &[false, false])]
    #[case::overlapping(&[(9, 2), (10, 1)], &[], &[true, true])]
    #[case::inside(&[(9, 5), (10, 1), (12, 1)], &[], &[true, true, true])]
    #[case::equal(&[(9, 1), (9, 1)], &[], &[true, true])]
    #[case::given_in_any_order(&[(12, 1), (9, 2), (10, 1)], &[], &[false, true, true])]
    fn both_of_an_overlap_carry_the_conflict(
        #[case] bookings: &[(i64, i64)],
        #[case] blocked: &[(i64, i64)],
        #[case] expected: &[bool],
    ) {
        let live: Vec<_> = bookings.iter().copied().map(window).enumerate().collect();
        let blocked: Vec<_> = blocked.iter().copied().map(window).collect();
        let flags = flag(&live, &blocked);
        let conflicts: Vec<bool> = (0..live.len()).map(|i| flags[&i].conflict).collect();
        assert_eq!(conflicts, expected);
    }

    #[rstest::rstest]
    #[case::before(&[(7, 2)], false)]
    #[case::after(&[(10, 1)], false)]
    #[case::partly(&[(8, 2)], true)]
    #[case::one_of_overlapping_blocks(&[(0, 20), (1, 2)], true)]
    fn a_booking_in_a_blocked_time_says_so(#[case] blocked: &[(i64, i64)], #[case] expected: bool) {
        let blocked: Vec<_> = blocked.iter().copied().map(window).collect();
        let flags = flag(&[(0, window((9, 1)))], &blocked);
        assert_eq!(flags[&0].object_blocked, expected);
    }

    #[test]
    fn words_read_back() {
        for set in 0..8 {
            let flags = Flags {
                conflict: set & 1 != 0,
                object_blocked: set & 2 != 0,
                awaiting_approval: set & 4 != 0,
            };
            assert_eq!(Flags::from_words(&flags.words()), flags);
        }
    }

    #[rstest::rstest]
    #[case::a_human_answers(BookingState::Pending, Some(false), true)]
    #[case::the_room_answers(BookingState::Pending, Some(true), false)]
    #[case::nobody_knows(BookingState::Pending, None, false)]
    #[case::answered(BookingState::Confirmed, Some(false), false)]
    #[case::ended(BookingState::Removed, Some(false), false)]
    fn a_pending_booking_of_a_room_that_does_not_answer_awaits_approval(
        #[case] state: BookingState,
        #[case] answers_by_itself: Option<bool>,
        #[case] expected: bool,
    ) {
        assert_eq!(awaits_approval(state, answers_by_itself), expected);
    }

    proptest! {
        #[test]
        fn flags_agree_with_comparing_every_pair(
            bookings in prop::collection::vec((0_i64..30, 1_i64..6), 0..12),
            blocked in prop::collection::vec((0_i64..30, 1_i64..6), 0..6),
        ) {
            let live: Vec<_> = bookings.into_iter().map(window).enumerate().collect();
            let blocked: Vec<_> = blocked.into_iter().map(window).collect();
            let flags = flag(&live, &blocked);
            for (id, own) in &live {
                let conflict = live.iter().any(|(other, w)| other != id && w.intersects(own));
                let object_blocked = blocked.iter().any(|block| block.intersects(own));
                prop_assert_eq!(
                    flags[id],
                    Flags { conflict, object_blocked, awaiting_approval: false }
                );
            }
        }
    }
}
