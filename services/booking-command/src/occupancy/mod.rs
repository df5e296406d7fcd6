//! `OccupancyService`: how much linked objects are occupied.
//!
//! What counts: bookings that are confirmed, and those that are being declined, because a room is occupied
//! until Google has let go of it; and the facts that were kept, without persons, of links that were taken
//! down. Overlapping ones are counted once. Days and hours are those of each object's own clock: a day has
//! 23 to 25 hours, and an hour that occurs twice counts both times.
//!
//! As with every reading of bookings the tenant needs no module for it. To count something else: its
//! figure in [`tally`], which sees every booking once, and its field in [`read`].

mod hours;
pub mod read;
mod rpc;
mod store;
pub mod tally;
#[cfg(test)]
mod tests;

pub use rpc::OccupancyRpc;
