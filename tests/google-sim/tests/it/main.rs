//! The simulator's rules, each told by a test over HTTP.

mod control;
mod copies;
mod cursors;
mod directory;
mod exceptions;
mod faults;
mod grants;
mod hook;
mod listing;
mod organizers;
mod push;
mod quota;
mod roles;
mod rooms;
mod series;
mod series_rooms;
mod split;
mod support;
mod sync_series;
mod walk;
mod writing;
