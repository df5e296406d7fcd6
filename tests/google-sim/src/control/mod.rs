//! The tester's side of the simulator: set up organisations and act as their people.
//!
//! [`Control`] works in the same process, [`ControlClient`] over HTTP; both speak [`Command`], the
//! one list of everything that can be asked. Acting as a user goes through the same rules as the
//! HTTP API, without a token.

mod client;
mod command;
mod consent;
mod entry;
mod execute;
pub(crate) mod http;
mod mischief;
mod mischief_client;
mod org;
mod people;
mod series;
mod series_client;
mod types;

pub use client::ControlClient;
pub use command::{Command, HoldId};
pub use entry::Control;
pub use org::OrgControl;
pub use people::{RoomControl, UserControl};
pub use series::instance_id;
pub use types::{Answer, Channel, ControlError, NewEvent, NewRoom, NewUser};
