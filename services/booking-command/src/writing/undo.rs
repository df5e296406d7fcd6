//! Taking back what we made.
//!
//! Whether an insert reached Google may be unknown: it is sent once more (made now, or there already, or burned),
//! and then deleted: the id of a deleted event stays taken, so a late insert makes nothing (documented).
//! An event is deleted only while it is what we wrote (same time, no further guest), with the etag with
//! which that was seen; otherwise it is somebody's meeting by now, and stays.

use roomsync_domain::{BookingState, Cause, Placement, ResourceEmail, TimeWindow};
use roomsync_google::{AccessLostWhy, Event, GoogleError, ResponseStatus, SendUpdates};

use super::{
    Claimed, Outcome, WriteError, Writer,
    place::{Context, Place},
};
use crate::{access::connections::Connection, bookings::Booking};

/// How often an event that changes under our hands is read again.
const LOOKS: usize = 3;

/// What may be done with an event of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Gone,
    Delete,
    Keep,
}

/// What an event must be to be deleted.
#[derive(Debug, Clone, Copy)]
struct Written<'a> {
    window: TimeWindow,
    room: &'a ResourceEmail,
    /// The booker's addresses.
    own: &'a [&'a str],
    /// It was taken: its event goes only because no guest is left on it.
    taken: bool,
}

/// Takes the event back, if it is still what we wrote. Also while the tenant disconnects: until its grant is
/// revoked.
pub(super) async fn undo(writer: &Writer, claimed: &Claimed) -> Result<Outcome, WriteError> {
    if !claimed.attempted && !claimed.booking.at_google {
        return Ok(Outcome::Undone);
    }
    let connection = writer.lender.usable(&claimed.tenant).await?;
    match take_back(writer, &connection, claimed).await {
        // Nobody connects this one anew.
        Err(WriteError::NotConnected) if connection.is_ending() => Ok(given_up(claimed)),
        done => done,
    }
}

async fn take_back(
    writer: &Writer,
    connection: &Connection,
    claimed: &Claimed,
) -> Result<Outcome, WriteError> {
    let context = Context::read(writer, claimed).await?;
    let Some(place) = Place::of(claimed, &context) else {
        return Ok(given_up(claimed));
    };
    let mut updates = place.updates();
    if !claimed.booking.at_google {
        let silently = SendUpdates::None;
        match writer
            .send(connection, claimed, &context, &place, silently)
            .await?
        {
            // Nobody has been told of it.
            Ok(_) => updates = SendUpdates::None,
            Err(GoogleError::Conflict) => {}
            Err(error) => return refused(claimed, &error),
        }
    }
    let organizer = claimed.booking.details.organizer_mail.as_deref();
    let mail = context
        .mail
        .as_ref()
        .map(roomsync_domain::MailAddress::as_str);
    let own: Vec<&str> = organizer.into_iter().chain(mail).collect();
    let written = Written {
        window: claimed.booking.details.window,
        room: &claimed.room,
        own: &own,
        taken: was_taken(&claimed.booking),
    };
    for _ in 0..LOOKS {
        let event = match writer.find(connection, claimed, &place).await? {
            Ok(event) => event,
            Err(GoogleError::NotFound | GoogleError::Gone) => return Ok(Outcome::Undone),
            Err(error) => return refused(claimed, &error),
        };
        match fate(&event, written, place.placement) {
            Fate::Gone => return Ok(Outcome::Undone),
            Fate::Keep => return Ok(Outcome::Kept),
            Fate::Delete => {}
        }
        let (google, calendar) = (writer.lender.google(), place.calendar.as_str());
        let (id, etag) = (event.id.as_str(), event.etag.as_deref());
        let call = |access, _| async move {
            google
                .delete_event(&access, calendar, id, etag, updates)
                .await
        };
        match writer.call(connection, &place, call).await? {
            Ok(()) | Err(GoogleError::Gone | GoogleError::NotFound) => return Ok(Outcome::Undone),
            Err(GoogleError::PreconditionFailed | GoogleError::Conflict) => {}
            Err(error) => return refused(claimed, &error),
        }
    }
    Err(WriteError::later())
}

/// Google lets us do nothing about it.
fn refused(claimed: &Claimed, error: &GoogleError) -> Result<Outcome, WriteError> {
    if may_pass(error) {
        return Err(WriteError::later());
    }
    tracing::warn!(tenant = %claimed.tenant, booking = %claimed.booking.id, %error, "google lets us not take an event back");
    Ok(given_up(claimed))
}

/// Faults of ours or of Google's: they say nothing about the event, which would be left without an owner.
fn may_pass(error: &GoogleError) -> bool {
    let our_own = [
        AccessLostWhy::ClockSkew,
        AccessLostWhy::KeyRefused,
        AccessLostWhy::ClientRefused,
    ];
    match error {
        GoogleError::AccessLost { why } => our_own.contains(why),
        GoogleError::Unauthorized
        | GoogleError::Throttled { .. }
        | GoogleError::QuotaExceeded
        | GoogleError::Unavailable { .. }
        | GoogleError::Unreachable(_)
        | GoogleError::Unreadable(_) => true,
        _ => false,
    }
}

/// Whether the request was ever granted. What was not is compensated; what was is the booker's own, and only
/// the end of all interest in it takes it away.
fn was_taken(booking: &Booking) -> bool {
    booking.state != BookingState::Rejected && booking.cause != Some(Cause::SlotTaken)
}

fn given_up(claimed: &Claimed) -> Outcome {
    if claimed.booking.at_google {
        Outcome::Kept
    } else {
        Outcome::Undone
    }
}

fn fate(event: &Event, written: Written<'_>, placement: Placement) -> Fate {
    if event.is_cancelled() {
        return Fate::Gone;
    }
    if event.is_series() || event.attendees_omitted {
        return Fate::Keep;
    }
    // Somebody made a series of it: this is a date of theirs.
    if event.recurring_event_id.is_some() && !written.taken {
        return Fate::Keep;
    }
    let humans = event.attendees.iter().filter(|entry| {
        let is_room = |mail: &str| written.room.matches(mail);
        !entry.resource && !entry.email.as_deref().is_some_and(is_room)
    });
    if written.taken {
        let declined =
            |entry: &roomsync_google::Attendee| entry.response_status == ResponseStatus::Declined;
        let abandoned = placement == Placement::SharedCalendar && humans.clone().all(declined);
        return if abandoned { Fate::Delete } else { Fate::Keep };
    }
    let mut others = humans.filter(|entry| {
        let is_own = |mail: &str| written.own.iter().any(|own| own.eq_ignore_ascii_case(mail));
        !entry.is_self && !entry.email.as_deref().is_some_and(is_own)
    });
    let window = event.occurrence(written.room).ok().and_then(|it| it.window);
    if others.next().is_none() && window == Some(written.window) {
        Fate::Delete
    } else {
        Fate::Keep
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const ROOM: &str = "r@resource.calendar.google.com";

    fn event(change: &Value) -> Event {
        let mut event = json!({
            "id": "e1",
            "status": "confirmed",
            "start": {"dateTime": "1970-01-01T09:00:00Z"},
            "end": {"dateTime": "1970-01-01T10:00:00Z"},
            "attendees": [
                {"email": "ada@example.com", "self": true, "responseStatus": "accepted"},
                {"email": ROOM, "resource": true, "responseStatus": "declined"},
            ],
        });
        for (key, value) in change.as_object().unwrap() {
            event[key] = value.clone();
        }
        serde_json::from_value(event).unwrap()
    }

    fn guests(guests: &Value) -> Value {
        json!({ "attendees": guests })
    }

    fn fate_of(change: &Value, taken: bool, placement: Placement) -> Fate {
        let at = |hour: i64| DateTime::from_timestamp(hour * 3600, 0).unwrap();
        let written = Written {
            window: TimeWindow::new(at(9), at(10)).unwrap(),
            room: &ROOM.parse().unwrap(),
            own: &["ada@example.com"],
            taken,
        };
        fate(&event(change), written, placement)
    }

    #[rstest]
    #[case::as_we_wrote_it(json!({}), Fate::Delete)]
    #[case::without_its_room(guests(&json!([{"email": "Ada@example.com"}])), Fate::Delete)]
    #[case::alone(guests(&json!([])), Fate::Delete)]
    #[case::with_a_title(json!({"summary": "x"}), Fate::Delete)]
    #[case::cancelled(json!({"status": "cancelled"}), Fate::Gone)]
    #[case::moved(json!({"start": {"dateTime": "1970-01-01T08:00:00Z"}}), Fate::Keep)]
    #[case::longer(json!({"end": {"dateTime": "1970-01-01T11:00:00Z"}}), Fate::Keep)]
    #[case::with_somebody(
        guests(&json!([{"email": "ada@example.com"}, {"email": "bob@example.com"}])),
        Fate::Keep
    )]
    #[case::with_somebody_who_declined(
        guests(&json!([{"email": "bob@example.com", "responseStatus": "declined"}])),
        Fate::Keep
    )]
    #[case::made_a_series(json!({"recurrence": ["RRULE:FREQ=DAILY"]}), Fate::Keep)]
    #[case::a_date_of_a_series_made_of_it(json!({"recurringEventId": "e"}), Fate::Keep)]
    #[case::guests_we_are_not_shown(json!({"attendeesOmitted": true}), Fate::Keep)]
    fn only_what_we_wrote_is_taken_back(#[case] change: Value, #[case] expected: Fate) {
        assert_eq!(fate_of(&change, false, Placement::UserCalendar), expected);
    }

    #[rstest]
    #[case::the_guest_declined(
        guests(&json!([{"email": "ada@example.com", "responseStatus": "declined"}])),
        Fate::Delete
    )]
    #[case::the_guest_is_gone(guests(&json!([{"email": ROOM, "resource": true}])), Fate::Delete)]
    #[case::the_guest_comes(
        guests(&json!([{"email": "ada@example.com", "responseStatus": "needsAction"}])),
        Fate::Keep
    )]
    #[case::another_guest_comes(
        guests(&json!([
            {"email": "ada@example.com", "responseStatus": "declined"},
            {"email": "bob@example.com", "responseStatus": "accepted"},
        ])),
        Fate::Keep
    )]
    fn a_granted_event_of_our_calendar_goes_when_no_guest_is_left(
        #[case] change: Value,
        #[case] expected: Fate,
    ) {
        assert_eq!(fate_of(&change, true, Placement::SharedCalendar), expected);
    }

    #[rstest]
    #[case::our_clock(GoogleError::AccessLost { why: AccessLostWhy::ClockSkew }, true)]
    #[case::our_key(GoogleError::AccessLost { why: AccessLostWhy::KeyRefused }, true)]
    #[case::garbage(GoogleError::Unreadable("x"), true)]
    #[case::token(GoogleError::Unauthorized, true)]
    #[case::who_left(GoogleError::AccessLost { why: AccessLostWhy::SubjectUnknown }, false)]
    #[case::calendar_off(GoogleError::NotCalendarUser, false)]
    #[case::no_such_calendar(GoogleError::NotFound, false)]
    fn an_event_is_given_up_only_for_what_stays_so(
        #[case] error: GoogleError,
        #[case] expected: bool,
    ) {
        assert_eq!(may_pass(&error), expected);
    }

    #[test]
    fn a_granted_event_of_a_user_is_never_taken_back() {
        let change = guests(&json!([]));
        assert_eq!(fate_of(&change, true, Placement::UserCalendar), Fate::Keep);
    }
}
