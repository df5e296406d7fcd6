//! What this service consumes, a file per message.

pub mod connection_changed;
pub mod delivery_due;
pub mod mail_due;
pub mod object_changed;
