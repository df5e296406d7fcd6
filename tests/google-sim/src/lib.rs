//! A Google Workspace simulator over HTTP: Calendar, Directory, the token endpoint and push.
//!
//! [`Sim::start`] opens a listener on the caller's runtime and hands back a [`SimHandle`] with the
//! addresses to configure a client with and a [`Control`] to act as Google's users. The binary
//! `google-sim` serves the same thing; [`ControlClient`] drives it over HTTP.
//!
//! What it guarantees: it never answers more kindly than Google is documented to. Each rule is a
//! test in `tests/`, named as a sentence.
//!
//! How it is laid out, and where to add:
//! * `world/`: state and rules without I/O. Time comes in as `World::now`, consequences go out as
//!   `Effect`s. A new rule about events goes here.
//! * `http/`: the Google endpoints; one file per resource, all behind `http::gate`, which writes
//!   the ledger, plays faults and checks tokens, scopes and quota. A new endpoint is a route in
//!   `http/mod.rs`, a line in `Operation::of` and a handler.
//! * `push/`: channels' notifications, with their own faults.
//! * `control/`: the tester's side. A new action is a `Command` variant, an arm in
//!   `control/execute.rs` and a method on [`Control`] and [`ControlClient`].
//! * [`faults`], [`ledger`], [`settings`]: what can go wrong, what happened, what is switched.
//!
//! The README has a table of what is simulated and where.
#![expect(
    clippy::disallowed_methods,
    reason = "a test tool: it owns its clock, its tasks and its HTTP client"
)]

mod accounts;
pub mod chaos;
mod control;
pub mod faults;
mod http;
pub mod ledger;
mod push;
pub mod settings;
mod sim;
mod world;

pub use accounts::ServiceAccount;
pub use chaos::{CallChaos, PushChaos};
pub use control::{
    Answer, Channel, Command, Control, ControlClient, ControlError, HoldId, NewEvent, NewRoom,
    NewUser, OrgControl, RoomControl, UserControl, instance_id,
};
pub use faults::{Effect, Fault, HoldGuard};
pub use ledger::{Call, Operation};
pub use push::{Push, PushEffect, PushFault};
pub use settings::{FreeBusyListing, RoomRelease, Settings};
pub use sim::{Sim, SimConfig, SimHandle, Urls};
pub use world::{Consent, OAuthClient, Oddity, Role, When};

/// The OAuth scopes that the simulator knows.
pub mod scopes {
    /// Everything about calendars.
    pub const CALENDAR: &str = "https://www.googleapis.com/auth/calendar";
    /// Read everything about calendars.
    pub const CALENDAR_READONLY: &str = "https://www.googleapis.com/auth/calendar.readonly";
    /// Read and write events of every accessible calendar.
    pub const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
    /// Read events of every accessible calendar.
    pub const EVENTS_READONLY: &str = "https://www.googleapis.com/auth/calendar.events.readonly";
    /// Read and write events of calendars that the caller owns.
    pub const EVENTS_OWNED: &str = "https://www.googleapis.com/auth/calendar.events.owned";
    /// Read events of calendars that the caller owns.
    pub const EVENTS_OWNED_READONLY: &str =
        "https://www.googleapis.com/auth/calendar.events.owned.readonly";
    /// Make secondary calendars, and everything about those that the client has made.
    pub const APP_CREATED: &str = "https://www.googleapis.com/auth/calendar.app.created";
    /// Read and change the properties of calendars.
    pub const CALENDARS: &str = "https://www.googleapis.com/auth/calendar.calendars";
    /// Read the properties of calendars.
    pub const CALENDARS_READONLY: &str =
        "https://www.googleapis.com/auth/calendar.calendars.readonly";
    /// See when calendars are busy.
    pub const FREEBUSY: &str = "https://www.googleapis.com/auth/calendar.freebusy";
    /// See when calendars are busy, in events.
    pub const EVENTS_FREEBUSY: &str = "https://www.googleapis.com/auth/calendar.events.freebusy";
    /// Read the Directory's users.
    pub const USERS_READONLY: &str =
        "https://www.googleapis.com/auth/admin.directory.user.readonly";
    /// Read and write the Directory's users.
    pub const USERS: &str = "https://www.googleapis.com/auth/admin.directory.user";
    /// Sign in.
    pub const OPENID: &str = "openid";
    /// The address of who signs in.
    pub const EMAIL: &str = "email";
    /// Read and write the Directory's calendar resources.
    pub const RESOURCES: &str = "https://www.googleapis.com/auth/admin.directory.resource.calendar";
    /// Read the Directory's calendar resources.
    pub const RESOURCES_READONLY: &str =
        "https://www.googleapis.com/auth/admin.directory.resource.calendar.readonly";
}
