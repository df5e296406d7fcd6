//! The steps against a real PostgreSQL, a canned Google and a booking-command that writes down what
//! it is told. What several services do together is tested by the journeys.

mod bursts;
pub(crate) mod claims;
pub(crate) mod database;
mod fixture;
mod hands;
mod links;
mod pulls;
mod reconciles;
mod series;
mod silence;
