//! What this service consumes, a file per message.

pub mod delivery_due;
pub mod object_changed;
