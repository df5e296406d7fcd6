//! A booking as both sides can say it, and where they differ.

use std::fmt;

use chrono::{DateTime, Utc};
use roomsync_proto::booking::v1::{Booking, BookingState, booker::Booker};

use crate::app::instant;

/// A booking as both sides can say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Occupied {
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    pub(super) all_day: bool,
    pub(super) confirmed: bool,
    pub(super) private: bool,
    /// The user's id, or nobody's; left out by a [`Truth`] that knows no people.
    pub(super) booker: Option<String>,
    /// Whose it may be instead: only who followed the booking that was made in Flexopus knows.
    pub(super) or_booker: Option<String>,
    /// It was declined after it was over, or before: only who saw it in time knows that it took place, so
    /// roomsync may have it, or not.
    pub(super) perhaps: bool,
}

impl Occupied {
    /// Whether the room has accepted, or is the organizer itself.
    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// With the booker that roomsync names, of those who may be it.
    fn as_told_by(&self, ours: &[Self]) -> Self {
        let by = |booker: &Option<String>| Self {
            booker: booker.clone(),
            or_booker: None,
            ..self.clone()
        };
        let is_told = |one: &Self| {
            let mut ours = ours.iter();
            ours.any(|other| {
                Self {
                    perhaps: one.perhaps,
                    ..other.clone()
                } == *one
            })
        };
        let (first, other) = (by(&self.booker), by(&self.or_booker));
        if self.or_booker.is_some() && !is_told(&first) && is_told(&other) {
            other
        } else {
            first
        }
    }

    /// Whether both take place at one time.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl fmt::Display for Occupied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.confirmed {
            "confirmed"
        } else {
            "pending"
        };
        write!(f, "{state} {} to {}", self.start, self.end)?;
        for (said, word) in [(self.all_day, "all day"), (self.private, "private")] {
            if said {
                write!(f, ", {word}")?;
            }
        }
        match &self.booker {
            Some(booker) => write!(f, ", by {booker}"),
            None => Ok(()),
        }
    }
}

/// Both sides in words, where they differ.
pub fn difference(ours: &[Occupied], theirs: &[Occupied]) -> Option<String> {
    let theirs = theirs.iter().map(|one| one.as_told_by(ours));
    let (perhaps, mut theirs): (Vec<_>, Vec<_>) = theirs.partition(|it| it.perhaps);
    theirs.sort();
    let mut ours = ours.to_vec();
    for one in perhaps {
        let taken = Occupied {
            perhaps: false,
            ..one
        };
        let count = |those: &[Occupied]| those.iter().filter(|other| **other == taken).count();
        if count(&ours) > count(&theirs)
            && let Some(place) = ours.iter().position(|other| *other == taken)
        {
            ours.remove(place);
        }
    }
    let (ours, theirs) = (ours.as_slice(), theirs.as_slice());
    if ours == theirs {
        return None;
    }
    let only = |these: &[Occupied], those: &[Occupied]| {
        let mut those = those.to_vec();
        let alone = these.iter().filter(|one| {
            let found = those.iter().position(|other| other == *one);
            found.map(|place| those.remove(place)).is_none()
        });
        alone.fold(String::new(), |said, one| format!("{said}\n    {one}"))
    };
    Some(format!(
        "  only roomsync says:{}\n  only Google says:{}",
        only(ours, theirs),
        only(theirs, ours)
    ))
}

/// What roomsync says, if it occupies its object.
pub(super) fn booked(booking: &Booking, with_people: bool) -> Option<Occupied> {
    let window = booking.window.as_ref()?;
    let confirmed = match booking.state() {
        BookingState::Confirmed => true,
        BookingState::Pending | BookingState::Undecided => false,
        _ => return None,
    };
    let booker = match booking.booker.as_ref().and_then(|it| it.booker.as_ref()) {
        Some(Booker::UserId(id) | Booker::DeviceId(id)) => id.clone(),
        Some(Booker::Anonymous(_)) | None => "nobody".to_owned(),
    };
    Some(Occupied {
        start: instant(window.starts_at.as_ref())?,
        end: instant(window.ends_at.as_ref())?,
        all_day: booking.all_day,
        confirmed,
        private: booking.private,
        booker: with_people.then_some(booker),
        or_booker: None,
        perhaps: false,
    })
}
