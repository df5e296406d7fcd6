//! Suite: contracts. What other people, other processes and later versions rely on, held in files:
//! the folders and arrows of the workspace, the shapes of messages, the configuration's defaults,
//! the list of behaviours, and what must not be there.

mod absent;
mod behaviours;
mod config;
mod messages;
mod migrations;
mod parked;
mod topology;
mod workspace;
