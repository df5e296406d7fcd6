//! Typed Google calls: Calendar, Directory and the service-account grant.
//!
//! Reading is lenient, meaning is strict. An answer may miss every optional field, hold words this
//! version does not know or one event that is garbage: the rest of it is used and the odd item is
//! counted. What Google refuses becomes a [`GoogleError`] that says what to do ([`Advice`]); it is
//! decided by status and reason, never by the text of a message.
//!
//! Guaranteed: every call has a deadline, a limit on the answer's size, the access token and
//! `quotaUser`; one method is one request, so that one unit of the budget pays for it; no mail
//! address, title or token gets into an error, a log line, a metric or a span.
//!
//! To add a call: a line in [`call::Call`], a method on [`Google`] in the file of its API
//! (`list.rs`, `watch.rs`, `directory.rs`, ...), its types beside it, a wiremock test of the URL. To
//! teach a new refusal: a row in `classify.rs` and in the table of its test.

#![warn(missing_docs)]

mod answer;
mod calendar;
mod call;
mod classify;
mod client;
mod config;
mod directory;
mod error;
mod event;
mod event_time;
mod get;
mod id_token;
mod instance_id;
mod instances;
mod lenient;
mod list;
mod oauth;
mod occurrence;
mod odd;
mod organizer;
mod retry_after;
mod role;
pub mod scopes;
mod service_account;
mod token;
mod users;
mod watch;
mod write;
mod zone;

pub use calendar::CalendarSettings;
pub use client::{Access, Google};
pub use config::{GoogleConfig, InvalidGoogleConfig};
pub use directory::{CalendarResource, ResourcesPage};
pub use error::{AccessLostWhy, Advice, GoogleError, reason};
pub use event::{
    Attendee, Event, EventStatus, ExtendedProperties, Person, ResponseStatus, Transparency,
    Visibility,
};
pub use event_time::EventTime;
pub use id_token::{IdTokenError, IdTokenWhy, SignedIn, claimed_account};
pub use instances::InstancesQuery;
pub use list::{EventsPage, ListQuery};
pub use oauth::{ConsentQuestion, Granted, OAuthClient};
pub use occurrence::FLEXOPUS_PROPERTY;
pub use odd::{OddEvent, OddItem, OddWhy};
pub use organizer::GuestList;
pub use role::AccessRole;
pub use service_account::{KeyError, ServiceAccountKey};
pub use token::AccessToken;
pub use users::DirectoryUser;
pub use watch::{WatchRequest, WatchedChannel};
pub use write::{NewEvent, SendUpdates};
