//! State and rules of the simulated Google, without I/O.
//!
//! Every method works on `World::now` and leaves what follows from a change (rooms to ask,
//! notifications to send) in `World::effects`, which `Core::act` carries out. One file per concern:
//! who exists (`people`), what a calendar is (`calendar`, `roles`), what an event is (`event`,
//! `when`), how events change (`write`, `spread`, `rooms`), what a series is (`recurrence`, `series`,
//! `occurrences`, `exceptions`, `split`), who organizes it (`handover`), how all is shown (`view`, `select`, `listing`, `instances`,
//! `cursor`), how they are watched (`channels`), the Directory (`directory`) and tokens (`grants`).

mod calendar;
mod channels;
mod cursor;
mod directory;
mod error;
mod event;
mod exceptions;
mod grants;
mod handover;
mod ids;
mod instances;
mod listing;
mod occurrences;
mod people;
mod query;
mod recurrence;
mod roles;
mod rooms;
mod select;
mod series;
mod split;
mod spread;
mod state;
mod view;
mod when;
mod write;

pub(crate) use calendar::Calendar;
pub(crate) use channels::{Message, WatchRequest};
pub(crate) use error::ApiError;
pub(crate) use grants::Caller;
pub(crate) use query::ListQuery;
pub use roles::Role;
pub(crate) use series::occurrence_id;
pub(crate) use state::{Effect, World};
pub use when::When;
