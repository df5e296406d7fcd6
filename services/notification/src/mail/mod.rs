//! Mails to people (B11): to the booker when a room is lost or a booking is refused, to the organiser when a
//! booking is declined in Flexopus, to administrators when their connection to Google is lost and when it
//! works again, and when a webhook is disabled.
//!
//! ```text
//! object.changed     -> log/append.rs -> notices.rs --.
//! connection.changed -> connections.rs ---------------+-> store.rs (a row, and mail.due with the same commit)
//! a webhook's last refusal -> webhooks.rs ------------'
//! mail.due -> deliver.rs -> facts.rs asks booking-command -> recipients.rs -> text.rs -> send.rs
//! ```
//!
//! What it guarantees:
//! * a notice is decided in the transaction that appends its change, so it is neither lost nor made twice;
//! * no row, no message and no log has a person in it: who they are and what a mail says is asked for when it
//!   is sent;
//! * who has lost several bookings of one object is told in one mail, if they ended within `mail.gather`;
//! * nothing is told of a booking that is over by the time its mail can be sent;
//! * nothing is ever sent to the address of a calendar or of a room (D26);
//! * a mail may arrive twice, when a process dies after the mail server took it; both have one `Message-ID`.
//!
//! To add a kind of mail: a [`notices::Kind`], the change that causes it, a template per language in
//! `templates/mail/`, and its arms in `recipients.rs` and `text.rs`.

pub mod config;
pub mod connections;
pub mod deliver;
pub mod facts;
pub mod language;
pub mod notices;
pub mod recipients;
pub mod send;
pub mod store;
pub mod text;
pub mod webhooks;
