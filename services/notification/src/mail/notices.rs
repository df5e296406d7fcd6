//! Which mails a change calls for: a pure decision.
//!
//! Imports and resets call for none: what they bring is live. A booking that has ended before the change is
//! nobody's concern any more.

use std::collections::{BTreeMap, btree_map::Entry};

use chrono::{DateTime, Utc};
use roomsync_domain::{BookingId, BookingState, Cause};
use roomsync_messages::{BookingSnapshot, ChangedItem, ObjectChanged};
use uuid::Uuid;

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The room's own answer turned to declined (D26). To the booker.
    RoomLost,
    /// A request made in Flexopus came to nothing. To the booker.
    BookingRefused,
    /// Declined in Flexopus. To the organiser.
    BookingDeclined,
    /// Google withdrew the access. To the tenant's administrators.
    ConnectionLost,
    /// It works again. To the same.
    ConnectionActive,
    /// A webhook took nothing for days, or said farewell. To the same.
    WebhookDisabled,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::RoomLost,
        Self::BookingRefused,
        Self::BookingDeclined,
        Self::ConnectionLost,
        Self::ConnectionActive,
        Self::WebhookDisabled,
    ];

    /// Its name in SQL, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RoomLost => "room_lost",
            Self::BookingRefused => "booking_refused",
            Self::BookingDeclined => "booking_declined",
            Self::ConnectionLost => "connection_lost",
            Self::ConnectionActive => "connection_active",
            Self::WebhookDisabled => "webhook_disabled",
        }
    }

    /// The kind of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One mail that is called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: Kind,
    /// The booking; of several, the one that starts first.
    pub booking: Option<BookingId>,
    /// The webhook.
    pub webhook: Option<Uuid>,
    /// Why the booking ended.
    pub cause: Option<Cause>,
    /// It is about several dates of one series.
    pub several: bool,
    /// Equal for the same notice, in one tenant.
    pub dedup: String,
}

/// The notices that a change calls for, one for a series however many of its dates it is about.
pub fn notices_of(change: &ObjectChanged) -> Vec<Notice> {
    let mut notices: BTreeMap<String, (DateTime<Utc>, Notice)> = BTreeMap::new();
    for item in &change.items {
        let ChangedItem::Booking { booking } = item else {
            continue;
        };
        let Some((kind, cause)) = kind_of(booking) else {
            continue;
        };
        if booking.ends_at <= change.changed_at {
            continue;
        }
        let dedup = dedup(kind, change, booking);
        let notice = Notice {
            kind,
            booking: Some(booking.id),
            webhook: None,
            cause: Some(cause),
            several: false,
            dedup: dedup.clone(),
        };
        match notices.entry(dedup) {
            Entry::Vacant(place) => {
                place.insert((booking.starts_at, notice));
            }
            Entry::Occupied(mut known) => {
                let (starts_at, known) = known.get_mut();
                if booking.starts_at < *starts_at {
                    *starts_at = booking.starts_at;
                    *known = notice;
                }
                known.several = true;
            }
        }
    }
    notices.into_values().map(|(_, notice)| notice).collect()
}

fn kind_of(booking: &BookingSnapshot) -> Option<(Kind, Cause)> {
    let cause: Cause = booking.cause.as_deref()?.parse().ok()?;
    let kind = match (booking.state, cause) {
        (BookingState::Removed, Cause::RoomDeclined | Cause::RoomDeclinedWhileFree) => {
            Kind::RoomLost
        }
        (BookingState::Rejected, Cause::RoomDeclined) if !booking.from_flexopus => Kind::RoomLost,
        (
            BookingState::Rejected,
            Cause::RoomDeclined
            | Cause::RoomDeclinedWhileFree
            | Cause::SlotTaken
            | Cause::BookerUnknown
            | Cause::Refused
            | Cause::GoogleUnavailable,
        ) if booking.from_flexopus => Kind::BookingRefused,
        (BookingState::Removed, Cause::Declined) => Kind::BookingDeclined,
        _ => return None,
    };
    Some((kind, cause))
}

/// A booking ends once, so its id is enough. The dates of a series may end one by one: those of one change
/// (which may come in several messages of one time) are one notice. What was split off a series belongs to it.
fn dedup(kind: Kind, change: &ObjectChanged, booking: &BookingSnapshot) -> String {
    let kind = kind.as_str();
    match &booking.series {
        None => format!("{kind}/{}", booking.id),
        Some(series) => {
            let family = series
                .split_once("_R")
                .map_or(&**series, |(before, _)| before);
            let (object, at) = (&change.object, change.changed_at.timestamp_micros());
            format!("{kind}/{object}/{family}/{at}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn booking(state: BookingState, cause: &str) -> BookingSnapshot {
        BookingSnapshot {
            id: "0193a5c0-0000-7000-8000-000000000001".parse().unwrap(),
            state,
            starts_at: "2026-11-25T09:00:00Z".parse().unwrap(),
            ends_at: "2026-11-25T10:00:00Z".parse().unwrap(),
            all_day: false,
            booker: roomsync_domain::Booker::Anonymous,
            private: false,
            flags: Vec::new(),
            cause: (!cause.is_empty()).then(|| cause.to_owned()),
            series: None,
            from_flexopus: false,
            not_at_google: false,
            event_kept: false,
            created_at: NOW.parse().unwrap(),
            updated_at: NOW.parse().unwrap(),
        }
    }

    fn change(bookings: Vec<BookingSnapshot>) -> ObjectChanged {
        ObjectChanged {
            tenant: "acme".parse().unwrap(),
            object: "aquarium".parse().unwrap(),
            version: 3,
            changed_at: NOW.parse().unwrap(),
            received_at: None,
            forgotten: Vec::new(),
            items: bookings
                .into_iter()
                .map(|booking| ChangedItem::Booking { booking })
                .collect(),
        }
    }

    use BookingState::{Confirmed, Declining, Pending, Rejected, Removed, Undecided};
    use Kind::{BookingDeclined, BookingRefused, RoomLost};

    #[rstest::rstest]
    // The room's own answer turned to declined.
    #[case(Removed, "room_declined", false, Some(RoomLost))]
    #[case(Removed, "room_declined", true, Some(RoomLost))]
    #[case(Rejected, "room_declined", false, Some(RoomLost))]
    // Anything else that takes a room away is the organiser's own doing, or nobody's.
    #[case(Removed, "cancelled", false, None)]
    #[case(Removed, "room_left", false, None)]
    #[case(Removed, "not_blocking", false, None)]
    #[case(Removed, "absent", false, None)]
    #[case(Removed, "link_closed", true, None)]
    #[case(Rejected, "cancelled", false, None)]
    // A request of Flexopus came to nothing.
    #[case(Rejected, "room_declined", true, Some(BookingRefused))]
    #[case(Rejected, "room_declined_while_free", true, Some(BookingRefused))]
    #[case(Rejected, "slot_taken", true, Some(BookingRefused))]
    #[case(Rejected, "refused", true, Some(BookingRefused))]
    #[case(Rejected, "booker_unknown", true, Some(BookingRefused))]
    #[case(Rejected, "google_unavailable", true, Some(BookingRefused))]
    #[case(Rejected, "withdrawn", true, None)]
    #[case(Rejected, "link_closed", true, None)]
    // Declined in Flexopus: told when it is done.
    #[case(Removed, "declined", false, Some(BookingDeclined))]
    #[case(Removed, "declined", true, Some(BookingDeclined))]
    #[case(Declining, "", true, None)]
    // Live ones, and a cause that a later version may bring.
    #[case(Confirmed, "", false, None)]
    #[case(Pending, "", true, None)]
    #[case(Undecided, "", true, None)]
    #[case(Removed, "of_a_later_version", false, None)]
    fn what_ended_and_why_decides(
        #[case] state: BookingState,
        #[case] cause: &str,
        #[case] from_flexopus: bool,
        #[case] expected: Option<Kind>,
    ) {
        let ended = BookingSnapshot {
            from_flexopus,
            ..booking(state, cause)
        };
        let notices = notices_of(&change(vec![ended.clone()]));
        let kinds: Vec<_> = notices.iter().map(|notice| notice.kind).collect();
        assert_eq!(kinds, Vec::from_iter(expected));
        for notice in notices {
            assert_eq!(notice.booking, Some(ended.id));
            assert_eq!(notice.cause.map(Cause::as_str), Some(cause));
            assert!(!notice.several);
        }
    }

    #[test]
    fn a_booking_that_has_ended_is_nobodys_concern() {
        let past = BookingSnapshot {
            starts_at: "2026-11-22T11:00:00Z".parse().unwrap(),
            ends_at: NOW.parse().unwrap(),
            ..booking(Removed, "room_declined")
        };
        assert_eq!(notices_of(&change(vec![past])), []);
    }

    fn date(number: u8, series: &str) -> BookingSnapshot {
        let day = 25 + i64::from(number);
        let starts_at: DateTime<Utc> = "2026-11-01T09:00:00Z".parse().unwrap();
        let starts_at = starts_at + chrono::TimeDelta::days(day);
        BookingSnapshot {
            id: format!("0193a5c0-0000-7000-8000-00000000000{number}")
                .parse()
                .unwrap(),
            starts_at,
            ends_at: starts_at + chrono::TimeDelta::hours(1),
            series: Some(series.to_owned()),
            ..booking(Removed, "room_declined")
        }
    }

    #[test]
    fn a_series_is_one_notice_a_change_and_names_its_first_date() {
        let split_off = "weekly_R20261202T080000";
        let dates = vec![date(3, split_off), date(1, "weekly"), date(2, "weekly")];
        let first = change(dates);
        let [notice] = notices_of(&first).try_into().unwrap();
        assert_eq!(notice.booking, Some(date(1, "").id));
        assert!(notice.several);

        // The rest of the same change, in a message of its own.
        let mut rest = change(vec![date(4, "weekly")]);
        rest.version = 4;
        assert_eq!(notices_of(&rest)[0].dedup, notice.dedup);
        // Another series, another change, another object.
        assert_ne!(
            notices_of(&change(vec![date(4, "monthly")]))[0].dedup,
            notice.dedup
        );
        let mut later = rest.clone();
        later.changed_at += chrono::TimeDelta::seconds(1);
        assert_ne!(notices_of(&later)[0].dedup, notice.dedup);
        let mut elsewhere = rest;
        elsewhere.object = "lagoon".parse().unwrap();
        assert_ne!(notices_of(&elsewhere)[0].dedup, notice.dedup);
    }

    #[test]
    fn two_bookings_of_one_change_are_two_notices() {
        let other = BookingSnapshot {
            id: "0193a5c0-0000-7000-8000-000000000002".parse().unwrap(),
            ..booking(Removed, "room_declined")
        };
        let both = change(vec![booking(Removed, "room_declined"), other]);
        assert_eq!(notices_of(&both).len(), 2);
    }

    #[test]
    fn names_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::of("of_a_later_version"), None);
    }
}
