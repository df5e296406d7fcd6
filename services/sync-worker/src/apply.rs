//! The client of `Mirror.Apply`: one listing becomes one stream, a header and its scopes.
//!
//! A large window goes in several messages, none of which comes near gRPC's limit of 4 MiB.

use std::time::Duration;

use chrono::{DateTime, Utc};
use roomsync_domain::{
    CalendarId, Occurrence, OccurrenceKey, RoomAnswer, TenantId,
    decide::{Listing, Scope},
};
use roomsync_process::grpc;
use roomsync_proto::internal::v1::{self as proto, apply_request::Message};

use crate::{
    mirror::{Mirror, refused},
    timestamps::to_proto,
    trouble::Trouble,
};

/// A whole year of a busy room in one transaction takes its time.
const DEADLINE: Duration = Duration::from_mins(1);
/// The most occurrences of one message. One with a long guest list counts as several.
const PER_MESSAGE: usize = 500;
/// The most messages of one Apply, the header among them: booking-command takes no more.
/// A whole window goes in few; one that could not be read completely has one for each occurrence.
const MOST_MESSAGES: usize = 10_000;
/// So many guests weigh as much as an occurrence without guests.
const GUESTS_PER_OCCURRENCE: usize = 16;

/// One listing.
#[derive(Debug, Clone)]
pub(crate) struct Apply {
    pub(crate) tenant: TenantId,
    pub(crate) calendar: CalendarId,
    pub(crate) epoch: i64,
    pub(crate) listed_since: DateTime<Utc>,
    pub(crate) full_sync: bool,
    /// The daily comparison.
    pub(crate) reconcile: Option<Reconcile>,
    pub(crate) received_at: Option<DateTime<Utc>>,
    pub(crate) listings: Vec<Listing>,
}

/// What booking-command needs to tell drift from the horizon that moved on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reconcile {
    /// Up to where the window applied before reached.
    pub(crate) mirrored_until: Option<DateTime<Utc>>,
}

/// What booking-command made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// The bookings are as listed; so many differed.
    Done {
        /// Created, changed and removed bookings.
        changes: i32,
        /// Of a reconcile: bookings that had drifted.
        drift: i32,
    },
    /// We wrote to Google meanwhile: list again from the old cursor.
    WrittenSince,
    /// The epoch is too old: go past `current` and list again.
    StaleEpoch {
        /// booking-command's.
        current: i64,
    },
    /// Close the calendar.
    LinkRemoved,
}

impl Mirror {
    /// Applies one listing: all of it, or nothing.
    pub(crate) async fn apply(&self, apply: Apply) -> Result<Applied, Trouble> {
        let epoch = apply.epoch;
        let messages = all_in_one(messages(apply))?;
        let mut request = tonic::Request::new(tokio_stream::iter(messages));
        request.set_timeout(DEADLINE);
        match self.client.clone().apply(request).await {
            Ok(response) => {
                let done = response.into_inner();
                if done.already_applied {
                    // A claim sends its epoch once, so this was another listing's: ours is not
                    // applied. It happens when our schema was lost or restored from a copy.
                    return Ok(Applied::StaleEpoch { current: epoch });
                }
                Ok(Applied::Done {
                    changes: done.created + done.changed + done.removed,
                    drift: done.drift,
                })
            }
            Err(status) => match grpc::reason(&status).as_deref() {
                Some("WRITTEN_SINCE") => Ok(Applied::WrittenSince),
                Some("STALE_EPOCH") => Ok(Applied::StaleEpoch {
                    current: current(&status)?,
                }),
                Some("LINK_REMOVED" | "LINK_NOT_FOUND") => Ok(Applied::LinkRemoved),
                _ => Err(refused(status)),
            },
        }
    }
}

fn current(status: &tonic::Status) -> Result<i64, Trouble> {
    grpc::metadata(status, "epoch")
        .and_then(|epoch| epoch.parse().ok())
        .ok_or(Trouble::Unreadable("a stale epoch without the current one"))
}

/// A listing goes as a whole or not at all: the cursor moves on after it, and no delta would say again
/// what was left out.
fn all_in_one(messages: Vec<proto::ApplyRequest>) -> Result<Vec<proto::ApplyRequest>, Trouble> {
    if messages.len() > MOST_MESSAGES {
        return Err(Trouble::TooLarge);
    }
    Ok(messages)
}

/// The messages of the stream.
fn messages(apply: Apply) -> Vec<proto::ApplyRequest> {
    let header = proto::ApplyHeader {
        tenant_id: apply.tenant.to_string(),
        link_id: apply.calendar.to_string(),
        epoch: apply.epoch,
        listed_since: Some(to_proto(apply.listed_since)),
        full_sync: apply.full_sync,
        received_at: apply.received_at.map(to_proto),
        reconcile: apply.reconcile.is_some(),
        mirrored_until: apply
            .reconcile
            .and_then(|reconcile| reconcile.mirrored_until)
            .map(to_proto),
    };
    let mut messages = vec![proto::ApplyRequest {
        message: Some(Message::Header(header)),
    }];
    for listing in apply.listings {
        let scope = scope(listing.scope);
        let mut parts = parts(listing.seen);
        let last = parts.pop().unwrap_or_default();
        let part = |occurrences, continued| proto::ApplyRequest {
            message: Some(Message::Scope(proto::Scope {
                scope: Some(scope.clone()),
                occurrences,
                continued,
            })),
        };
        messages.extend(parts.into_iter().map(|occurrences| part(occurrences, true)));
        messages.push(part(last, false));
    }
    messages
}

/// Whether occurrences fit one message.
pub(crate) fn fits(seen: &[Occurrence]) -> bool {
    seen.iter().map(weight).sum::<usize>() <= PER_MESSAGE
}

/// How many occurrences without guests it weighs as much as.
fn weight(occurrence: &Occurrence) -> usize {
    1 + (occurrence.attendee_mails.len() + occurrence.declined_mails.len()) / GUESTS_PER_OCCURRENCE
}

/// Occurrences in parts that each fit a message.
fn parts(seen: Vec<Occurrence>) -> Vec<Vec<proto::SeenOccurrence>> {
    let mut parts = Vec::new();
    let (mut part, mut so_far) = (Vec::new(), 0);
    for occurrence in seen {
        let more = weight(&occurrence);
        if so_far + more > PER_MESSAGE && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            so_far = 0;
        }
        so_far += more;
        part.push(seen_occurrence(occurrence));
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

fn scope(scope: Scope) -> proto::scope::Scope {
    match scope {
        Scope::Event(id) => proto::scope::Scope::EventId(id),
        Scope::Series { series, window } => proto::scope::Scope::Series(proto::SeriesScope {
            series_id: series,
            from: Some(to_proto(window.starts_at())),
            to: Some(to_proto(window.ends_at())),
        }),
        Scope::Window(window) => proto::scope::Scope::Window(proto::WindowScope {
            from: Some(to_proto(window.starts_at())),
            to: Some(to_proto(window.ends_at())),
        }),
    }
}

fn seen_occurrence(seen: Occurrence) -> proto::SeenOccurrence {
    let (series_id, original_start) = match seen.key {
        OccurrenceKey::Event(_) => (String::new(), None),
        OccurrenceKey::Slot {
            series,
            original_start,
        } => (series, Some(original_start)),
    };
    proto::SeenOccurrence {
        event_id: seen.event_id,
        series_id,
        original_start: original_start.map(to_proto),
        cancelled: seen.cancelled,
        room_answer: room_answer(seen.room_answer).into(),
        transparent: seen.transparent,
        private: seen.private,
        starts_at: seen.window.map(|window| to_proto(window.starts_at())),
        ends_at: seen.window.map(|window| to_proto(window.ends_at())),
        all_day: seen.all_day,
        organizer_mail: seen.organizer_mail.unwrap_or_default(),
        organizer_is_room: seen.organizer_is_room,
        creator_mail: seen.creator_mail.unwrap_or_default(),
        attendee_mails: seen.attendee_mails,
        declined_mails: seen.declined_mails,
        title: seen.title.unwrap_or_default(),
        flexopus_property: seen.flexopus_property.unwrap_or_default(),
    }
}

fn room_answer(answer: RoomAnswer) -> proto::RoomAnswer {
    match answer {
        RoomAnswer::Organizer => proto::RoomAnswer::Organizer,
        RoomAnswer::Accepted => proto::RoomAnswer::Accepted,
        RoomAnswer::Tentative => proto::RoomAnswer::Tentative,
        RoomAnswer::NeedsAction => proto::RoomAnswer::NeedsAction,
        RoomAnswer::Declined => proto::RoomAnswer::Declined,
        RoomAnswer::None => proto::RoomAnswer::None,
        RoomAnswer::Hidden => proto::RoomAnswer::Hidden,
    }
}

#[cfg(test)]
mod tests {
    use roomsync_domain::TimeWindow;

    use super::*;

    fn occurrence(number: usize, guests: usize) -> Occurrence {
        let at = DateTime::UNIX_EPOCH;
        Occurrence {
            key: OccurrenceKey::Event(format!("e{number}")),
            event_id: format!("e{number}"),
            cancelled: false,
            room_answer: RoomAnswer::Accepted,
            transparent: false,
            private: false,
            window: TimeWindow::new(at, at + chrono::TimeDelta::hours(1)).ok(),
            all_day: false,
            organizer_mail: None,
            organizer_is_room: false,
            creator_mail: None,
            attendee_mails: vec!["guest@example.com".to_owned(); guests],
            declined_mails: Vec::new(),
            title: None,
            flexopus_property: None,
        }
    }

    fn sizes(seen: Vec<Occurrence>) -> Vec<(usize, bool)> {
        let at = DateTime::UNIX_EPOCH;
        let window = TimeWindow::new(at, at + chrono::TimeDelta::days(1)).unwrap();
        let apply = Apply {
            tenant: "t".parse().unwrap(),
            calendar: CalendarId::new(),
            epoch: 1,
            listed_since: at,
            full_sync: true,
            reconcile: None,
            received_at: None,
            listings: vec![Listing {
                scope: Scope::Window(window),
                seen,
            }],
        };
        let messages = messages(apply);
        assert!(matches!(messages[0].message, Some(Message::Header(_))));
        let scopes = messages
            .into_iter()
            .skip(1)
            .map(|message| match message.message {
                Some(Message::Scope(scope)) => (scope.occurrences.len(), scope.continued),
                other => panic!("not a scope: {other:?}"),
            });
        scopes.collect()
    }

    #[test]
    fn a_listing_goes_as_a_whole_or_not_at_all() {
        let of = |count| vec![proto::ApplyRequest { message: None }; count];
        assert_eq!(all_in_one(of(MOST_MESSAGES)).unwrap().len(), MOST_MESSAGES);
        let refused = all_in_one(of(MOST_MESSAGES + 1));
        assert!(matches!(refused, Err(Trouble::TooLarge)));
    }

    #[test]
    fn an_empty_window_is_still_a_scope() {
        assert_eq!(sizes(vec![]), [(0, false)]);
    }

    #[test]
    fn a_large_window_goes_in_several_messages() {
        let seen = (0..1001).map(|number| occurrence(number, 0)).collect();
        assert_eq!(sizes(seen), [(500, true), (500, true), (1, false)]);
    }

    #[test]
    fn long_guest_lists_make_smaller_messages() {
        let seen = (0..20).map(|number| occurrence(number, 1600)).collect();
        let sizes = sizes(seen);
        assert!(sizes.len() > 1 && sizes.iter().all(|(count, _)| *count <= 4));
    }
}
