//! State and rules of the simulated Google, without I/O.
//!
//! Every method works on `World::now` and leaves what follows from a change (rooms to ask,
//! notifications to send) in `World::effects`, which `Core::act` carries out. One file per concern:
//! who exists (`people`), what a calendar is (`calendar`, `roles`), what an event is (`event`,
//! `when`), how events change (`write`, `spread`, `rooms`), what a series is (`recurrence`, `series`,
//! `occurrences`, `exceptions`, `split`), who organizes it (`handover`), how all is shown (`view`, `select`, `listing`, `instances`,
//! `cursor`), how they are watched (`channels`), the Directory (`directory`,
//! `users`), tokens (`grants`, `consent`, `id_token`) and how much of all there may be (`quota`).

mod after_answer;
mod calendar;
mod calendars;
mod channels;
mod consent;
mod cursor;
mod directory;
mod error;
mod event;
mod exceptions;
mod free_busy;
mod grants;
mod handover;
mod id_token;
mod ids;
mod instances;
mod listing;
mod occurrences;
mod oddity;
mod people;
mod pkce;
mod query;
mod quota;
mod recurrence;
mod roles;
mod rooms;
mod select;
mod series;
mod split;
mod spread;
mod state;
mod users;
mod view;
mod when;
mod write;

pub(crate) use calendar::Calendar;
pub(crate) use channels::{Message, WatchRequest};
pub use consent::{Consent, OAuthClient};
pub(crate) use consent::{Granted, Redeemed, Request as ConsentRequest};
pub(crate) use error::ApiError;
pub(crate) use free_busy::FreeBusyRequest;
pub(crate) use grants::{Caller, GrantError, asked_subject};
pub use oddity::Oddity;
pub(crate) use pkce::Challenge as PkceChallenge;
pub(crate) use query::ListQuery;
pub(crate) use quota::Api;
pub use roles::Role;
pub(crate) use series::occurrence_id;
pub(crate) use state::{Effect, World};
pub use when::When;
