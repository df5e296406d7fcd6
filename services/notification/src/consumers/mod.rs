//! What this service consumes, a file per message.

pub mod object_changed;
