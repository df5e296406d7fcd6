//! The stream of an `Apply`, checked and gathered before its transaction begins.
//!
//! It is bounded, because it is held in memory: [`MOST_MESSAGES`] and [`MOST_OCCURRENCES`] are far
//! above what a room's calendar holds in two years, a caller that exceeds them is broken. An
//! occurrence is never refused for its times: those that make no window simply block nothing.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use roomsync_domain::{
    LinkId, Occurrence, OccurrenceKey, RoomAnswer, TenantId, TimeWindow,
    decide::{Listing, Scope},
};
use roomsync_proto::internal::v1 as pb;

use crate::{convert, status::CommandError, validate};

/// The most messages of one stream.
pub const MOST_MESSAGES: usize = 10_000;
/// The most occurrences of one stream.
pub const MOST_OCCURRENCES: usize = 50_000;

/// One listing of a link's calendar.
#[derive(Debug, Clone)]
pub struct Apply {
    /// Whose link.
    pub tenant: TenantId,
    /// Which link.
    pub link: LinkId,
    /// Which listing: a greater one is later.
    pub epoch: i64,
    /// When its first page was fetched, by our database's clock.
    pub listed_since: DateTime<Utc>,
    /// It completes the import of a new link.
    pub full_sync: bool,
    /// When the push that caused it was received.
    pub received_at: Option<DateTime<Utc>>,
    /// It is the daily comparison: what it changes is drift.
    pub reconcile: bool,
    /// Up to where the mirrored window reached before a reconcile; `None` when nobody knows.
    pub mirrored_until: Option<DateTime<Utc>>,
    /// What was listed.
    pub listings: Vec<Listing>,
}

/// Gathers the messages of a stream.
#[derive(Debug, Default)]
pub struct Gathering {
    apply: Option<Apply>,
    messages: usize,
    occurrences: usize,
    /// The window that goes on in the next message.
    continued: Option<Scope>,
}

impl Gathering {
    /// Takes the next message.
    pub fn take(&mut self, message: pb::ApplyRequest) -> Result<(), CommandError> {
        use pb::apply_request::Message;
        self.messages += 1;
        if self.messages > MOST_MESSAGES {
            return Err(CommandError::invalid(
                "message",
                "at most 10000 messages in one Apply",
            ));
        }
        match (message.message, &mut self.apply) {
            (Some(Message::Header(sent)), None) => self.apply = Some(header(&sent)?),
            (Some(Message::Header(_)), Some(_)) => {
                return Err(CommandError::invalid("header", "exactly one header"));
            }
            (Some(Message::Scope(sent)), Some(apply)) => {
                self.occurrences += sent.occurrences.len();
                if self.occurrences > MOST_OCCURRENCES {
                    let expected = "at most 50000 occurrences in one Apply";
                    return Err(CommandError::invalid("scope.occurrences", expected));
                }
                let continued = sent.continued;
                let listing = listing(sent)?;
                if self
                    .continued
                    .take()
                    .is_some_and(|scope| scope != listing.scope)
                {
                    let expected = "the rest of the window that the message before left open";
                    return Err(CommandError::invalid("scope", expected));
                }
                self.continued = continued.then(|| listing.scope.clone());
                apply.listings.push(listing);
            }
            (Some(Message::Scope(_)), None) => {
                return Err(CommandError::invalid(
                    "header",
                    "a header as the first message",
                ));
            }
            (None, _) => return Err(CommandError::invalid("message", "a header or a scope")),
        }
        Ok(())
    }

    /// The whole listing, once the stream has ended. Half a window says nothing about absence, so a
    /// stream that ends in one is refused.
    pub fn finish(self) -> Result<Apply, CommandError> {
        if self.continued.is_some() {
            return Err(CommandError::invalid(
                "scope.continued",
                "the rest of the window",
            ));
        }
        self.apply
            .ok_or_else(|| CommandError::invalid("header", "a header as the first message"))
    }
}

fn header(sent: &pb::ApplyHeader) -> Result<Apply, CommandError> {
    if sent.epoch < 1 {
        return Err(CommandError::invalid("header.epoch", "an epoch from 1 on"));
    }
    Ok(Apply {
        tenant: validate::id("header.tenant_id", &sent.tenant_id)?,
        link: link_id("header.link_id", &sent.link_id)?,
        epoch: sent.epoch,
        listed_since: instant("header.listed_since", sent.listed_since.as_ref())?,
        full_sync: sent.full_sync,
        received_at: sent.received_at.as_ref().and_then(convert::instant),
        reconcile: sent.reconcile,
        mirrored_until: sent.mirrored_until.as_ref().and_then(convert::instant),
        listings: Vec::new(),
    })
}

/// The id of a link.
pub(super) fn link_id(field: &'static str, text: &str) -> Result<LinkId, CommandError> {
    text.parse()
        .map_err(|_| CommandError::invalid(field, "the UUID of a link"))
}

fn instant(field: &'static str, stamp: Option<&Timestamp>) -> Result<DateTime<Utc>, CommandError> {
    stamp
        .and_then(convert::instant)
        .ok_or_else(|| CommandError::invalid(field, "a timestamp"))
}

fn listing(sent: pb::Scope) -> Result<Listing, CommandError> {
    use pb::scope::Scope as Sent;
    let scope = match sent.scope {
        Some(Sent::EventId(id)) if !id.is_empty() => Scope::Event(id),
        Some(Sent::Series(series)) if !series.series_id.is_empty() => Scope::Series {
            window: window("scope.series.to", series.from.as_ref(), series.to.as_ref())?,
            series: series.series_id,
        },
        Some(Sent::Window(listed)) => Scope::Window(window(
            "scope.window.to",
            listed.from.as_ref(),
            listed.to.as_ref(),
        )?),
        _ => {
            return Err(CommandError::invalid(
                "scope",
                "an event, a series or a window",
            ));
        }
    };
    if sent.continued && !matches!(scope, Scope::Window(_)) {
        return Err(CommandError::invalid(
            "scope.continued",
            "false except for a window",
        ));
    }
    let seen = sent.occurrences.into_iter().enumerate();
    let seen = seen
        .map(|(index, sent)| occurrence(index, sent))
        .collect::<Result<_, _>>()?;
    Ok(Listing { scope, seen })
}

fn window(
    field: &'static str,
    from: Option<&Timestamp>,
    to: Option<&Timestamp>,
) -> Result<TimeWindow, CommandError> {
    let from = from.and_then(convert::instant);
    let to = to.and_then(convert::instant);
    from.zip(to)
        .and_then(|(from, to)| TimeWindow::new(from, to).ok())
        .ok_or_else(|| CommandError::invalid(field, "an end later than the start"))
}

fn occurrence(index: usize, sent: pb::SeenOccurrence) -> Result<Occurrence, CommandError> {
    let field = |name: &str| format!("scope.occurrences[{index}].{name}");
    if sent.event_id.is_empty() {
        return Err(CommandError::invalid(
            field("event_id"),
            "Google's id of the event",
        ));
    }
    let original_start = sent.original_start.as_ref().and_then(convert::instant);
    let key = match (sent.series_id.is_empty(), original_start) {
        (true, _) => OccurrenceKey::Event(sent.event_id.clone()),
        (false, Some(original_start)) => OccurrenceKey::Slot {
            series: sent.series_id,
            original_start,
        },
        (false, None) => {
            let expected = "the occurrence's slot in its series";
            return Err(CommandError::invalid(field("original_start"), expected));
        }
    };
    let room_answer = match pb::RoomAnswer::try_from(sent.room_answer) {
        Ok(pb::RoomAnswer::Organizer) => RoomAnswer::Organizer,
        Ok(pb::RoomAnswer::Accepted) => RoomAnswer::Accepted,
        Ok(pb::RoomAnswer::Tentative) => RoomAnswer::Tentative,
        Ok(pb::RoomAnswer::NeedsAction) => RoomAnswer::NeedsAction,
        Ok(pb::RoomAnswer::Declined) => RoomAnswer::Declined,
        Ok(pb::RoomAnswer::None) => RoomAnswer::None,
        Ok(pb::RoomAnswer::Hidden) => RoomAnswer::Hidden,
        Ok(pb::RoomAnswer::Unspecified) if sent.cancelled => RoomAnswer::None,
        Ok(pb::RoomAnswer::Unspecified) | Err(_) => {
            return Err(CommandError::invalid(
                field("room_answer"),
                "the room's answer",
            ));
        }
    };
    let starts_at = sent.starts_at.as_ref().and_then(convert::instant);
    let ends_at = sent.ends_at.as_ref().and_then(convert::instant);
    Ok(Occurrence {
        key,
        event_id: sent.event_id,
        cancelled: sent.cancelled,
        room_answer,
        transparent: sent.transparent,
        private: sent.private,
        window: starts_at
            .zip(ends_at)
            .and_then(|(from, to)| TimeWindow::new(from, to).ok()),
        all_day: sent.all_day,
        organizer_mail: mail(&sent.organizer_mail),
        organizer_is_room: sent.organizer_is_room,
        creator_mail: mail(&sent.creator_mail),
        attendee_mails: mails(&sent.attendee_mails),
        declined_mails: mails(&sent.declined_mails),
        title: text(sent.title),
        flexopus_property: text(sent.flexopus_property),
    })
}

fn mails(texts: &[String]) -> Vec<String> {
    texts.iter().filter_map(|text| mail(text)).collect()
}

fn mail(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_lowercase())
}

fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
