//! What becomes of a booking that somebody wants to end from Flexopus: [`ending`].
//!
//! The rules, in the order in which they are asked:
//!
//! 1. Whose it is. A user may end the own bookings, an administrator all, a device what was made at a
//!    device of the same object (R61, R67). Nobody ends the bookings of others.
//! 2. What has ended is answered as it is, and so is what is being declined: asking twice is no fault.
//! 3. A request of Flexopus that is not confirmed yet is withdrawn: by its booker always (D24), in
//!    somebody's place by an administrator where bookings may be declined.
//! 4. What Google has not confirmed otherwise waits for the room's answer.
//! 5. A confirmed one is declined, where nothing of ours may only look (B9) and the tenant allows it
//!    (R60, R65, R66). One made at a device needs no such leave (R67), and its event may go with it (D8).
//!
//! The table of cases is in `policy/tests.rs`. To add a rule: find its place in the order above, and add
//! its rows to the table.

#[cfg(test)]
mod tests;

use crate::{Actor, Booker, BookingState, Placement};

/// A booking, as far as the policy looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the booking"
)]
pub struct Asked<'a> {
    /// Whose it is.
    pub booker: &'a Booker,
    /// Where we made its event; `None`: it was made in Google.
    pub placement: Option<Placement>,
    /// Its state.
    pub state: BookingState,
    /// Its event still stands where we put it. One that was moved in Google is Google's to answer.
    pub as_written: bool,
    /// It has ended.
    pub over: bool,
    /// It is one date of a series.
    pub of_series: bool,
    /// It is being declined alone, not with its series.
    pub declining_alone: bool,
}

/// What the tenant's administrators set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leave {
    /// Bookings may be declined from Flexopus.
    pub decline: bool,
    /// Nothing may be written to Google: the tenant's or the object's switch.
    pub read_only: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The request is taken back; its event, if there is one, is deleted.
    Withdraw,
    /// The room declines this booking.
    Decline,
    /// The room declines the series, with every future date.
    DeclineSeries,
    /// As [`Self::Decline`], but the event is deleted if it is nobody's but the room's.
    DeleteDeviceBooking,
    /// It is being declined: wait for Google with whoever asked first.
    InHand,
    /// It has ended, however: answer it as it is.
    Ended,
    /// Not so.
    Refuse(Refusal),
}

/// Why a booking cannot be ended so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is somebody else's.
    NotYours,
    /// It is over.
    Over,
    /// It is no date of a series.
    NotASeries,
    /// The room has not answered in Google.
    Pending,
    /// Administrators allow to look, not to write.
    ReadOnly,
    /// Administrators have not allowed to decline.
    DeclineNotAllowed,
}

impl Refusal {
    /// The reason in the API.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotYours => "NOT_YOURS",
            Self::Over => "BOOKING_OVER",
            Self::NotASeries => "NOT_A_SERIES",
            Self::Pending => "BOOKING_PENDING",
            Self::ReadOnly => "READ_ONLY",
            Self::DeclineNotAllowed => "DECLINE_NOT_ALLOWED",
        }
    }
}

/// In which part somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Booker,
    Administrator,
    Stranger,
}

impl Asked<'_> {
    /// Made at a device. Whose device it was may have been taken from the record since.
    fn of_device(&self) -> bool {
        matches!(self.booker, Booker::Device { .. })
            || self.placement == Some(Placement::RoomCalendar)
    }

    /// Any device of the object stands for the one that booked.
    fn part(&self, actor: &Actor) -> Part {
        match actor {
            Actor::Administrator(_) => Part::Administrator,
            Actor::User(user) if matches!(self.booker, Booker::User { user: own } if own == user) => {
                Part::Booker
            }
            Actor::Device(_) if self.of_device() => Part::Booker,
            Actor::User(_) | Actor::Device(_) | Actor::Google | Actor::System => Part::Stranger,
        }
    }
}

/// What becomes of the booking when `actor` wants it ended; with `series`: every future date of its
/// series, too.
pub fn ending(actor: &Actor, asked: &Asked<'_>, series: bool, leave: Leave) -> Ending {
    use BookingState::{Confirmed, Declining, Pending, Rejected, Removed, Requested, Undecided};
    let part = asked.part(actor);
    if part == Part::Stranger {
        return Ending::Refuse(Refusal::NotYours);
    }
    if matches!(asked.state, Rejected | Removed) {
        return Ending::Ended;
    }
    if series && !asked.of_series {
        return Ending::Refuse(Refusal::NotASeries);
    }
    let of_device = asked.of_device();
    let may_end = leave.decline || of_device;
    match asked.state {
        // Who wants the series gone does not get it by waiting for the one date.
        Declining if series && asked.declining_alone => {}
        Declining => return Ending::InHand,
        Requested | Pending | Undecided | Confirmed | Rejected | Removed => {}
    }
    if asked.over {
        return Ending::Refuse(Refusal::Over);
    }
    if matches!(asked.state, Requested | Pending | Undecided) {
        let ours = asked.placement.is_some() && asked.as_written;
        return match part {
            _ if !ours => Ending::Refuse(Refusal::Pending),
            Part::Administrator if !may_end => Ending::Refuse(Refusal::DeclineNotAllowed),
            _ => Ending::Withdraw,
        };
    }
    if leave.read_only {
        return Ending::Refuse(Refusal::ReadOnly);
    }
    if !may_end {
        return Ending::Refuse(Refusal::DeclineNotAllowed);
    }
    match (series, of_device) {
        (true, _) => Ending::DeclineSeries,
        (false, true) => Ending::DeleteDeviceBooking,
        (false, false) => Ending::Decline,
    }
}
