//! `DisplayService`: what a display at a door shows.
//!
//! A stream per display: the object's state at once, and again whenever it changes. What happened in the
//! database is heard of ([`crate::watch`]), and looked for every few seconds in case a hint was lost; what
//! happens by time alone is computed from what was read before, so that at the full hour, when meetings
//! begin everywhere, nothing has to be read. Private bookings come without who and what.
//!
//! ```text
//! rpc -> follow -> read    the facts, in one snapshot
//!           |----> state   facts and a time -> what is shown, and when that changes; pure
//!           '----> outlet  a short buffer, and why the stream ended
//! ```
//!
//! To show something more: what it follows from in [`read`], the decision in [`state`], and when time
//! alone changes it, that instant in `Facts::changes_at`.

mod day;
mod follow;
mod outlet;
mod read;
mod rpc;
pub mod state;
#[cfg(test)]
mod tests;

pub use rpc::DisplayRpc;
