//! Making a booking's event.
//!
//! The event's id is the booking's, so an insert whose answer was lost is sent again: Google then says that the id
//! is taken, and reading the event tells whether it is ours. One that was cancelled since is never made again.
//! Before the first try the row notes that one may have reached Google: whoever gives the request up
//! takes back what may be there.

use roomsync_domain::{Cause, Placement};
use roomsync_google::{
    AccessLostWhy, Event, FLEXOPUS_PROPERTY, GoogleError, ResponseStatus, SendUpdates,
};

use super::{
    Claimed, Outcome, WriteError, Writer, blockers,
    place::{Context, Place},
    withdraw::gives_way,
};
use crate::{access::connections::Connection, bookings::property, status::CommandError};

/// How long a calendar of ours that Google no longer has is waited for.
const ANOTHER_CALENDAR: std::time::Duration = std::time::Duration::from_secs(30);

/// What one try at a place came to.
enum Tried {
    Settled(Outcome),
    /// Google does not know the booker there.
    Unknown {
        remember: bool,
    },
}

/// What a refusal of an insert means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Google does not know this booker, or not us in the booker's name.
    Unknown { remember: bool },
    /// The calendar of our own is gone.
    CalendarGone,
    /// Google will never take it.
    Refused,
    /// Not now.
    Later,
}

/// Makes the event, at the first place that takes it.
pub(super) async fn insert(writer: &Writer, claimed: &Claimed) -> Result<Outcome, WriteError> {
    let rejected = |cause| Outcome::Rejected {
        cause,
        undo: claimed.attempted,
    };
    if claimed.patience.is_some_and(|left| left.is_zero()) {
        return Ok(rejected(Cause::GoogleUnavailable));
    }
    let connection = writer.lender.active(&claimed.tenant).await?;
    let context = Context::read(writer, claimed).await?;
    // What was tried stays where it was tried: it may be there.
    let place = if claimed.attempted {
        Place::of(claimed, &context)
    } else {
        writer.first_place(&connection, claimed, &context).await?
    };
    let Some(place) = place else {
        return Ok(rejected(Cause::BookerUnknown));
    };
    let remember = match writer
        .try_at(&connection, claimed, &context, &place)
        .await?
    {
        Tried::Settled(outcome) => return Ok(outcome),
        Tried::Unknown { remember } => remember,
    };
    if remember {
        writer.remember_unknown(claimed).await?;
    }
    if claimed.attempted {
        return Ok(rejected(Cause::BookerUnknown));
    }
    let Some(place) = writer.shared_place(&connection, &context).await? else {
        return Ok(rejected(Cause::BookerUnknown));
    };
    match writer
        .try_at(&connection, claimed, &context, &place)
        .await?
    {
        Tried::Settled(outcome) => Ok(outcome),
        Tried::Unknown { .. } => Ok(rejected(Cause::BookerUnknown)),
    }
}

/// The mirror was faster than the process that made the event, which may have died before its second look at a
/// slot that nobody else checks. What was moved in Google since is Google's to judge.
pub(super) async fn seen(writer: &Writer, claimed: &Claimed) -> Result<Outcome, WriteError> {
    let as_mirrored = Outcome::Made {
        etag: None,
        confirmed: false,
    };
    let on_the_room = claimed.booking.placement == Some(Placement::RoomCalendar);
    if !on_the_room || !claimed.held {
        return Ok(as_mirrored);
    }
    let connection = writer.lender.active(&claimed.tenant).await?;
    let place = Place::on_the_room(claimed);
    let event = match writer.find(&connection, claimed, &place).await? {
        Ok(event) if event.is_cancelled() => return Ok(as_mirrored),
        Ok(event) => event,
        Err(error) => {
            return match verdict(&error, place.placement) {
                Verdict::Later => Err(WriteError::later()),
                _ => Ok(as_mirrored),
            };
        }
    };
    match writer.made(&connection, claimed, &place, event).await? {
        Tried::Settled(outcome) => Ok(outcome),
        Tried::Unknown { .. } => Ok(as_mirrored),
    }
}

impl Writer {
    async fn try_at(
        &self,
        connection: &Connection,
        claimed: &Claimed,
        context: &Context,
        place: &Place,
    ) -> Result<Tried, WriteError> {
        let rejected = |cause| {
            Tried::Settled(Outcome::Rejected {
                cause,
                undo: claimed.attempted,
            })
        };
        if place.placement == Placement::RoomCalendar {
            match self.others(connection, claimed).await? {
                Err(error) => {
                    tracing::warn!(tenant = %claimed.tenant, booking = %claimed.booking.id, %error, "the slot cannot be read");
                    return match verdict(&error, place.placement) {
                        Verdict::Later => Err(WriteError::later()),
                        _ => Ok(rejected(Cause::Refused)),
                    };
                }
                Ok(slot) if !slot.others.is_empty() && slot.ours.is_none() => {
                    return Ok(rejected(Cause::SlotTaken));
                }
                Ok(_) => {}
            }
        }
        self.note_attempt(claimed, place).await?;
        let updates = place.updates();
        let sent = self
            .send(connection, claimed, context, place, updates)
            .await;
        // Whoever is told to slow down was not heard: there is nothing to take back should it be given up.
        if let Err(CommandError::Exhausted { .. }) = sent {
            self.forget_attempt(claimed).await?;
        }
        match sent? {
            Ok(event) => self.made(connection, claimed, place, event).await,
            Err(GoogleError::Conflict) => {
                let found = self.find(connection, claimed, place).await?;
                match found {
                    Ok(event) if event.is_cancelled() => Ok(rejected(Cause::Cancelled)),
                    Ok(event) if self.is_ours(claimed, &event) => {
                        self.made(connection, claimed, place, event).await
                    }
                    Ok(_) => Ok(rejected(Cause::Refused)),
                    Err(_) => Err(WriteError::later()),
                }
            }
            Err(error) => {
                tracing::info!(tenant = %claimed.tenant, booking = %claimed.booking.id, %error, "google takes no event");
                match verdict(&error, place.placement) {
                    Verdict::Unknown { remember } => {
                        self.forget_attempt(claimed).await?;
                        Ok(Tried::Unknown { remember })
                    }
                    Verdict::Refused => Ok(rejected(Cause::Refused)),
                    Verdict::Later => Err(WriteError::later()),
                    Verdict::CalendarGone => {
                        self.forget_attempt(claimed).await?;
                        self.lender
                            .forget_shared_calendar(connection, &place.calendar)
                            .await?;
                        Err(WriteError::Later {
                            after: Some(ANOTHER_CALENDAR),
                        })
                    }
                }
            }
        }
    }

    /// Sends the insert, for the first time or again, and says whom Google tells of it.
    pub(super) async fn send(
        &self,
        connection: &Connection,
        claimed: &Claimed,
        context: &Context,
        place: &Place,
        updates: SendUpdates,
    ) -> Result<Result<Event, GoogleError>, CommandError> {
        let booking = &claimed.booking;
        let ring = self.lender.ring();
        let note = property::write(&ring, &claimed.tenant, booking.id, &booking.details.booker);
        let attendees = place.attendees(claimed);
        let shared = [(FLEXOPUS_PROPERTY, note.as_str())];
        let event = &place.event(claimed, context, &attendees, &shared);
        let (google, calendar) = (self.lender.google(), place.calendar.as_str());
        let call =
            |access, _| async move { google.insert_event(&access, calendar, event, updates).await };
        self.call(connection, place, call).await
    }

    /// The event as it stands on the calendar where it was made.
    pub(super) async fn find(
        &self,
        connection: &Connection,
        claimed: &Claimed,
        place: &Place,
    ) -> Result<Result<Event, GoogleError>, WriteError> {
        let (google, calendar) = (self.lender.google(), place.calendar.as_str());
        let event = claimed.booking.details.event_id.as_str();
        let call = |access, _| async move { google.get_event(&access, calendar, event).await };
        Ok(self.call(connection, place, call).await?)
    }

    /// Google has it. On a room's own calendar nobody checked the slot: of two the later one goes.
    async fn made(
        &self,
        connection: &Connection,
        claimed: &Claimed,
        place: &Place,
        event: Event,
    ) -> Result<Tried, WriteError> {
        let mut confirmed = has_accepted(claimed, &event);
        if place.placement == Placement::RoomCalendar {
            let Ok(slot) = self.others(connection, claimed).await? else {
                return Err(WriteError::later());
            };
            if slot
                .others
                .iter()
                .any(|other| gives_way(&event, other, &claimed.room))
            {
                return Ok(Tried::Settled(Outcome::GivesWay));
            }
            confirmed = true;
        }
        Ok(Tried::Settled(Outcome::Made {
            etag: event.etag,
            confirmed,
        }))
    }

    /// What stands in the slot.
    async fn others(
        &self,
        connection: &Connection,
        claimed: &Claimed,
    ) -> Result<Result<InSlot, GoogleError>, WriteError> {
        let (room, window) = (&claimed.room, claimed.booking.details.window);
        let events = match self.slot(connection, room, window).await? {
            Ok(events) => events,
            Err(error) => return Ok(Err(error)),
        };
        let (mut ours, others): (Vec<_>, Vec<_>) = blockers(&events, room, window)
            .cloned()
            .partition(|event| event.id == claimed.booking.details.event_id);
        Ok(Ok(InSlot {
            ours: ours.pop(),
            others,
        }))
    }

    fn is_ours(&self, claimed: &Claimed, event: &Event) -> bool {
        let note = event.extended_properties.shared.get(FLEXOPUS_PROPERTY);
        note.is_some_and(|note| {
            property::read(&self.lender.ring(), &claimed.tenant, &event.id, note).is_some()
        })
    }
}

/// A slot of a room as it is in Google.
struct InSlot {
    ours: Option<Event>,
    others: Vec<Event>,
}

fn has_accepted(claimed: &Claimed, event: &Event) -> bool {
    event.attendees.iter().any(|entry| {
        entry.response_status == ResponseStatus::Accepted
            && entry
                .email
                .as_deref()
                .is_some_and(|mail| claimed.room.matches(mail))
    })
}

fn verdict(error: &GoogleError, placement: Placement) -> Verdict {
    let as_booker = placement == Placement::UserCalendar;
    match error {
        GoogleError::AccessLost {
            why: AccessLostWhy::ClockSkew | AccessLostWhy::KeyRefused | AccessLostWhy::ClientRefused,
        }
        | GoogleError::Unauthorized
        | GoogleError::Throttled { .. }
        | GoogleError::QuotaExceeded
        | GoogleError::Unavailable { .. }
        | GoogleError::Unreachable(_)
        | GoogleError::Unreadable(_)
        // Said to us who named no cursor: it says nothing about the event.
        | GoogleError::CursorExpired => Verdict::Later,
        // Nobody is delegated to us: it says nothing about this booker.
        GoogleError::AccessLost {
            why: AccessLostWhy::NotDelegated,
        } if as_booker => Verdict::Unknown { remember: false },
        GoogleError::AccessLost { .. } | GoogleError::NotCalendarUser | GoogleError::NotFound
            if as_booker =>
        {
            Verdict::Unknown { remember: true }
        }
        GoogleError::NotFound if placement == Placement::SharedCalendar => Verdict::CalendarGone,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const UNKNOWN: Verdict = Verdict::Unknown { remember: true };

    fn lost(why: AccessLostWhy) -> GoogleError {
        GoogleError::AccessLost { why }
    }

    fn forbidden(reason: &str) -> GoogleError {
        GoogleError::Forbidden {
            reason: reason.to_owned(),
        }
    }

    use Placement::{RoomCalendar, SharedCalendar, UserCalendar};

    #[rstest]
    #[case::no_such_account(lost(AccessLostWhy::SubjectUnknown), UserCalendar, UNKNOWN)]
    #[case::suspended(lost(AccessLostWhy::Withdrawn), UserCalendar, UNKNOWN)]
    #[case::calendar_off(GoogleError::NotCalendarUser, UserCalendar, UNKNOWN)]
    #[case::no_calendar(GoogleError::NotFound, UserCalendar, UNKNOWN)]
    #[case::not_delegated(
        lost(AccessLostWhy::NotDelegated),
        UserCalendar,
        Verdict::Unknown { remember: false }
    )]
    #[case::our_clock(lost(AccessLostWhy::ClockSkew), UserCalendar, Verdict::Later)]
    #[case::our_key(lost(AccessLostWhy::KeyRefused), UserCalendar, Verdict::Later)]
    #[case::role(forbidden("requiredAccessLevel"), RoomCalendar, Verdict::Refused)]
    #[case::scope(forbidden("insufficientPermissions"), UserCalendar, Verdict::Refused)]
    #[case::guests(
        forbidden("forbiddenForServiceAccounts"),
        SharedCalendar,
        Verdict::Refused
    )]
    #[case::generic(forbidden("forbidden"), UserCalendar, Verdict::Refused)]
    #[case::ours_is_gone(GoogleError::NotFound, SharedCalendar, Verdict::CalendarGone)]
    #[case::the_room_is_gone(GoogleError::NotFound, RoomCalendar, Verdict::Refused)]
    #[case::no_room_for_calendar_user(GoogleError::NotCalendarUser, RoomCalendar, Verdict::Refused)]
    #[case::token(GoogleError::Unauthorized, UserCalendar, Verdict::Later)]
    #[case::garbage(GoogleError::Unreadable("x"), UserCalendar, Verdict::Later)]
    #[case::no_cursor_was_named(GoogleError::CursorExpired, RoomCalendar, Verdict::Later)]
    #[case::gone(GoogleError::Gone, UserCalendar, Verdict::Refused)]
    fn what_a_refusal_means(
        #[case] error: GoogleError,
        #[case] placement: Placement,
        #[case] expected: Verdict,
    ) {
        assert_eq!(verdict(&error, placement), expected);
    }
}
