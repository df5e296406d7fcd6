//! Persons leave bookings (B13): some days after their end where the tenant wishes it, and in any case when
//! their link is removed or the user is deleted.
//!
//! A person is in: the booking's booker, mail, title, calendar and who declined it; its history; the earlier changes of its
//! object (here `booking.changes`, in notification its log); and the id of the request that made it. All
//! of them are rewritten in the transaction in which the person leaves, notification's log when it hears of it
//! (`ObjectChanged.forgotten`). A listing of Google's brings nobody back (`mirror/forgotten.rs`).
//!
//! An ended booking about which Google has yet to be told something keeps its person until that is done (`writes`).
//! A decline of a series that such a date asked for goes on without it (`declines`).
//! Tokens in a person's name go with the user, or when they are not used any more (`cleanup.rs`).
//!
//! What is left for a while: a message parked on the broker holds a user's id until it is sent again or dropped.

mod declines;
mod job;
mod leave;
#[cfg(test)]
mod tests;
mod writes;

pub use job::{anonymise, run};
pub use leave::{forget_changes, persons_leave};
pub use writes::{after_write, drop_google_writes};
