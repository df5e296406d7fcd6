//! The room leaves an event: its own answer on its own calendar, and nothing else of the event.
//!
//! The room's copy is read first, and the answer is given only while that copy is as it was read. Nobody is
//! told by Google: the organiser hears of it from us, with the name of who declined. Doing it again changes
//! nothing: what is declined, cancelled or gone is done.

use chrono::{DateTime, Utc};
use roomsync_domain::{Booker, BookingId, Placement};
use roomsync_google::{Access, Event, GoogleError, ListQuery, SendUpdates};

use super::{
    Claimed, WriteError, Writer,
    decline_settle::Declined,
    decline_step::{Step, stands, step},
};
use crate::access::{connections::Connection, subject::Purpose};

/// How often an event may change between reading and answering before the queue takes over.
const ROUNDS: usize = 4;

/// Declines one booking's event.
pub(super) async fn decline(writer: &Writer, claimed: &Claimed) -> Result<Declined, WriteError> {
    let room = Room::of(writer, claimed).await?;
    let booking = &claimed.booking;
    let of_device = matches!(booking.details.booker, Booker::Device { .. })
        || booking.placement == Some(Placement::RoomCalendar);
    match room.leave(&booking.details.event_id, of_device).await? {
        Left::Yes | Left::NoEvent => Ok(Declined::All),
        Left::Refused => Ok(Declined::None),
    }
}

/// What came of leaving an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The room is not in it any more.
    Yes,
    /// There is no such event on its calendar.
    NoEvent,
    /// Google does not let us.
    Refused,
}

/// A room's calendar, in the name of the rooms subject.
pub(super) struct Room<'a> {
    writer: &'a Writer,
    connection: Connection,
    claimed: &'a Claimed,
    booking: BookingId,
}

impl<'a> Room<'a> {
    pub(super) async fn of(writer: &'a Writer, claimed: &'a Claimed) -> Result<Self, WriteError> {
        Ok(Self {
            writer,
            connection: writer.lender.active(&claimed.tenant).await?,
            claimed,
            booking: claimed.booking.id,
        })
    }

    fn mail(&self) -> &str {
        self.claimed.room.as_str()
    }

    /// The room leaves an event, or a whole series.
    pub(super) async fn leave(&self, event: &str, of_device: bool) -> Result<Left, WriteError> {
        let mut answered = false;
        for _ in 0..ROUNDS {
            let copy = match self.read(event).await? {
                Ok(copy) => copy,
                Err(GoogleError::Gone) => return Ok(Left::Yes),
                Err(GoogleError::NotFound) => return self.without_event().await,
                Err(error) => return self.refused(&error),
            };
            match self.leave_as_read(&copy, of_device).await? {
                Ok(Left::Yes) => return Ok(Left::Yes),
                // Who lacks the right to write may be told that all is well (observed).
                Ok(_) => answered = true,
                // It changed since it was read.
                Err(
                    GoogleError::PreconditionFailed
                    | GoogleError::Conflict
                    | GoogleError::Gone
                    | GoogleError::NotFound,
                ) => answered = false,
                Err(error) => return self.refused(&error),
            }
        }
        if answered {
            Ok(Left::Refused)
        } else {
            Err(WriteError::later())
        }
    }

    /// One step from a copy that was just read. [`Left::Refused`] when the room is in it still, whatever
    /// Google's status said.
    pub(super) async fn leave_as_read(
        &self,
        copy: &Event,
        of_device: bool,
    ) -> Result<Result<Left, GoogleError>, WriteError> {
        let (google, room) = (self.writer.lender.google(), self.mail());
        let (event, etag) = (copy.id.as_str(), copy.etag.as_deref());
        let seen = |after: Event| {
            if stands(&after, &self.claimed.room) {
                Left::Refused
            } else {
                Left::Yes
            }
        };
        match step(copy, &self.claimed.room, of_device) {
            Step::Done => Ok(Ok(Left::Yes)),
            Step::Decline => {
                let call = move |access: Access, _| async move {
                    google.decline(&access, room, event, room, etag).await
                };
                Ok(self.call(call).await?.map(seen))
            }
            Step::DeclineAsOrganizer => {
                let call = move |access: Access, _| async move {
                    google.guest_list(&access, room, event).await
                };
                let guests = match self.call(call).await? {
                    Ok(guests) => guests,
                    Err(error) => return Ok(Err(error)),
                };
                let guests = &guests;
                let call = move |access: Access, _| async move {
                    google
                        .decline_as_organizer(&access, room, event, room, guests)
                        .await
                };
                Ok(self.call(call).await?.map(seen))
            }
            Step::Delete => {
                let call = move |access: Access, _| async move {
                    google
                        .delete_event(&access, room, event, etag, SendUpdates::None)
                        .await
                };
                Ok(self.call(call).await?.map(|()| Left::Yes))
            }
        }
    }

    async fn read(&self, event: &str) -> Result<Result<Event, GoogleError>, WriteError> {
        let (google, room) = (self.writer.lender.google(), self.mail());
        let call =
            move |access: Access, _| async move { google.get_event(&access, room, event).await };
        self.call(call).await
    }

    /// Google says "not found" of an event that is gone as of a calendar that we may not see (documented).
    async fn without_event(&self) -> Result<Left, WriteError> {
        let (google, room) = (self.writer.lender.google(), self.mail());
        let call = move |access: Access, now: DateTime<Utc>| async move {
            let query = ListQuery {
                time_max: Some(now),
                max_results: Some(1),
                ..ListQuery::default()
            };
            google.list_events(&access, room, &query).await
        };
        match self.call(call).await? {
            Ok(_) => Ok(Left::NoEvent),
            Err(error) => self.refused(&error),
        }
    }

    /// What Google will answer next time as well is a refusal.
    pub(super) fn refused(&self, error: &GoogleError) -> Result<Left, WriteError> {
        match error {
            GoogleError::Forbidden { .. }
            | GoogleError::NotCalendarUser
            | GoogleError::NotFound
            | GoogleError::Refused { .. } => {
                let booking = self.booking;
                tracing::warn!(tenant = %self.claimed.tenant, %booking, %error, "google does not let the room decline");
                Ok(Left::Refused)
            }
            _ => Err(WriteError::later()),
        }
    }

    pub(super) async fn call<T, F, R>(&self, call: F) -> Result<Result<T, GoogleError>, WriteError>
    where
        F: Fn(Access, DateTime<Utc>) -> R,
        R: Future<Output = Result<T, GoogleError>>,
    {
        let lender = &self.writer.lender;
        Ok(lender.call(&self.connection, Purpose::Rooms, call).await?)
    }

    pub(super) fn writer(&self) -> &Writer {
        self.writer
    }

    pub(super) fn calendar(&self) -> &str {
        self.mail()
    }
}
