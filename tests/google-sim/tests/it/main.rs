//! The simulator's rules, each told by a test over HTTP.

mod control;
mod copies;
mod cursors;
mod directory;
mod faults;
mod grants;
mod hook;
mod listing;
mod push;
mod quota;
mod roles;
mod rooms;
mod support;
mod writing;
