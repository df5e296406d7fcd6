//! What a subscriber heard, and what it makes of it. Pure: the stream is read elsewhere.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use roomsync_proto::booking::v1::{
    Booking, BookingState, LinkChanged, ObjectChange, change_item::Item,
};

/// A change as it was heard.
#[derive(Debug, Clone)]
pub struct Heard {
    /// What was said.
    pub change: ObjectChange,
    /// When we heard it.
    pub at: DateTime<Utc>,
}

/// One object, replayed.
#[derive(Debug, Clone, Default)]
struct Object {
    /// The last version that was taken over.
    version: i64,
    /// Live bookings by id.
    bookings: BTreeMap<String, Booking>,
    link: Option<LinkChanged>,
    resets: Vec<DateTime<Utc>>,
}

/// Everything that was heard, and the state it amounts to.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// To go on with after a break.
    pub cursor: String,
    /// Every change that was taken over, in order.
    pub heard: Vec<Heard>,
    /// Changes that were heard again.
    pub duplicates: usize,
    /// Versions that were said twice and not the same, by object.
    pub contradictions: Vec<(String, i64)>,
    /// Versions that were missing when a later one came, by object.
    pub gaps: Vec<(String, i64)>,
    /// Heartbeats.
    pub heartbeats: usize,
    /// How often the stream had to be opened.
    pub opened: usize,
    objects: BTreeMap<String, Object>,
}

impl Journal {
    /// Begins with what `ListBookings` said: changes at or below these versions are old news.
    pub fn begin(&mut self, bookings: Vec<Booking>, versions: BTreeMap<String, i64>) {
        for (object, version) in versions {
            self.objects.entry(object).or_default().version = version;
        }
        for booking in bookings {
            let object = self.objects.entry(booking.object_id.clone()).or_default();
            object
                .bookings
                .insert(booking.booking_id.clone(), without_title(booking));
        }
    }

    /// Takes a change over.
    pub fn hear(&mut self, change: ObjectChange, at: DateTime<Utc>) {
        let object = self.objects.entry(change.object_id.clone()).or_default();
        if change.version <= object.version {
            // Below what ListBookings gave it is no duplicate, only old.
            let is_it = |known: &ObjectChange| {
                known.object_id == change.object_id && known.version == change.version
            };
            let known = self.heard.iter().find(|heard| is_it(&heard.change));
            if let Some(known) = known {
                self.duplicates += 1;
                if known.change != change {
                    self.contradictions
                        .push((change.object_id.clone(), change.version));
                }
            }
            return;
        }
        for missing in object.version + 1..change.version {
            self.gaps.push((change.object_id.clone(), missing));
        }
        object.version = change.version;
        for item in &change.items {
            object.take(item.item.as_ref());
        }
        self.heard.push(Heard { change, at });
    }

    /// The live bookings of an object, by start.
    pub fn bookings(&self, object: &str) -> Vec<Booking> {
        let mut bookings: Vec<_> = self
            .objects
            .get(object)
            .map(|object| object.bookings.values().cloned().collect())
            .unwrap_or_default();
        bookings.sort_by_key(order);
        bookings
    }

    /// The version of an object.
    pub fn version(&self, object: &str) -> i64 {
        self.objects.get(object).map_or(0, |object| object.version)
    }

    /// The last state of an object's link, `VERIFIED` and so on.
    pub fn link_state(&self, object: &str) -> Option<String> {
        Some(self.objects.get(object)?.link.as_ref()?.state.clone())
    }

    /// From when on the object's own bookings had to be deleted, each time it was linked.
    pub fn resets(&self, object: &str) -> Vec<DateTime<Utc>> {
        self.objects
            .get(object)
            .map(|object| object.resets.clone())
            .unwrap_or_default()
    }

    /// Everything that was ever said about a booking, in order.
    pub fn history(&self, booking_id: &str) -> Vec<Booking> {
        let items = self.heard.iter().flat_map(|heard| &heard.change.items);
        items
            .filter_map(|item| match &item.item {
                Some(Item::Booking(booking)) if booking.booking_id == booking_id => {
                    Some(booking.clone())
                }
                _ => None,
            })
            .collect()
    }
}

impl Object {
    fn take(&mut self, item: Option<&Item>) {
        match item {
            Some(Item::Booking(booking)) if is_live(booking) => {
                self.bookings
                    .insert(booking.booking_id.clone(), without_title(booking.clone()));
            }
            Some(Item::Booking(booking)) => {
                self.bookings.remove(&booking.booking_id);
            }
            Some(Item::Reset(reset)) => self.resets.extend(super::instant(reset.from.as_ref())),
            Some(Item::Link(link)) => self.link = Some(link.clone()),
            None => {}
        }
    }
}

/// The stream never carries titles, so the comparison leaves them out.
pub(crate) fn without_title(booking: Booking) -> Booking {
    Booking {
        title: String::new(),
        ..booking
    }
}

/// By start, then id, as `ListBookings` has them.
pub(crate) fn order(booking: &Booking) -> (i64, i32, String) {
    let start = booking
        .window
        .and_then(|window| window.starts_at)
        .unwrap_or_default();
    (start.seconds, start.nanos, booking.booking_id.clone())
}

fn is_live(booking: &Booking) -> bool {
    !matches!(
        booking.state(),
        BookingState::Removed | BookingState::Rejected
    )
}

#[cfg(test)]
mod tests {
    use roomsync_proto::booking::v1::ChangeItem;

    use super::*;

    fn booking(id: &str, state: BookingState) -> Booking {
        Booking {
            booking_id: id.to_owned(),
            object_id: "a".to_owned(),
            state: state.into(),
            ..Booking::default()
        }
    }

    fn change(version: i64, bookings: Vec<Booking>) -> ObjectChange {
        let items = bookings.into_iter().map(|b| ChangeItem {
            item: Some(Item::Booking(b)),
        });
        ObjectChange {
            object_id: "a".to_owned(),
            version,
            change_id: version.to_string(),
            items: items.collect(),
            ..ObjectChange::default()
        }
    }

    fn ids(journal: &Journal) -> Vec<String> {
        journal
            .bookings("a")
            .into_iter()
            .map(|booking| booking.booking_id)
            .collect()
    }

    #[test]
    fn changes_replay_to_the_state_they_amount_to() {
        let mut journal = Journal::default();
        let now = DateTime::UNIX_EPOCH;
        journal.hear(change(1, vec![booking("x", BookingState::Confirmed)]), now);
        journal.hear(change(2, vec![booking("y", BookingState::Pending)]), now);
        journal.hear(change(3, vec![booking("x", BookingState::Removed)]), now);
        assert_eq!(ids(&journal), ["y"]);
        assert_eq!(journal.history("x").len(), 2);
        assert_eq!((journal.version("a"), journal.gaps.len()), (3, 0));
    }

    #[test]
    fn duplicates_and_gaps_are_counted() {
        let mut journal = Journal::default();
        let now = DateTime::UNIX_EPOCH;
        journal.hear(change(1, vec![]), now);
        journal.hear(change(1, vec![]), now);
        journal.hear(change(4, vec![]), now);
        assert_eq!(journal.duplicates, 1);
        assert_eq!(journal.gaps, [("a".to_owned(), 2), ("a".to_owned(), 3)]);
    }

    #[test]
    fn a_version_that_is_said_again_must_be_the_same() {
        let mut journal = Journal::default();
        let now = DateTime::UNIX_EPOCH;
        journal.hear(change(1, vec![booking("x", BookingState::Pending)]), now);
        journal.hear(change(1, vec![booking("x", BookingState::Confirmed)]), now);
        assert_eq!(journal.contradictions, [("a".to_owned(), 1)]);
    }

    #[test]
    fn what_the_listing_had_already_is_old_news_and_no_duplicate() {
        let mut journal = Journal::default();
        let listed = booking("x", BookingState::Confirmed);
        journal.begin(vec![listed], BTreeMap::from([("a".to_owned(), 5)]));
        let old = change(5, vec![booking("x", BookingState::Removed)]);
        journal.hear(old, DateTime::UNIX_EPOCH);
        assert_eq!(ids(&journal), ["x"]);
        assert_eq!((journal.duplicates, journal.gaps.len()), (0, 0));
    }
}
