//! What mails say: the templates in `templates/mail/`, one for each kind and language. Their first line is
//! the subject, the body follows after an empty one.
//!
//! They are compiled in, so a template that names something that is not there does not build. Texts are
//! plain: nothing in them is markup.

#![expect(
    clippy::ref_binding_to_reference,
    clippy::unnested_or_patterns,
    reason = "what the derive of templates writes"
)]

use askama::Template;
use roomsync_domain::Cause;

use super::{
    facts::{BookingFacts, ConnectionFacts},
    language::Language,
    notices::Kind,
    webhooks::WebhookFacts,
};

/// A mail without its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// Lines, the last one ended.
    pub body: String,
}

/// What templates about bookings may name.
struct Bookings<'a> {
    object: &'a str,
    location: &'a str,
    zone: &'static str,
    dates: Vec<Date<'a>>,
    cause: Option<Cause>,
    declined_by: DeclinedBy<'a>,
}

/// One booking.
struct Date<'a> {
    when: String,
    title: &'a str,
    several: bool,
}

impl Bookings<'_> {
    /// The booking, if the mail is about one alone.
    fn single(&self) -> Option<&Date<'_>> {
        match self.dates.as_slice() {
            [date] => Some(date),
            _ => None,
        }
    }
}

/// By whom a booking was declined in Flexopus.
enum DeclinedBy<'a> {
    Person(&'a str),
    Device,
    Administrator,
    Somebody,
}

#[derive(Template)]
enum Written<'a> {
    #[template(path = "mail/room_lost.de.txt")]
    RoomLostDe { it: Bookings<'a> },
    #[template(path = "mail/room_lost.en.txt")]
    RoomLostEn { it: Bookings<'a> },
    #[template(path = "mail/booking_refused.de.txt")]
    BookingRefusedDe { it: Bookings<'a> },
    #[template(path = "mail/booking_refused.en.txt")]
    BookingRefusedEn { it: Bookings<'a> },
    #[template(path = "mail/booking_declined.de.txt")]
    BookingDeclinedDe { it: Bookings<'a> },
    #[template(path = "mail/booking_declined.en.txt")]
    BookingDeclinedEn { it: Bookings<'a> },
    #[template(path = "mail/connection_lost.de.txt")]
    ConnectionLostDe { it: &'a ConnectionFacts },
    #[template(path = "mail/connection_lost.en.txt")]
    ConnectionLostEn { it: &'a ConnectionFacts },
    #[template(path = "mail/connection_active.de.txt")]
    ConnectionActiveDe { it: &'a ConnectionFacts },
    #[template(path = "mail/connection_active.en.txt")]
    ConnectionActiveEn { it: &'a ConnectionFacts },
    #[template(path = "mail/webhook_disabled.de.txt")]
    WebhookDisabledDe { it: &'a WebhookFacts },
    #[template(path = "mail/webhook_disabled.en.txt")]
    WebhookDisabledEn { it: &'a WebhookFacts },
}

/// What a mail says about one booking.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The booking.
    pub facts: &'a BookingFacts,
    /// It stands for several dates of its series.
    pub several: bool,
}

/// A mail about bookings of one object, of one person and for one cause, or nothing for a kind that is about
/// something else.
pub fn of_bookings(
    kind: Kind,
    told: &[Told<'_>],
    cause: Option<Cause>,
) -> Option<Result<Text, askama::Error>> {
    use Language::{English, German};

    let facts = told.first()?.facts;
    let language = Language::of(&facts.locale);
    let mut told = told.to_vec();
    told.sort_by_key(|it| it.facts.starts_at);
    let dates = told.into_iter().map(|it| Date {
        when: language.span(it.facts.starts_at, it.facts.ends_at, facts.zone),
        title: &it.facts.title,
        several: it.several,
    });
    let it = Bookings {
        object: &facts.object,
        location: &facts.location,
        zone: facts.zone.name(),
        dates: dates.collect(),
        cause,
        declined_by: match facts.declined_by.as_str() {
            _ if !facts.declined_by_mail.is_empty() => DeclinedBy::Person(&facts.declined_by_mail),
            "device" => DeclinedBy::Device,
            "administrator" => DeclinedBy::Administrator,
            _ => DeclinedBy::Somebody,
        },
    };
    let written = match (kind, language) {
        (Kind::RoomLost, German) => Written::RoomLostDe { it },
        (Kind::RoomLost, English) => Written::RoomLostEn { it },
        (Kind::BookingRefused, German) => Written::BookingRefusedDe { it },
        (Kind::BookingRefused, English) => Written::BookingRefusedEn { it },
        (Kind::BookingDeclined, German) => Written::BookingDeclinedDe { it },
        (Kind::BookingDeclined, English) => Written::BookingDeclinedEn { it },
        (Kind::ConnectionLost | Kind::ConnectionActive | Kind::WebhookDisabled, _) => return None,
    };
    Some(read(&written))
}

/// A mail about a connection, or nothing for a kind that is about something else.
pub fn of_connection(kind: Kind, it: &ConnectionFacts) -> Option<Result<Text, askama::Error>> {
    use Language::{English, German};

    let written = match (kind, Language::of(&it.locale)) {
        (Kind::ConnectionLost, German) => Written::ConnectionLostDe { it },
        (Kind::ConnectionLost, English) => Written::ConnectionLostEn { it },
        (Kind::ConnectionActive, German) => Written::ConnectionActiveDe { it },
        (Kind::ConnectionActive, English) => Written::ConnectionActiveEn { it },
        (
            Kind::RoomLost | Kind::BookingRefused | Kind::BookingDeclined | Kind::WebhookDisabled,
            _,
        ) => return None,
    };
    Some(read(&written))
}

/// A mail about a webhook that was disabled, in the language of whoever reads it.
pub fn of_webhook(it: &WebhookFacts, locale: &str) -> Result<Text, askama::Error> {
    read(&match Language::of(locale) {
        Language::German => Written::WebhookDisabledDe { it },
        Language::English => Written::WebhookDisabledEn { it },
    })
}

fn read(written: &Written<'_>) -> Result<Text, askama::Error> {
    let text = written.render()?;
    let (subject, body) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Text {
        subject: subject.trim().to_owned(),
        body: format!("{}\n", body.trim()),
    })
}

#[cfg(test)]
pub(super) mod tests;
