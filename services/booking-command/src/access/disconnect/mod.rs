//! Ending a connection (R79, R80, D7): nothing more comes, every booking of linked objects goes, nothing is
//! changed in Google.
//!
//! 1. `begin`: one transaction makes the connection `disconnecting` and closes every link, whose address is kept.
//! 2. sync-worker stops the channels with the grant that still stands, and reports each link closed: with that
//!    its bookings end (`mirror/report_closed.rs`). Links that nobody reported for an hour are removed all the same.
//! 3. `undos`: what we made in Google and have to take back is taken back while we can; nobody would own it there.
//!    For an hour at most, too.
//! 4. `revoke`: the grant is given back.
//! 5. `finish`: one transaction forgets every secret, puts the kept addresses back as links that wait for the
//!    tenant to connect again, and makes the connection `disconnected`.
//!
//! Steps 2 to 5 are gone through by a job in every replica ([`run`]), which claims one connection at a time. Each
//! step finds out from the rows what is left of it, so a crash anywhere costs only the time until the claim
//! lapses. A tenant whose module has been off for long is disconnected by the same job (D23).

mod begin;
mod finish;
mod job;
mod kept;
mod preview;
mod revoke;
mod undos;

pub(super) use begin::disconnect;
pub use job::run;
pub(super) use preview::preview;
