//! Words and decisions of roomsync.
//!
//! Everything here is a value or a pure function: no I/O, no async, no globals except the two that
//! make fresh ids ([`ids`]) and read the wall clock ([`clock::SystemClock`]). Decisions of the domain
//! live here so that they can be read, and tested, without a database or a broker.
//!
//! To add a word: one file, one type, named as the table of words in the README names it. To add a
//! decision: a pure function beside the type it decides about, with a table of cases as its test.

pub mod actor;
pub mod booking;
pub mod channel_token;
pub mod clock;
pub mod decide;
pub mod flags;
pub mod ids;
pub mod link;
pub mod mail;
pub mod occurrence;
pub mod policy;
pub mod time_window;
mod words;
pub mod writing;

pub use actor::Actor;
pub use booking::{Booker, BookingState, Cause};
pub use clock::{Clock, SharedClock, SystemClock};
pub use flags::Flags;
pub use ids::{
    BookingId, CalendarId, ChannelId, ConnectionId, DeviceId, InvalidId, LinkId, ObjectId,
    TenantId, UserId,
};
pub use link::{Capability, LinkReason, LinkState};
pub use mail::{InvalidMail, MailAddress, ResourceEmail};
pub use occurrence::{Occurrence, OccurrenceKey, RoomAnswer};
pub use time_window::{InvalidWindow, TimeWindow};
pub use writing::{GoogleWrite, Placement};
